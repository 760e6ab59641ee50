"""What a setting is: its name, what it may be, and the refusal of everything else.

`settings.SCHEMA` lists them all. Parsing, messages, object metadata and `docs/settings.md` follow
from that list. Standard library only: every function and the Spark container read settings.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import Any

from autodrop.errors import Rejected

METADATA_PREFIX = "autodrop-"
_LONGEST = 60
# As many as a table may have columns.
_MOST_NAMES = 2_000


class Kind(ABC):
    """What a setting may be.

    YAML's null is "not set" where there is such a thing, and not allowed elsewhere.

    Attributes:
        allowed: The values, as the end of "It must be …".
    """

    def __init__(self, allowed: str) -> None:
        self.allowed = allowed

    @abstractmethod
    def parsed(self, value: object) -> Any:
        """Return what `Settings` holds for a value of YAML or JSON.

        Raises:
            ValueError: The value is not allowed.
        """

    def written(self, value: Any) -> Any:
        """Return what `parsed` takes, for what `Settings` holds."""
        return value

    def from_text(self, text: str) -> object:
        """Return the value that is meant where everything is text; `text` when it is none."""
        return text


class Text(Kind):
    """Words of the user's own."""

    def __init__(self, allowed: str = "a text") -> None:
        super().__init__(allowed)

    def parsed(self, value: object) -> str | None:
        """Return the text; a number is a column or a class that is called so."""
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
            raise ValueError
        text = str(value)
        text.encode()  # half a character, as YAML's escapes can make it, is a ValueError
        return text


class Names(Kind):
    """A list of column names."""

    def __init__(self) -> None:
        super().__init__('a list of column names, such as [customer_id] or ["2024-01-05"]')

    def parsed(self, value: object) -> tuple[Any, ...]:
        """Return the names, each once: YAML's aliases write one a thousand times in a few bytes."""
        names = [] if value is None else value
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError
        once = dict.fromkeys(names)
        if len(once) > _MOST_NAMES:
            raise ValueError
        return tuple(Text().parsed(name) for name in once)

    def written(self, value: tuple[str, ...]) -> list[str]:
        """Return the names as a list."""
        return list(value)

    def from_text(self, text: str) -> list[str]:
        """Return the names between the commas."""
        return [name.strip() for name in text.split(",") if name.strip()]


class Choice(Kind):
    """One of some words, in capital letters or not."""

    def __init__(
        self,
        words: Mapping[str, Any],
        aliases: Mapping[str, str] | None = None,
        allowed: str = "",
    ) -> None:
        """Take words and what `Settings` holds for each, and other spellings in small letters."""
        super().__init__(allowed or f"one of {', '.join(words)}")
        self._words = words
        self._spellings = {word.lower(): word for word in words} | dict(aliases or {})

    def parsed(self, value: object) -> Any:
        """Return what the word stands for."""
        if value is None and "auto" in self._words:
            return self._words["auto"]
        if not isinstance(value, str) or value.lower() not in self._spellings:
            raise ValueError
        return self._words[self._spellings[value.lower()]]

    def written(self, value: Any) -> str:
        """Return the word."""
        return next(word for word, held in self._words.items() if held == value)


class WholeNumber(Kind):
    """A whole number in a range."""

    def __init__(self, lowest: int, highest: int) -> None:
        super().__init__(f"a whole number from {lowest} to {highest}")
        self._lowest, self._highest = lowest, highest

    def parsed(self, value: object) -> int:
        """Return the number."""
        # Python's booleans are whole numbers, too.
        if type(value) is int and self._lowest <= value <= self._highest:
            return value
        raise ValueError

    def from_text(self, text: str) -> object:
        """Return the number that the text spells."""
        try:
            return int(text)
        except ValueError:
            return text


class Share(Kind):
    """A number between 0 and 1, neither of them included."""

    def __init__(self) -> None:
        super().__init__("a number between 0 and 1, such as 0.2")

    def parsed(self, value: object) -> float:
        """Return the number."""
        # The comparison is false for NaN, too.
        if isinstance(value, float) and 0 < value < 1:
            return value
        raise ValueError

    def from_text(self, text: str) -> object:
        """Return the number that the text spells."""
        try:
            return float(text)
        except ValueError:
            return text


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        name: Its name with that of its group: `split.seed`.
        kind: What it may be.
        does: What it does, in a sentence.
        example: A value as it is written in YAML.
        default: What happens when it is not set, where that is not a value.
        parameter: The template parameter that sets it for all datasets.
        ceiling: The template parameter that it must not exceed.
    """

    name: str
    kind: Kind
    does: str
    example: str
    default: str = ""
    parameter: str = ""
    ceiling: str = ""

    @property
    def group(self) -> str:
        """The group that it is in; empty for none."""
        return self.name.rpartition(".")[0]

    @property
    def key(self) -> str:
        """Its name within its group."""
        return self.name.rpartition(".")[2]

    @property
    def metadata_name(self) -> str:
        """Its name in the metadata of an S3 object."""
        return METADATA_PREFIX + self.name.replace(".", "-").replace("_", "-")

    def parsed(self, value: object) -> Any:
        """Return what `Settings` holds for `value`.

        Raises:
            Rejected: `BAD_SETTINGS` when it is not allowed.
        """
        try:
            return self.kind.parsed(value)
        except ValueError:
            pass
        shown, allowed = shown_value(value), self.kind.allowed
        if value is None:
            allowed += ", or left out"
        elif isinstance(value, list) and isinstance(self.kind, Names):
            shown = f"a list of more than names, or of more than {_MOST_NAMES:,}"
        elif isinstance(value, bool | date) and isinstance(self.kind, Text):
            # YAML 1.1 reads a bare `yes` or `no` as a boolean; only the quoted word is the label.
            text = "yes" if isinstance(value, bool) else value
            allowed += f'; put it in quotes, such as {self.key}: "{text}"'
        raise not_allowed(self.name, shown, allowed)


def not_allowed(name: str, shown: str, allowed: str) -> Rejected:
    """Return the refusal of what the setting or group `name` is said to be."""
    return Rejected(
        "BAD_SETTINGS",
        f"The setting `{name}` is {shown}, which is not allowed.",
        f"`{name}` must be {allowed}.",
    )


def unknown_key(key: object, group: str, schema: Sequence[Setting]) -> Rejected:
    """Return the refusal of a key that `group`, or the top level when empty, does not have."""
    prefix = f"{group}." if group else ""
    here = [each.name for each in schema if each.name.startswith(prefix)]
    names = dict.fromkeys(name.removeprefix(prefix).partition(".")[0] for name in here)
    meant = {name: prefix + name for name in names}
    for each in schema:
        place = f"{each.group}: {{{each.key}: …}}" if each.group else each.key
        meant = {each.key: place, each.name: place} | meant
    shown = _in_short(key)
    return _no_such(prefix + shown, shown, meant, [prefix + name for name in names])


def unknown_metadata(name: str, schema: Sequence[Setting]) -> Rejected:
    """Return the refusal of a name that an object's metadata must not have."""
    names = [each.metadata_name for each in schema]
    # Without what they have in common, or all would be alike.
    meant = {each.removeprefix(METADATA_PREFIX): each for each in names}
    return _no_such(_in_short(name), name.removeprefix(METADATA_PREFIX), meant, names)


def _no_such(shown: str, given: str, meant: Mapping[str, str], known: Sequence[str]) -> Rejected:
    close = get_close_matches(given.lower()[:_LONGEST], meant, n=1, cutoff=0.7)
    return Rejected(
        "BAD_SETTINGS",
        f"There is no setting `{shown}`.",
        (f"Did you mean `{meant[close[0]]}`? " if close else "")
        + f"Use one of: {', '.join(known)}.",
    )


def shown_value(value: object) -> str:
    """Return what a message says of a user's value: never more than 60 characters of it."""
    # YAML's aliases make a few lines unfold to gigabytes: a list is named, never written out.
    if value is None or value == "":
        return "empty"
    if isinstance(value, str):
        return repr(value[:_LONGEST])
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _in_short(value)
    if isinstance(value, date):
        return f"the date {_in_short(value)}"
    if isinstance(value, Mapping):
        return "a group of settings"
    return "a list" if isinstance(value, list) else "neither text nor number"


def _in_short(value: object) -> str:
    if not isinstance(value, str | int | float | date):
        return shown_value(value)
    try:
        text = str(value)[:_LONGEST]
    except ValueError:
        # Python does not spell a number of more than 4,300 digits.
        return "a huge number"
    return text if text.isprintable() else repr(text)
