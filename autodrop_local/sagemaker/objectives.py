"""Autopilot's objectives: which fit a problem type, which is the default, which way is better."""

from __future__ import annotations

DEFAULTS = {
    "BinaryClassification": "F1",
    "MulticlassClassification": "Accuracy",
    "Regression": "MSE",
}
ALLOWED = {
    "BinaryClassification": ["Accuracy", "AUC", "BalancedAccuracy", "F1", "Precision", "Recall"],
    "MulticlassClassification": [
        "Accuracy",
        "BalancedAccuracy",
        "F1macro",
        "PrecisionMacro",
        "RecallMacro",
    ],
    "Regression": ["MAE", "MSE", "R2", "RMSE"],
}
MINIMIZED = ("MSE", "RMSE", "MAE")


def better(objective: str, one: float, other: float) -> bool:
    """Whether the first value of the objective is better than the second.

    >>> better("MSE", 1.0, 2.0), better("AUC", 0.8, 0.9)
    (True, False)
    """
    return one < other if objective in MINIMIZED else one > other


def direction(objective: str) -> str:
    """`Maximize` or `Minimize`, the Type of an objective."""
    return "Minimize" if objective in MINIMIZED else "Maximize"
