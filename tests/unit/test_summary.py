"""`summary.json`: the right numbers in the published schema, and no cells but those asked for."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from autodrop.dataset import Dataset
from autodrop.findings import Finding
from autodrop.results.candidates import autopilot_record
from autodrop.results.runs_of_dataset import described_run
from autodrop.results.scored import Mistake, ScoredLabels, ScoredNumbers
from autodrop.results.summary import Drivers, Evidence, Previous, headline, summarise
from autodrop.run import RunState
from autodrop.sagemaker_jobs import Metric, Objective
from autodrop.settings import ProblemType
from tests.builders import NOON, a_candidate, a_dataset, a_job, a_run, a_transform
from tests.scored_rows import scored_labels, scored_numbers
from tests.template.conftest import ROOT

F1 = Objective("F1", 0.61234, "Maximize")
SCHEMA = json.loads((ROOT / "docs" / "summary.schema.json").read_text())


def labels_of(truth: list[str], predicted: list[str], **more: Any) -> ScoredLabels:
    """Return scored labels."""
    labels = sorted({*truth, *predicted})
    codes, said = ([labels.index(each) for each in side] for side in (truth, predicted))
    return scored_labels(labels, codes, said, **more)


BINARY = labels_of(
    ["no", "yes", "no", "yes"],
    ["no", "yes", "yes", "yes"],
    positive="yes",
    score=[0.1, 0.8, 0.6, 0.7],
    mistakes=[Mistake(2, "no", "yes", 0.6)],
)
NUMBERS = scored_numbers(
    np.array([1.0, 2.0]), np.array([1.5, 2.0]), [Mistake(0, "1", "1.5", 0.5)], None
)
CLASSES = labels_of(["a", "b", "c", "a"], ["a", "b", "b", "c"])


def many(rows: int = 3000) -> ScoredLabels:
    """Return rows of two classes with a segment in which the model is worse."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, rows)
    city = rng.integers(0, 3, rows)
    noise = np.where(city == 2, 0.45, 0.1)
    score = np.clip(rng.normal(0.3 + 0.4 * truth, noise), 0, 1)
    return scored_labels(
        ["no", "yes"],
        truth,
        score > 0.5,
        positive="yes",
        score=score,
        mistakes=[],
        segments={"z": (["Oslo", "서울", "<b>"], city)},
    )


def a_summary(
    dataset: Dataset | None = None,
    scored: ScoredLabels | ScoredNumbers = BINARY,
    kind: ProblemType = ProblemType.BINARY,
    objective: Objective | None = F1,
    metrics: tuple[Metric, ...] = (),
    status: str = "Completed",
    evidence: dict[str, Any] | None = None,
    **job: Any,
) -> dict[str, Any]:
    """Return the summary of a run that started at noon."""
    best = a_candidate("best", objective, metrics=metrics)
    record = autopilot_record(
        a_job(
            status,
            best_candidate=best,
            **{"ended_at": NOON + timedelta(minutes=10), "problem_type": kind, **job},
        ),
        [a_candidate("worse"), best],
        [],
    )
    run = a_run(state=RunState.PREPARED, at=NOON)
    transform = a_transform("Completed", started_at=NOON, ended_at=NOON + timedelta(minutes=3))
    now = NOON + timedelta(minutes=20)
    return summarise(
        run,
        dataset or a_dataset(),
        scored,
        Evidence(record, transform, kind, **(evidence or {})),
        now,
    )


def strictly(schema: Any) -> Any:
    """Return the schema with no other fields than those that it describes."""
    if isinstance(schema, list):
        return [strictly(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: strictly(each) for name, each in schema.items()}
    if isinstance(schema.get("properties"), dict):
        closed.setdefault("additionalProperties", False)
    return closed


def conforms(summary: dict[str, Any]) -> bool:
    """Return whether the summary is JSON in the schema, and holds nothing beyond it."""
    again = json.loads(json.dumps(summary, allow_nan=False))
    jsonschema.Draft202012Validator(strictly(SCHEMA)).validate(again)
    return bool(again == summary)


PROFILE = {
    "columns": [
        {
            "name": "z",
            "type": "text",
            "rows": 600,
            "missing": 0,
            "distinct": 3,
            "top_values": [{"value": "Oslo", "rows": 600}],
        }
    ]
}
IMPORTANCE = {
    "method": "permutation",
    "label": "Permutation importance.",
    "source": "s3://b/analysis.json",
    "rows": 100,
    "features": [{"name": "x", "value": 0.5, "deviation": None}],
}


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    ("scored", "kind"),
    [
        (BINARY, ProblemType.BINARY),
        (many(), ProblemType.BINARY),
        (labels_of(["no", "no"], ["no", "no"]), ProblemType.BINARY),
        (labels_of(["no", "yes"], ["no", "no"], positive="yes"), ProblemType.BINARY),
        (labels_of(["no"], ["no"], positive="no", score=[1.0]), ProblemType.BINARY),
        (CLASSES, ProblemType.MULTICLASS),
        (labels_of([str(i) for i in range(60)], ["0"] * 60), ProblemType.MULTICLASS),
        (NUMBERS, ProblemType.REGRESSION),
        (scored_numbers(np.array([1e300, -1e300]), np.array([0.0, 1.0])), ProblemType.REGRESSION),
        (scored_numbers(np.full(50, 3.0), np.full(50, 3.0)), ProblemType.REGRESSION),
    ],
)
@pytest.mark.parametrize("with_all", [False, True])
def test_every_summary_is_in_the_schema(
    scored: ScoredLabels | ScoredNumbers, kind: ProblemType, with_all: bool
) -> None:
    evidence: dict[str, Any] = {}
    if with_all:
        previous = a_summary(scored=scored, kind=kind)
        evidence = {
            "profile": PROFILE,
            "importance": IMPORTANCE,
            "segment_columns": {"z": 0.25},
            "previous": Previous(previous, PROFILE),
        }

    assert conforms(a_summary(scored=scored, kind=kind, evidence=evidence))


def asked(dominant: dict[str, Any] | None) -> dict[str, Any]:
    """Return what the model says drives it."""
    effect = {"of": "yes", "is_numeric": True, "grid": ["1", "2"], "mean": [0, 1], "curves": []}
    common = {"importance": 0.3, "low": 0.2, "high": 0.4, "direction": "rises"}
    features = [
        {"name": "x", **common, "effect": effect},
        {"name": "z", **common, "low": None, "high": None, "direction": None, "effect": None},
    ]
    return {
        "metric": "roc_auc",
        "rows": 60,
        "repeats": 5,
        "curve_rows": 7,
        "not_asked": 0,
        "features": features,
        "dominant": dominant,
    }


def test_a_column_that_decides_is_a_question_and_no_reason_to_doubt() -> None:
    dominant = {"name": "duration", "of_importance": 0.7, "of_skill": 0.6}
    plain = a_summary(evidence={"drivers": lambda _: Drivers(asked(None))})

    summary = a_summary(evidence={"drivers": lambda _: Drivers(asked(dominant))})

    assert conforms(summary)
    assert conforms(plain)
    (note,) = [each for each in summary["warnings"] if each["code"] == "ONE_COLUMN_DECIDES"]
    assert (note["level"], note["column"]) == ("note", "duration")
    assert "70 % of the importance of all columns" in note["message"]
    assert "Is 'duration' known at the time of the prediction?" in note["remedy"]
    trust = summary["verdict"]["trust"]
    assert trust["level"] == plain["verdict"]["trust"]["level"]
    assert trust["text"] == (
        plain["verdict"]["trust"]["text"]
        + " It leans mostly on 'duration': is 'duration' known at the time of the prediction?"
    )


def test_what_the_model_cannot_be_asked_is_in_the_schema() -> None:
    summary = a_summary(evidence={"drivers": lambda _: Drivers(None, "its rows are too long")})

    assert conforms(summary)
    assert (summary["drivers"], summary["drivers_missing"]) == (None, "its rows are too long")


def test_a_summary_without_anything_to_compare_with_or_a_time_is_in_the_schema() -> None:
    assert conforms(a_summary(objective=None, ended_at=None))


def test_the_summary_says_what_was_done() -> None:
    summary = a_summary()

    assert summary["schema_version"] == 2
    assert summary["run_id"] == a_run().run_id
    assert (summary["rows"], summary["columns"], summary["features"]) == (600, 3, 2)
    assert (summary["target"], summary["problem_type"]) == ("y", "binary")
    assert summary["positive_class"] == "yes"
    assert summary["split"] == {
        "method": "random",
        "test_fraction": 0.2,
        "seed": 200,
        "file": None,
        "train_rows": 500,
        "test_rows": 100,
    }
    assert summary["best_candidate"]["name"] == "best"
    assert [each["name"] for each in summary["candidates"]] == ["best", "worse"]
    assert summary["objective"]["value"] == 0.61234
    folder = f"s3://data-bucket/{a_run().folder.results}"
    assert summary["files"]["report"] == f"{folder}report.html"
    assert summary["files"]["predictions_parquet"] is None
    assert summary["files"]["index"] == "s3://data-bucket/runs/bank/index.html"


def test_metrics_of_the_held_out_rows_are_in_the_summary() -> None:
    held_out = a_summary()["held_out"]

    assert held_out["metrics"]["roc_auc"]["value"] == 1.0
    assert held_out["metrics"]["accuracy"]["value"] == 0.75
    assert held_out["confusion_matrix"] == {"labels": ["no", "yes"], "counts": [[1, 1], [0, 2]]}
    assert held_out["at_best_f1"]["threshold"] == 0.7
    assert held_out["at_best_f1"]["metrics"]["f1"]["value"] == 1.0
    assert held_out["at_half"]["metrics"]["precision"]["value"] == pytest.approx(2 / 3)


def test_autopilot_s_own_metrics_stand_beside_ours() -> None:
    metrics = (
        Metric("AUC", 0.97, "Validation"),
        Metric("Accuracy", 0.5, "Train"),
        Metric("InferenceLatency", 0.004, "Validation"),
    )

    summary = a_summary(metrics=metrics)

    told = summary["held_out"]["metrics"]
    assert told["roc_auc"]["validation"] == 0.97
    assert told["f1"]["validation"] == 0.61234
    assert told["accuracy"]["validation"] is None
    assert summary["candidates"][0]["inference_latency_seconds"] == 0.004


def test_a_validation_metric_outside_of_the_interval_is_a_warning() -> None:
    summary = a_summary(scored=many(), objective=Objective("AUC", 0.999, "Maximize"))

    assert summary["agreement"]["disagrees"]
    assert "more favourable" in summary["agreement"]["sentence"]
    assert [each["code"] for each in summary["warnings"]] == ["VALIDATION_DISAGREES"]
    assert summary["verdict"]["trust"]["level"] == "caution"


def test_a_validation_metric_within_the_interval_is_none() -> None:
    value = a_summary(scored=many())["held_out"]["metrics"]["roc_auc"]["value"]

    summary = a_summary(scored=many(), objective=Objective("AUC", value + 0.001, "Maximize"))

    assert not summary["agreement"]["disagrees"]
    assert summary["warnings"] == []
    assert summary["verdict"]["trust"]["level"] == "yes"


def test_an_objective_that_autodrop_does_not_measure_is_compared_with_nothing() -> None:
    assert a_summary(objective=Objective("WAPE", 0.1))["agreement"] is None


def test_what_autopilot_resolved_goes_before_what_we_guessed() -> None:
    summary = a_summary(scored=CLASSES, kind=ProblemType.MULTICLASS)

    assert summary["problem_type"] == "multiclass"
    assert summary["positive_class"] is None
    assert "f1_macro" in summary["held_out"]["metrics"]


def test_a_regression_has_no_confusion_matrix_and_its_worst_rows() -> None:
    summary = a_summary(scored=NUMBERS, kind=ProblemType.REGRESSION)

    assert summary["held_out"]["confusion_matrix"] is None
    assert summary["held_out"]["metrics"]["mae"]["value"] == 0.25
    assert summary["mistakes"] == {
        "kind": "worst_residuals",
        "rows": [{"row": 0, "truth": "1", "prediction": "1.5", "probability": None, "error": 0.5}],
    }


def test_a_confusion_matrix_that_nobody_can_read_is_left_out() -> None:
    labels = [str(i) for i in range(51)]

    summary = a_summary(scored=labels_of(labels, labels), kind=ProblemType.MULTICLASS)

    assert summary["held_out"]["confusion_matrix"] is None
    assert summary["held_out"]["metrics"]["accuracy"]["value"] == 1


def test_a_segment_in_which_the_model_is_worse_is_told_from_the_others() -> None:
    summary = a_summary(scored=many(), evidence={"segment_columns": {"z": 0.25}})

    (segment,) = summary["segments"]
    values = {each["value"]: each for each in segment["values"]}
    assert (segment["column"], segment["explained_share"]) == ("z", 0.25)
    assert sum(each["rows"] for each in values.values()) == 3000
    assert values["<b>"]["differs"]
    assert values["<b>"]["metrics"]["roc_auc"]["value"] < 0.8
    assert values["Oslo"]["metrics"]["roc_auc"]["value"] > 0.9


def test_every_step_has_its_seconds() -> None:
    assert a_summary()["timings"] == {
        "prepare_seconds": 0.0,
        "queue_seconds": 0.0,
        "training_seconds": 600.0,
        # The transform was created before the job ended, says its clock: that took no time.
        "model_seconds": 0.0,
        "transform_seconds": 180.0,
        "results_seconds": 1020.0,
        "total_seconds": 1200.0,
    }


def test_a_time_that_sagemaker_does_not_tell_is_none() -> None:
    timings = a_summary(ended_at=None)["timings"]

    assert timings["training_seconds"] is None
    assert timings["model_seconds"] is None
    assert timings["total_seconds"] == 1200.0


def test_warnings_of_the_data_and_of_autopilot_are_together_without_examples() -> None:
    dataset = a_dataset(
        warnings=(
            Finding("TARGET_MISSING", "3 rows have no target.", "Fill.", 7, "y", "secret", "note"),
        )
    )

    summary = a_summary(dataset, partial_failures=("No explainability report.",))

    assert summary["warnings"] == [
        {
            "code": "TARGET_MISSING",
            "level": "note",
            "message": "3 rows have no target.",
            "remedy": "Fill.",
            "line": 7,
            "column": "y",
        },
        {
            "code": "AUTOPILOT_PARTIAL_FAILURE",
            "level": "warning",
            "message": "No explainability report.",
            "remedy": "",
            "line": None,
            "column": None,
        },
    ]
    assert "secret" not in json.dumps(summary)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("roc_auc", 0.95321, "ROC AUC 0.9532 on 8,238 held-out rows"),
        ("accuracy", 1.0, "Accuracy 1 on 8,238 held-out rows"),
        ("rmse", 12.3456, "RMSE 12.35 on 8,238 held-out rows"),
        (None, None, "8,238 held-out rows scored"),
    ],
)
def test_the_headline_is_the_metric_that_people_look_at_first(
    name: str | None, value: float | None, expected: str
) -> None:
    measured = {"headline_metric": name, "rows": 8238, "metrics": {name: {"value": value}}}

    assert headline(measured) == expected


QUALITIES = [
    (many(), ProblemType.BINARY, "fair"),
    (labels_of(["a", "b"] * 50, ["a", "b"] * 50), ProblemType.MULTICLASS, "strong"),
    (labels_of(["a", "b"] * 50, ["a", "a"] * 50), ProblemType.MULTICLASS, "none"),
    (
        scored_numbers(np.arange(99.0), np.arange(99.0) + np.tile([-9, 0, 9], 33)),
        ProblemType.REGRESSION,
        "strong",
    ),
    (scored_numbers(np.arange(99.0), np.arange(99.0)[::-1]), ProblemType.REGRESSION, "none"),
]


@pytest.mark.parametrize(("scored", "kind", "expected"), QUALITIES)
def test_the_quality_is_told_against_the_baseline(
    scored: ScoredLabels | ScoredNumbers, kind: ProblemType, expected: str
) -> None:
    quality = a_summary(scored=scored, kind=kind)["verdict"]["quality"]

    assert quality["level"] == expected
    assert "interval" in quality["text"]


def test_a_regression_is_compared_with_the_mean_on_the_same_rows() -> None:
    # A few huge truths widen the interval of RMSE for the model and the mean alike.
    rng = np.random.default_rng(1)
    truth = rng.lognormal(14, 1.2, 400)
    scored = scored_numbers(truth, truth * 0.15 + truth.mean() * 0.85)

    summary = a_summary(scored=scored, kind=ProblemType.REGRESSION)

    rmse = summary["held_out"]["metrics"]["rmse"]
    assert rmse["high"] > rmse["baseline"]
    assert summary["held_out"]["better_than_baseline"]
    assert summary["verdict"]["quality"]["level"] == "weak"


def test_labels_are_compared_with_the_majority_on_the_same_rows() -> None:
    # 6 rows more than the majority are right, and not one less.
    truth = ["a"] * 380 + ["b"] * 20
    predicted = ["a"] * 380 + ["b"] * 6 + ["a"] * 14

    held_out = a_summary(scored=labels_of(truth, predicted), kind=ProblemType.MULTICLASS)[
        "held_out"
    ]

    assert held_out["metrics"]["accuracy"]["low"] < held_out["metrics"]["accuracy"]["baseline"]
    assert held_out["better_than_baseline"]


def test_a_handful_of_rows_more_than_the_majority_may_be_chance() -> None:
    truth, predicted = ["a"] * 5 + ["b"] * 5, ["a"] * 5 + ["b"] * 3 + ["a"] * 2

    summary = a_summary(scored=labels_of(truth, predicted), kind=ProblemType.MULTICLASS)

    assert summary["held_out"]["better_than_baseline"] is False
    assert summary["verdict"]["quality"]["level"] == "none"


def test_as_good_as_the_baseline_is_not_better() -> None:
    scored = scored_numbers(np.ones(300), np.ones(300))

    summary = a_summary(scored=scored, kind=ProblemType.REGRESSION)

    assert summary["verdict"]["quality"]["level"] == "none"


def test_two_rows_say_nothing_about_the_quality() -> None:
    scored = scored_numbers([1.0, 2.0], [1.1, 1.9])

    quality = a_summary(scored=scored, kind=ProblemType.REGRESSION)["verdict"]["quality"]

    assert quality == {
        "level": "unknown",
        "text": "That cannot be said: only 2 rows are held out.",
    }


def test_a_few_rows_that_are_all_right_are_no_certainty() -> None:
    truth = list("abc") * 100
    predicted = [*truth[:30], *("b" if each == "a" else each for each in truth[30:60]), *truth[60:]]
    city = [0] * 30 + [1] * 270
    scored = labels_of(truth, predicted, segments={"z": (["few", "rest"], city)})

    evidence = {"segment_columns": {"z": 0.1}}
    summary = a_summary(
        scored=scored,
        kind=ProblemType.MULTICLASS,
        evidence=evidence,
        objective=Objective("Accuracy", 0.98, "Maximize"),
    )

    values = {each["value"]: each for each in summary["segments"][0]["values"]}
    accuracy = values["few"]["metrics"]["accuracy"]
    assert accuracy["value"] == pytest.approx(accuracy["high"]) == 1
    assert accuracy["low"] == pytest.approx(0.886, abs=0.001)
    assert values["few"]["differs"] is False
    all_right = a_summary(
        scored=labels_of(truth[:60], truth[:60]),
        kind=ProblemType.MULTICLASS,
        objective=Objective("Accuracy", 0.99, "Maximize"),
    )
    assert not all_right["agreement"]["disagrees"]


def few_positives(positives: int) -> dict[str, Any]:
    """Return the summary of a thousand rows whose positive ones have the highest scores."""
    truth = np.arange(1000) < positives
    score = np.linspace(1, 0, 1000)
    scored = scored_labels(["no", "yes"], truth, truth, positive="yes", score=score, mistakes=[])
    return a_summary(scored=scored)


@pytest.mark.parametrize(
    ("positives", "said"),
    [
        (0, "none of the 1,000 held-out rows is 'yes'"),
        (1, "only 1 of the 1,000 held-out rows is 'yes'"),
        (4, "only 4 of the 1,000 held-out rows are 'yes'"),
        (999, "only 1 of the 1,000 held-out rows is not 'yes'"),
    ],
)
def test_too_few_rows_of_a_class_say_nothing_about_the_quality(positives: int, said: str) -> None:
    summary = few_positives(positives)

    assert summary["verdict"]["quality"] == {
        "level": "unknown",
        "text": f"That cannot be said: {said}.",
    }
    assert said.replace("the 1,000 held-out rows", "them") in summary["verdict"]["trust"]["text"]
    for name, metric in summary["held_out"]["metrics"].items():
        if name not in ("accuracy", "log_loss", "brier"):
            assert (metric["low"], metric["high"]) == (None, None), name
    accuracy = summary["held_out"]["metrics"]["accuracy"]
    assert 0.99 < accuracy["low"] < accuracy["value"] == 1
    assert conforms(summary)


def test_few_rows_of_a_class_are_a_reason_for_caution() -> None:
    summary = few_positives(12)

    assert summary["verdict"]["quality"]["level"] == "strong"
    assert "only 12 of them are 'yes'" in summary["verdict"]["trust"]["text"]
    assert summary["held_out"]["metrics"]["recall"]["low"] is not None


def test_a_model_that_says_the_same_of_every_row_is_called_out() -> None:
    truth = ["no"] * 60 + ["yes"] * 40

    summary = a_summary(scored=labels_of(truth, ["yes"] * 100, positive="yes"))

    assert summary["verdict"]["quality"]["text"].endswith("It says 'yes' of every row.")


def test_a_column_that_gives_the_target_away_is_named_on_the_first_screen() -> None:
    leak = Finding("GIVES_TARGET_AWAY", "It does.", "Ignore it.", column="code")

    trust = a_summary(a_dataset(warnings=(leak,)), scored=many())["verdict"]["trust"]

    assert trust["level"] == "caution"
    assert "'code' may give the target away" in trust["text"]


def test_what_is_only_good_to_know_is_no_doubt() -> None:
    note = Finding("IDENTIFIER", "It is one.", "", column="id")

    summary = a_summary(a_dataset(warnings=(note,)), scored=many(), objective=None)
    trust = summary["verdict"]["trust"]

    assert trust["level"] == "yes"


@pytest.mark.parametrize(
    ("reason", "said"),
    [("ClientError: Clarify is closed.", "Clarify is closed."), (None, "gives no reason.")],
)
def test_a_job_that_failed_after_training_is_a_reason_for_caution(
    reason: str | None, said: str
) -> None:
    summary = a_summary(scored=many(), objective=None, status="Failed", failure_reason=reason)

    (warning,) = summary["warnings"]
    assert warning["code"] == "AUTOPILOT_FAILED_AFTER_TRAINING"
    assert warning["message"].endswith(said)
    assert warning["level"] == "warning"
    trust = summary["verdict"]["trust"]
    assert trust["level"] == "caution"
    assert trust["text"].endswith("but Autopilot's job failed after training.")
    assert conforms(summary)


def test_a_segment_of_a_few_rows_is_neither_better_nor_worse() -> None:
    truth = ["no", "yes"] * 50
    city = [0] * 80 + [1] * 20
    scored = labels_of(truth, truth[:80] + ["no"] * 20, segments={"z": (["a", "b"], city)})

    found = a_summary(scored=scored, evidence={"segment_columns": {"z": 0.1}})["segments"]

    assert [each["differs"] for each in found[0]["values"]][1] is None


def test_few_held_out_rows_are_a_reason_for_caution() -> None:
    trust = a_summary()["verdict"]["trust"]

    assert trust["level"] == "caution"
    assert "only 4 rows" in trust["text"]


def index_schema() -> Any:
    """Return the schema of what the dataset's page is told of a run."""
    return strictly({**SCHEMA["$defs"]["index_run"], "$defs": SCHEMA["$defs"]})


def test_what_the_dataset_s_page_is_told_of_runs_is_in_the_schema() -> None:
    summary = a_summary()
    former = {**summary, "held_out": {"rows": 4, "metrics": {"roc_auc": None, "accuracy": 0.75}}}
    del former["completed_at"]
    completed = a_run(state=RunState.COMPLETED)
    told = [
        described_run(completed, summary),
        described_run(completed, former),
        described_run(completed, None),
        described_run(a_run(state=RunState.REJECTED, code="NO_HEADER", reason="No header."), None),
        described_run(a_run(state=RunState.TRAINING), None),
    ]

    for each in told:
        jsonschema.Draft202012Validator(index_schema()).validate(each)
    assert (told[0]["metric"]["name"], told[0]["metric"]["better"]) == ("roc_auc", "higher")
    assert told[1]["metric"] == {
        **{"name": "accuracy", "value": 0.75, "low": None, "high": None, "better": "higher"}
    }
    assert [each["ended_at"] is None for each in told] == [False, False, False, False, True]
    assert [each["report"] is None for each in told] == [False, False, True, True, True]


def test_the_schema_is_described_beside_it() -> None:
    page = Path(ROOT, "docs", "summary.md").read_text()

    assert not [name for name in SCHEMA["properties"] if f"`{name}`" not in page]
    assert not [
        name for name in SCHEMA["properties"]["held_out"]["properties"] if f"`{name}`" not in page
    ]
