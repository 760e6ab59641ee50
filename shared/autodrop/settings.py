"""What a user may set for a dataset.

Template parameters, then `autodrop.yaml`, then the object's metadata; the later wins. An unknown
key or a bad value is `Rejected` with the allowed values. `SCHEMA` says what there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter
from typing import Any
from urllib.parse import unquote

from autodrop.errors import Rejected
from autodrop.settings_schema import (
    METADATA_PREFIX,
    Choice,
    Names,
    Setting,
    Share,
    Text,
    WholeNumber,
    not_allowed,
    shown_value,
    unknown_key,
    unknown_metadata,
)


class ProblemType(StrEnum):
    """The kinds of problem, as a user writes them."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"

    @property
    def autopilot_name(self) -> str:
        """The same in CreateAutoMLJobV2."""
        return _AUTOPILOT_NAMES[self]

    @classmethod
    def from_autopilot(cls, name: str) -> ProblemType:
        """Return the kind that Autopilot calls `name`."""
        return {theirs: ours for ours, theirs in _AUTOPILOT_NAMES.items()}[name]

    @property
    def objectives(self) -> tuple[str, ...]:
        """Objectives that Autopilot takes for this kind; its default comes first.

        Source: TabularJobConfig and AutoMLJobObjective in the SageMaker API reference.
        """
        return _OBJECTIVES[self]


_AUTOPILOT_NAMES = {
    ProblemType.BINARY: "BinaryClassification",
    ProblemType.MULTICLASS: "MulticlassClassification",
    ProblemType.REGRESSION: "Regression",
}
_OBJECTIVES = {
    ProblemType.BINARY: ("F1", "Accuracy", "AUC", "BalancedAccuracy", "Precision", "Recall"),
    ProblemType.MULTICLASS: (
        "Accuracy",
        "BalancedAccuracy",
        "F1macro",
        "PrecisionMacro",
        "RecallMacro",
    ),
    ProblemType.REGRESSION: ("MSE", "MAE", "R2", "RMSE"),
}
# TransformInstanceType in the SageMaker API reference: a wrong one is better noticed before the
# training than after it.
_SIZES = {
    "m4": "xlarge 2xlarge 4xlarge 10xlarge 16xlarge",
    "c4": "xlarge 2xlarge 4xlarge 8xlarge",
    "p2": "xlarge 8xlarge 16xlarge",
    "p3": "2xlarge 8xlarge 16xlarge",
    "c5": "xlarge 2xlarge 4xlarge 9xlarge 18xlarge",
    "m5": "large xlarge 2xlarge 4xlarge 12xlarge 24xlarge",
    **dict.fromkeys(
        ("m6i", "c6i", "r6i"),
        "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge",
    ),
    **dict.fromkeys(
        ("m7i", "c7i", "r7i"),
        "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge",
    ),
    "g4dn": "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge",
    **dict.fromkeys(
        ("g5", "g6", "g6e"),
        "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge",
    ),
    "trn1": "2xlarge 32xlarge",
    "inf2": "xlarge 8xlarge 24xlarge 48xlarge",
}
TRANSFORM_INSTANCE_TYPES = frozenset(
    f"ml.{family}.{size}" for family, sizes in _SIZES.items() for size in sizes.split()
)
MODES = ("AUTO", "ENSEMBLING", "HYPERPARAMETER_TUNING")


@dataclass(frozen=True)
class ReadSettings:
    """How the file is read.

    Attributes:
        delimiter: The character between the cells; None finds it out, here as in what follows.
        encoding: `utf-8`, `utf-16`, `latin-1` or `windows-1252`.
        escape: How a quote stands in a quoted cell: `doubled` or behind a `backslash`.
        decimal: The character before a number's decimals.
        header_line: The line of the column names; 1 takes the first that is not blank.
    """

    delimiter: str | None = None
    encoding: str | None = None
    escape: str | None = None
    decimal: str | None = None
    header_line: int = 1


@dataclass(frozen=True)
class SplitSettings:
    """Which rows are held out of the training, to test the model on.

    Attributes:
        method: `random`: exactly the rows that `pandas.DataFrame.sample` leaves out; None takes
            that for what a function prepares, and `hash` for larger files.
        test_fraction: Share of the rows that is held out.
        seed: Seed of the random choice.
        column: The column of the groups or times; None for the other methods.
    """

    method: str | None = None
    test_fraction: float = 0.2
    seed: int = 200
    column: str | None = None


@dataclass(frozen=True)
class AutopilotSettings:
    """The budget of the AutoML job."""

    mode: str = "ENSEMBLING"
    max_candidates: int = 5
    max_runtime_minutes: int = 240


@dataclass(frozen=True)
class TransformSettings:
    """The instances of the batch transform, which scores the held-out rows."""

    instance_type: str = "ml.m5.4xlarge"
    instance_count: int = 1


@dataclass(frozen=True)
class Settings:
    """All settings of a run; every one has a default.

    Attributes:
        target: Column to predict; None chooses by name, else the last column.
        problem_type: None lets Autopilot infer it.
        objective: Autopilot's metric name; only together with `problem_type`.
        positive_class: The class that binary metrics are about; None chooses by name or rarity.
        ignore: Columns kept out of training and carried into `predictions.csv`.
        keep: Columns that are learned from although they look like identifiers.
    """

    target: str | None = None
    problem_type: ProblemType | None = None
    objective: str | None = None
    positive_class: str | None = None
    ignore: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    read: ReadSettings = field(default_factory=ReadSettings)
    split: SplitSettings = field(default_factory=SplitSettings)
    autopilot: AutopilotSettings = field(default_factory=AutopilotSettings)
    transform: TransformSettings = field(default_factory=TransformSettings)

    def to_json(self) -> dict[str, Any]:
        """Return what `parse_settings` makes these settings of; it may stand in YAML."""
        written: dict[str, Any] = {}
        for setting in SCHEMA:
            place = written.setdefault(setting.group, {}) if setting.group else written
            place[setting.key] = setting.kind.written(attrgetter(setting.name)(self))
        return written


GROUPS = {
    "read": ReadSettings,
    "split": SplitSettings,
    "autopilot": AutopilotSettings,
    "transform": TransformSettings,
}
_BY_COLUMN = ("group", "time")
_AUTO = {"auto": None}


def _same(*words: str) -> dict[str, str]:
    return {word: word for word in words}


# In the order of `docs/settings.md`, which `make docs` writes from this.
SCHEMA = (
    Setting(
        "target",
        Text("a text, the name of a column"),
        "The column to predict.",
        example="y",
        default="a column called y, target, label, class or outcome, else the last one",
    ),
    Setting(
        "problem_type",
        Choice(_AUTO | {str(kind): kind for kind in ProblemType}),
        "The kind of problem; `auto` leaves it to Autopilot.",
        example="binary",
    ),
    Setting(
        "objective",
        Choice(_AUTO | _same(*(name for kind in ProblemType for name in kind.objectives))),
        "The metric that Autopilot optimises. It must fit `problem_type`, which has to be set too.",
        example="AUC",
    ),
    Setting(
        "positive_class",
        Text(),
        "The class that the objective, precision, recall and the like are about, as the file "
        "spells it. Only where there are two.",
        example='"yes"',
        default="a class called yes, true, 1, positive, y or t, else the rarer one",
    ),
    Setting(
        "ignore",
        Names(),
        "Columns that are kept out of the training and come back in `predictions.csv`.",
        example="[email]",
        default="none",
    ),
    Setting(
        "keep",
        Names(),
        "Columns that are learned from although they look like identifiers, which are kept out "
        "otherwise.",
        example="[postcode]",
        default="none",
    ),
    Setting(
        "read.delimiter",
        Choice(
            _AUTO | {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"},
            {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"},
        ),
        "What separates the cells: the word, or the character itself in quotes.",
        example="semicolon",
    ),
    Setting(
        "read.encoding",
        Choice(
            _AUTO | _same("utf-8", "utf-16", "latin-1", "windows-1252"),
            {
                "utf8": "utf-8",
                "utf16": "utf-16",
                "latin1": "latin-1",
                "iso-8859-1": "latin-1",
                "cp1252": "windows-1252",
            },
        ),
        "How bytes become characters; `iso-8859-1` and `cp1252` are understood as well.",
        example="windows-1252",
    ),
    Setting(
        "read.escape",
        Choice(_AUTO | _same("doubled", "backslash")),
        'How a quote is written inside a quoted cell: `""` or `\\"`.',
        example="doubled",
    ),
    Setting(
        "read.decimal",
        Choice(_AUTO | {"point": ".", "comma": ","}, {".": "point", ",": "comma"}),
        "What stands before a number's decimals: the word, or the character itself in quotes.",
        example="comma",
    ),
    Setting(
        "read.header_line",
        WholeNumber(1, 1_000_000),
        "The line of the column names, where other lines stand before it; 1 takes the first line "
        "that is not blank.",
        example="3",
    ),
    Setting(
        "split.method",
        Choice(_AUTO | _same("random", "stratified", "hash", *_BY_COLUMN)),
        "How rows are chosen. `random`: those of `pandas.DataFrame.sample`; `stratified`: the same "
        "share of every class; `hash`: by a row's content, so that it keeps its side when the file "
        "grows; `group`: no value of `split.column` on both sides; `time`: the latest by "
        "`split.column`. `auto` is `random`.",
        example="group",
    ),
    Setting(
        "split.column",
        Text("a text, the name of a column"),
        "The column of the groups or times: needed for `group` and `time`, not allowed otherwise.",
        example="customer_id",
        default="none",
    ),
    Setting(
        "split.test_fraction",
        Share(),
        "The share of the rows that is held out.",
        example="0.25",
    ),
    Setting(
        "split.seed",
        WholeNumber(0, 2**32 - 1),
        "The seed of the random choice: the same seed holds out the same rows.",
        example="7",
    ),
    Setting(
        "autopilot.mode",
        Choice(_same(*MODES)),
        "How Autopilot looks for a model.",
        example="AUTO",
        parameter="AutopilotMode",
    ),
    Setting(
        "autopilot.max_candidates",
        WholeNumber(1, 750),
        "How many candidates Autopilot trains at most.",
        example="10",
        parameter="MaxCandidates",
        ceiling="CeilingCandidates",
    ),
    Setting(
        "autopilot.max_runtime_minutes",
        WholeNumber(1, 43_200),
        "How long the Autopilot job may run at most. This is what limits its cost.",
        example="60",
        parameter="MaxRuntimeMinutes",
        ceiling="CeilingRuntimeMinutes",
    ),
    Setting(
        "transform.instance_type",
        Choice(
            _same(*sorted(TRANSFORM_INSTANCE_TYPES)),
            allowed="an instance type that batch transform has, such as ml.m5.4xlarge",
        ),
        "What scores the held-out rows.",
        example="ml.m5.xlarge",
        parameter="TransformInstanceType",
        ceiling="AllowedTransformInstanceTypes",
    ),
    Setting(
        "transform.instance_count",
        WholeNumber(1, 100),
        "How many instances score the held-out rows.",
        example="2",
        parameter="TransformInstanceCount",
        ceiling="CeilingTransformInstances",
    ),
)
_BY_PLACE = {(setting.group, setting.key): setting for setting in SCHEMA}
_BY_METADATA_NAME = {setting.metadata_name: setting for setting in SCHEMA}


def parse_settings(*layers: Mapping[str, Any]) -> Settings:
    """Return the settings that `layers` say together; a later layer wins key by key.

    Args:
        layers: Mappings in the shape of `autodrop.yaml`.

    Raises:
        Rejected: `BAD_SETTINGS` for an unknown key, a value that is not allowed, or two settings
            that contradict each other.
    """
    given: dict[tuple[str, str], Any] = {}
    for layer in layers:
        for key, value in layer.items():
            group = key if key in GROUPS else ""
            for name, said in (_members(group, value) if group else {key: value}).items():
                if (group, name) not in _BY_PLACE:
                    raise unknown_key(name, group, SCHEMA)
                given[group, name] = said
    values: dict[str, dict[str, Any]] = {group: {} for group in ("", *GROUPS)}
    for (group, name), said in given.items():
        values[group][name] = _BY_PLACE[group, name].parsed(said)
    groups: dict[str, Any] = {name: kind(**values[name]) for name, kind in GROUPS.items()}
    settings = Settings(**values[""], **groups)
    _check_together(settings)
    return settings


def settings_from_metadata(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings in an S3 object's metadata as a layer: `autodrop-split-seed: 7`.

    S3 metadata is ASCII; a value `utf-8''…` is percent-decoded (RFC 5987).

    Raises:
        Rejected: `BAD_SETTINGS` for a name that begins like a setting's and is none.
    """
    found: dict[str, Any] = {}
    for name, value in metadata.items():
        if not name.lower().startswith(METADATA_PREFIX):
            continue
        setting = _BY_METADATA_NAME.get(name.lower().replace("_", "-"))
        if setting is None:
            raise unknown_metadata(name.lower(), SCHEMA)
        text = unquote(value[7:]) if value.lower().startswith("utf-8''") else value
        place = found.setdefault(setting.group, {}) if setting.group else found
        place[setting.key] = setting.kind.from_text(text)
    return found


def _members(group: str, said: object) -> Mapping[Any, Any]:
    if said is None:
        return {}
    if not isinstance(said, Mapping):
        example = next(each for each in SCHEMA if each.group == group)
        shape = f"{{{group}: {{{example.key}: {example.example}}}}}"
        raise not_allowed(group, shown_value(said), f"a group of settings, such as {shape}")
    return said


def _check_together(settings: Settings) -> None:
    problem, objective = settings.problem_type, settings.objective
    if objective is not None and problem is None:
        raise Rejected(
            "BAD_SETTINGS",
            f"The setting `objective` is {objective} but `problem_type` is not set.",
            f"Set `problem_type` as well ({', '.join(ProblemType)}), or leave out `objective`.",
        )
    if objective is not None and problem is not None and objective not in problem.objectives:
        raise Rejected(
            "BAD_SETTINGS",
            f"The setting `objective` is {objective}, which does not fit `problem_type` {problem}.",
            f"`objective` must be one of {', '.join(problem.objectives)}.",
        )
    if settings.positive_class is not None and problem not in (None, ProblemType.BINARY):
        raise Rejected(
            "BAD_SETTINGS",
            f"The setting `positive_class` is set but `problem_type` is {problem}.",
            "Leave out `positive_class`, or set `problem_type: binary`.",
        )
    for name in settings.keep:
        if name in settings.ignore:
            raise Rejected(
                "BAD_SETTINGS",
                f"Column {name[:60]!r} is both in `keep` and in `ignore`.",
                "Take it out of `keep`, or out of `ignore`.",
                column=name[:60],
            )
    method, column = settings.split.method, settings.split.column
    if column is None and method in _BY_COLUMN:
        raise Rejected(
            "BAD_SETTINGS",
            f"The setting `split.method` is {method} but `split.column` is not set.",
            "Set `split.column` to the name of the column to split by.",
        )
    if column is not None and method not in _BY_COLUMN:
        raise Rejected(
            "BAD_SETTINGS",
            f"The setting `split.column` is set but `split.method` is {method or 'auto'}.",
            f"Leave out `split.column`, or set `split.method` to {' or '.join(_BY_COLUMN)}.",
        )
