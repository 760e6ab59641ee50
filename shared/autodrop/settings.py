"""What a user may set for a dataset.

Template parameters, then `autodrop.yaml`, then the object's metadata; the later wins. An unknown
key or a bad value is `Rejected` with the allowed values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import unquote

from autodrop.errors import Rejected


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
class SplitSettings:
    """How held-out rows are chosen.

    Attributes:
        method: `random`: exactly the rows that `pandas.DataFrame.sample` leaves out.
        test_fraction: Share of the rows that is held out.
        seed: Seed of the random choice.
    """

    method: str = "random"
    test_fraction: float = 0.2
    seed: int = 200


@dataclass(frozen=True)
class AutopilotSettings:
    """The budget of the AutoML job."""

    mode: str = "ENSEMBLING"
    max_candidates: int = 5
    max_runtime_minutes: int = 240


@dataclass(frozen=True)
class TransformSettings:
    """The instances of the batch transform."""

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
    """

    target: str | None = None
    problem_type: ProblemType | None = None
    objective: str | None = None
    positive_class: str | None = None
    ignore: tuple[str, ...] = ()
    split: SplitSettings = field(default_factory=SplitSettings)
    autopilot: AutopilotSettings = field(default_factory=AutopilotSettings)
    transform: TransformSettings = field(default_factory=TransformSettings)

    def to_json(self) -> dict[str, Any]:
        """Return the settings as they are written into `dataset.json` and may stand in YAML."""
        written = asdict(self)
        written["problem_type"] = self.problem_type or "auto"
        written["objective"] = self.objective or "auto"
        written["ignore"] = list(self.ignore)
        return written


def parse_settings(*layers: Mapping[str, Any]) -> Settings:
    """Return the settings that `layers` say together; a later layer wins key by key.

    Args:
        layers: Mappings in the shape of `autodrop.yaml`.

    Raises:
        Rejected: `BAD_SETTINGS` for an unknown key, a wrong type or a value that is not allowed.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            if key in _SECTIONS and isinstance(value, Mapping):
                merged[key] = {**merged.get(key, {}), **value}
            else:
                merged[key] = value
    _known_keys(merged, _TOP_LEVEL, "")
    problem_type = _choice(merged, "problem_type", ("auto", *ProblemType))
    problem = None if problem_type in (None, "auto") else ProblemType(problem_type)
    return Settings(
        target=_text(merged, "target"),
        problem_type=problem,
        objective=_objective(merged, problem),
        positive_class=_text(merged, "positive_class"),
        ignore=_names(merged, "ignore"),
        split=_split(_section(merged, "split")),
        autopilot=_autopilot(_section(merged, "autopilot")),
        transform=_transform(_section(merged, "transform")),
    )


def settings_from_metadata(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings in an S3 object's metadata: `autodrop-target`, `autodrop-problem-type`.

    S3 metadata is ASCII; a value `utf-8''…` is percent-decoded (RFC 5987).
    """
    found: dict[str, Any] = {}
    for name, value in metadata.items():
        if not name.lower().startswith("autodrop-"):
            continue
        key = name.lower().removeprefix("autodrop-").replace("-", "_")
        text = unquote(value[7:]) if value.lower().startswith("utf-8''") else value
        found[key] = [part.strip() for part in text.split(",")] if key == "ignore" else text
    return found


_SECTIONS = ("split", "autopilot", "transform")
_TOP_LEVEL = ("target", "problem_type", "objective", "positive_class", "ignore", *_SECTIONS)


def _split(given: Mapping[str, Any]) -> SplitSettings:
    default = SplitSettings()
    _known_keys(given, ("method", "test_fraction", "seed"), "split.")
    fraction = given.get("test_fraction", default.test_fraction)
    if isinstance(fraction, bool) or not isinstance(fraction, int | float) or not 0 < fraction < 1:
        raise _bad("split.test_fraction", fraction, "a number between 0 and 1, such as 0.2")
    return SplitSettings(
        method=_choice(given, "method", ("random",), "split.") or default.method,
        test_fraction=float(fraction),
        seed=_integer(given, "seed", default.seed, 0, 2**32 - 1, "split."),
    )


def _autopilot(given: Mapping[str, Any]) -> AutopilotSettings:
    default = AutopilotSettings()
    _known_keys(given, ("mode", "max_candidates", "max_runtime_minutes"), "autopilot.")
    return AutopilotSettings(
        mode=_choice(given, "mode", MODES, "autopilot.") or default.mode,
        max_candidates=_integer(
            given, "max_candidates", default.max_candidates, 1, 750, "autopilot."
        ),
        max_runtime_minutes=_integer(
            given, "max_runtime_minutes", default.max_runtime_minutes, 1, 43_200, "autopilot."
        ),
    )


def _transform(given: Mapping[str, Any]) -> TransformSettings:
    default = TransformSettings()
    _known_keys(given, ("instance_type", "instance_count"), "transform.")
    instance_type = given.get("instance_type", default.instance_type)
    if instance_type not in TRANSFORM_INSTANCE_TYPES:
        raise _bad(
            "transform.instance_type",
            instance_type,
            "an instance type that batch transform has, such as ml.m5.4xlarge",
        )
    return TransformSettings(
        instance_type=instance_type,
        instance_count=_integer(
            given, "instance_count", default.instance_count, 1, 100, "transform."
        ),
    )


def _objective(given: Mapping[str, Any], problem: ProblemType | None) -> str | None:
    objective = _text(given, "objective")
    if objective in (None, "auto"):
        return None
    if problem is None:
        raise Rejected(
            "BAD_SETTINGS",
            f"The setting `objective` is {objective} but `problem_type` is not set.",
            f"Set `problem_type` as well ({', '.join(ProblemType)}), or leave out `objective`.",
        )
    return _choice(given, "objective", problem.objectives)


def _section(given: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    section = given.get(key) or {}
    if not isinstance(section, Mapping):
        raise _bad(key, section, "a group of settings, such as {" + key + ": {…}}")
    return section


def _known_keys(given: Mapping[str, Any], known: tuple[str, ...], prefix: str) -> None:
    for key in given:
        if key not in known:
            raise Rejected(
                "BAD_SETTINGS",
                f"There is no setting `{prefix}{str(key)[:60]}`.",
                f"Use one of: {', '.join(prefix + name for name in known)}.",
            )


def _text(given: Mapping[str, Any], key: str) -> str | None:
    value = given.get(key)
    if value is None:
        return None
    if isinstance(value, bool):
        # YAML 1.1 reads a bare `yes` or `no` as a boolean; only the quoted word is the label.
        raise _bad(key, value, f'a text; put it in quotes, such as {key}: "yes"')
    if not isinstance(value, str | int | float):
        raise _bad(key, value, "a text")
    return str(value)


def _choice(
    given: Mapping[str, Any], key: str, allowed: tuple[str, ...], prefix: str = ""
) -> str | None:
    value = given.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or value not in allowed:
        raise _bad(prefix + key, value, f"one of {', '.join(allowed)}")
    return value


def _integer(
    given: Mapping[str, Any], key: str, default: int, low: int, high: int, prefix: str
) -> int:
    value = given.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise _bad(prefix + key, value, f"a whole number from {low} to {high}")
    return value


def _names(given: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = given.get(key) or []
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise _bad(key, value, "a list of column names, such as [customer_id]")
    return tuple(value)


def _bad(key: str, value: object, allowed: str) -> Rejected:
    # YAML's aliases make a few lines unfold to gigabytes: a list is named, never written out.
    is_plain = isinstance(value, str | int | float)
    shown = repr(str(value)[:60]) if is_plain else f"a {type(value).__name__}"
    return Rejected(
        "BAD_SETTINGS",
        f"The setting `{key}` is {shown}, which is not allowed.",
        f"`{key}` must be {allowed}.",
    )
