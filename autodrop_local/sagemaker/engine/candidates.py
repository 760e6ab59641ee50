"""Which models an AutoML job tries, in which order, and how its metric is named in AutoGluon.

The first few are chosen to be good and quick: gradient boosting three ways, then a second
LightGBM, then the forests. None is bagged. The last candidate is a weighted ensemble of the
others whenever there is room for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

DEFAULT_MAX_CANDIDATES = 10
MIN_FOR_ENSEMBLE = 3

METRICS = {
    "Accuracy": "accuracy",
    "AUC": "roc_auc",
    "BalancedAccuracy": "balanced_accuracy",
    "F1": "f1",
    "F1macro": "f1_macro",
    "Precision": "precision",
    "PrecisionMacro": "precision_macro",
    "Recall": "recall",
    "RecallMacro": "recall_macro",
    "MAE": "mean_absolute_error",
    "MSE": "mean_squared_error",
    "R2": "r2",
    "RMSE": "root_mean_squared_error",
}
PROBLEM_TYPES = {
    "BinaryClassification": "binary",
    "MulticlassClassification": "multiclass",
    "Regression": "regression",
}
UNAVAILABLE = ("mlp", "nn-torch", "fastai")


@dataclass(frozen=True)
class Planned:
    """One model to train: Autopilot's name of the algorithm, AutoGluon's key and settings."""

    algorithm: str
    key: str
    settings: dict[str, Any]


EARLY_STOP_ROUNDS = 40

_BOOSTED = {"ag.early_stop": EARLY_STOP_ROUNDS}
_LIGHTGBM = {**_BOOSTED, "num_boost_round": 2000}
_CATBOOST = {
    **_BOOSTED,
    "boosting_type": "Plain",
    "max_ctr_complexity": 1,
    "one_hot_max_size": 16,
    "iterations": 1000,
}
_FOREST = {"n_estimators": 200, "min_samples_leaf": 5, "max_features": 0.4}

# with more classes every round of boosting costs a tree for each, and leaves have fewer rows
_MULTICLASS: dict[str, dict[str, Any]] = {
    "GBM": {"learning_rate": 0.1},
    "CAT": {"iterations": 300, "learning_rate": 0.15},
    "XGB": {"learning_rate": 0.1, "min_child_weight": 1},
    "RF": {"min_samples_leaf": 2},
    "XT": {"min_samples_leaf": 2},
}

PLAN = (
    Planned("lightgbm", "GBM", _LIGHTGBM),
    Planned("catboost", "CAT", {**_CATBOOST, "learning_rate": 0.05}),
    Planned(
        "xgboost",
        "XGB",
        {
            **_BOOSTED,
            "learning_rate": 0.05,
            "max_depth": 5,
            "min_child_weight": 5,
            "subsample": 0.8,
            "colsample_bytree": 0.7,
            "n_estimators": 2000,
        },
    ),
    Planned(
        "lightgbm",
        "GBM",
        {
            **_LIGHTGBM,
            "learning_rate": 0.03,
            "num_leaves": 31,
            "min_data_in_leaf": 40,
            "feature_fraction": 0.7,
        },
    ),
    Planned("randomforest", "RF", _FOREST),
    Planned("extra-trees", "XT", {**_FOREST, "max_features": 0.6}),
    Planned("linear-learner", "LR", {}),
    Planned("lightgbm", "GBM", {**_LIGHTGBM, "extra_trees": True}),
    Planned("xgboost", "XGB", {**_BOOSTED, "learning_rate": 0.1, "n_estimators": 1000}),
    Planned("catboost", "CAT", {**_CATBOOST, "learning_rate": 0.1, "depth": 8}),
    Planned("randomforest", "RF", {**_FOREST, "min_samples_leaf": 1}),
    Planned("extra-trees", "XT", {**_FOREST, "min_samples_leaf": 1}),
)


def chosen(max_candidates: int, algorithms: list[str] | None) -> tuple[list[Planned], bool]:
    """The models to train, and whether an ensemble of them comes last.

    >>> models, ensemble = chosen(3, ["xgboost", "lightgbm"])
    >>> [model.algorithm for model in models], ensemble
    (['lightgbm', 'xgboost'], True)
    """
    allowed = [model for model in PLAN if algorithms is None or model.algorithm in algorithms]
    ensemble = max_candidates >= MIN_FOR_ENSEMBLE and len(allowed) > 1
    return allowed[: max_candidates - ensemble], ensemble


def skipped(algorithms: list[str] | None) -> list[str]:
    """The wanted algorithms that are not installed here."""
    return [name for name in algorithms or [] if name in UNAVAILABLE]


def hyperparameters(
    model: Planned, problem_type: str, max_seconds: int | None
) -> dict[str, list[dict[str, Any]]]:
    """AutoGluon's `hyperparameters` for one model.

    Classifiers stop early on log loss whatever the objective is: a score that jumps with a few
    rows, as F1 does, stops them anywhere, and the probabilities are what predictions are made of.
    """
    settings, fitting = dict(model.settings), dict[str, Any]()
    if problem_type == "MulticlassClassification":
        settings |= _MULTICLASS.get(model.key, {})
    if problem_type != "Regression":
        fitting["stopping_metric"] = "log_loss"
    if max_seconds is not None:
        fitting["max_time_limit"] = max_seconds
    return {model.key: [{**settings, "ag_args_fit": fitting}]}
