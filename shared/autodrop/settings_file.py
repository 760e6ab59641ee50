"""What `autodrop.yaml` says: its bytes, as the mapping that `parse_settings` takes.

Apart from `settings`, because only the functions that read the file carry a YAML reader.
"""

from __future__ import annotations

from typing import Any

import yaml

from autodrop.errors import Rejected
from autodrop.settings import SCHEMA
from autodrop.settings_schema import Names, Text

MOST_BYTES = 64 * 1024
_TEXTS = frozenset(each.key for each in SCHEMA if isinstance(each.kind, Text | Names))
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


def read_settings_file(content: bytes, place: str) -> dict[str, Any]:
    """Return what a settings file says; nothing when it is empty.

    Args:
        content: The file, or its first `MOST_BYTES` and one more.
        place: Where it is, for messages.

    Raises:
        Rejected: `BAD_SETTINGS` when it is too large, is not YAML, says something twice, or is not
            a group of settings.
    """
    if len(content) > MOST_BYTES:
        raise Rejected("BAD_SETTINGS", f"{place} is larger than 64 KB.", "Shorten it.")
    try:
        said = yaml.load(content, _Loader)  # noqa: S506 - it is a SafeLoader
    except yaml.MarkedYAMLError as error:
        raise _unreadable(place, error) from None
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError):
        # What PyYAML lets through: the 45th of a month, a number of 5,000 digits, bytes that are no
        # text, and tags on what they do not fit, such as `!!bool maybe`.
        raise _unreadable(place) from None
    if said is None:
        return {}
    if not isinstance(said, dict):
        raise Rejected("BAD_SETTINGS", f"{place} holds no settings.", "Write `name: value` lines.")
    return said


class _Loader(yaml.SafeLoader):
    """YAML less what would be misread.

    A key that stands twice is an error: the last one would win in silence. So is `<<`: merges of
    merges unfold to gigabytes while they are read. And the column 007 is not called 7.
    """

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for place, (key, value) in enumerate(node.value):
            if not isinstance(key, yaml.ScalarNode):
                continue
            mark = key.start_mark
            if key.tag == "tag:yaml.org,2002:merge":
                raise yaml.MarkedYAMLError(problem="`<<` is not supported", problem_mark=mark)
            if key.value in lines:
                name = key.value[:40] if key.value.isprintable() else repr(key.value[:40])
                raise yaml.MarkedYAMLError(
                    problem=f"`{name}` is set on line {lines[key.value]} already",
                    problem_mark=mark,
                )
            lines[key.value] = mark.line + 1
            if key.value in _TEXTS and isinstance(value, yaml.SequenceNode):
                value.value[:] = map(_as_written, value.value)
            elif key.value in _TEXTS:
                node.value[place] = key, _as_written(value)
        return node


def _as_written(node: yaml.Node) -> yaml.Node:
    if isinstance(node, yaml.ScalarNode) and node.tag in _NUMBERS:
        return yaml.ScalarNode("tag:yaml.org,2002:str", node.value, node.start_mark, node.end_mark)
    return node


def _unreadable(place: str, error: yaml.MarkedYAMLError | None = None) -> Rejected:
    mark = error.problem_mark if error else None
    # What YAML finds wrong can quote the file, with 20 characters of its own at least.
    why = f", line {mark.line + 1}: {str(error.problem)[:80]}" if error and mark else ""
    return Rejected(
        "BAD_SETTINGS",
        f"{place} cannot be read as YAML{why}.",
        "Correct it and drop the file again.",
        line=mark.line + 1 if mark else None,
    )
