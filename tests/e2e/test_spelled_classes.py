"""The same customers with labels in two languages: the model and its metrics are the same."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.conftest import Autodrop
from tests.e2e.data import write_churn

pytestmark = pytest.mark.e2e

BUDGET = "autopilot: {max_candidates: 3, max_runtime_minutes: 10}\n"
# The share of the positive class, and how it and the other are called.
CASES = {
    "rare-english": (0.2, "Yes", "No"),
    "rare-german": (0.2, "ja", "nein"),
    "frequent-english": (0.7, "Yes", "No"),
    "frequent-german": (0.7, "ja", "nein"),
}


@pytest.fixture(scope="module")
def dropped(autodrop: Autodrop, tmp_path_factory: pytest.TempPathFactory) -> Autodrop:
    """Return autodrop after all files have come to their results."""
    folder = tmp_path_factory.mktemp("churn")
    (folder / "autodrop.yaml").write_text(BUDGET)
    for dataset, (share, yes, no) in CASES.items():
        file = folder / f"{dataset}.csv"
        write_churn(file, yes, no, share=share)
        config = ("--config", folder / "autodrop.yaml")
        autodrop.start_drop(dataset, file, "--dataset", dataset, *config)
    for dataset in CASES:
        answer = autodrop.end_of_drop(dataset)
        assert answer.exit_code == 0, f"{dataset}: {answer.output}"
    return autodrop


@pytest.mark.parametrize("share", ["rare", "frequent"])
def test_metrics_are_the_same_however_the_classes_are_spelled(
    share: str, dropped: Autodrop
) -> None:
    english, _ = dropped.results(f"{share}-english")
    german, _ = dropped.results(f"{share}-german")

    assert (english["positive_class"], german["positive_class"]) == ("Yes", "ja")
    assert metrics_of(german) == pytest.approx(metrics_of(english), abs=1e-9, rel=0)
    assert german["objective"]["value"] == pytest.approx(
        english["objective"]["value"], abs=1e-9, rel=0
    )


@pytest.mark.parametrize("dataset", CASES)
def test_the_objective_is_about_the_positive_class(dataset: str, dropped: Autodrop) -> None:
    summary, _ = dropped.results(dataset)

    of_positive, of_other = (each["f1"] for each in sorted_classes(summary))
    objective = summary["objective"]["value"]

    assert summary["objective"]["metric"] == "F1"
    assert abs(objective - of_positive) < abs(objective - of_other)


def test_predictions_and_report_have_the_labels_of_the_file(dropped: Autodrop) -> None:
    summary, predictions = dropped.results("frequent-german")
    run = summary["run_id"]
    report = dropped.object(f"runs/frequent-german/{run}/results/report.html").decode()

    assert set(predictions["truth"]) == {"ja", "nein"}
    assert set(predictions["prediction"]) == {"ja", "nein"}
    assert {"probability_ja", "probability_nein"} < set(predictions.columns)
    assert "probability_1" not in predictions.columns
    assert [each["label"] for each in summary["held_out"]["classes"]] == ["ja", "nein"]
    assert "probability of ja" in report.lower() or ">ja<" in report


def sorted_classes(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what is known of both classes, the positive one first."""
    classes = summary["held_out"]["classes"]
    return sorted(classes, key=lambda each: each["label"] != summary["positive_class"])


def metrics_of(summary: dict[str, Any]) -> dict[str, float]:
    """Return every number of the held-out metrics, of the model and of Autopilot."""
    return {
        f"{name} {kind}": number
        for name, metric in summary["held_out"]["metrics"].items()
        for kind, number in metric.items()
        if isinstance(number, int | float)
    }
