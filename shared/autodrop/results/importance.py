"""What drives the model: the explainability report of the best candidate, called what it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FILE = "analysis.json"
_MOST = 200
_SHAP = "SHAP values from Autopilot's explainability report: how far a feature moves a prediction."
_PERMUTATION = (
    "Permutation importance: how much the objective suffers when a feature's values are shuffled."
)


def importance(report: object, source: str) -> dict[str, Any] | None:
    """Return the section of the summary; None when the report holds no importance.

    Args:
        report: What SageMaker Clarify wrote as `analysis.json`, or the local engine in its shape.
            One with several labels (classes) gets the mean over them.
        source: Its `s3://` URI.
    """
    explanations = _mapping(_mapping(report).get("explanations"))
    method = _mapping(_mapping(report).get("method"))
    for kind, values_name, name, label in (
        ("kernel_shap", "global_shap_values", "autopilot_shap", _SHAP),
        ("permutation_importance", "global_importance_values", "permutation", _PERMUTATION),
    ):
        by_label = [_mapping(each) for each in _mapping(explanations.get(kind)).values()]
        values = _mean([_mapping(each.get(values_name)) for each in by_label])
        if not values:
            continue
        deviations = _mean([_mapping(each.get("standard_deviations")) for each in by_label])
        order = sorted(values, key=lambda feature: -values[feature])
        rows = method.get("rows")
        return {
            "method": name,
            "label": label,
            "source": source,
            "rows": rows if isinstance(rows, int) else None,
            "features": [
                {"name": each, "value": values[each], "deviation": deviations.get(each)}
                for each in order[:_MOST]
            ],
        }
    return None


def _mean(tables: list[Mapping[str, Any]]) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for table in tables:
        for feature, value in table.items():
            if isinstance(value, int | float) and value == value:
                values.setdefault(feature, []).append(float(value))
    return {feature: sum(each) / len(each) for feature, each in values.items()}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
