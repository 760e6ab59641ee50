"""The model insights report of a candidate: its validation metrics and confusion matrix.

The outline is that of SageMaker Model Monitor's `statistics.json` for model quality.
"""

from __future__ import annotations

from typing import Any

from autodrop_local.sagemaker.engine.metrics import Classes

_KINDS = {
    "BinaryClassification": "binary_classification_metrics",
    "MulticlassClassification": "multiclass_classification_metrics",
    "Regression": "regression_metrics",
}
_NAMES = {"BalancedAccuracy": "balanced_accuracy", "LogLoss": "log_loss"}


def statistics(
    problem_type: str,
    rows: int,
    scores: dict[str, float],
    confusion: list[list[int]] | None,
    classes: Classes | None,
) -> dict[str, Any]:
    """The report as a document."""
    measured: dict[str, Any] = {
        _NAMES.get(name, name.lower()): {"value": value, "standard_deviation": "NaN"}
        for name, value in scores.items()
    }
    if confusion is not None and classes is not None:
        measured["confusion_matrix"] = {
            actual: dict(zip(classes.labels, counts, strict=True))
            for actual, counts in zip(classes.labels, confusion, strict=True)
        }
    report: dict[str, Any] = {
        "version": 0.0,
        "dataset": {"item_count": rows, "set": "validation"},
        _KINDS[problem_type]: measured,
    }
    if classes is not None and classes.binary:
        report["decision_threshold"] = classes.threshold
        report["positive_class"] = classes.labels[1]
    return report
