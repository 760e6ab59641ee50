"""The explainability report: permutation importance, named as such.

The file has the outline of a SageMaker Clarify `analysis.json` (`version`, `explanations`, a
method, a label, a map of features), but the method is `permutation_importance`: how much the
objective suffers when a column is shuffled. It holds no SHAP values, so it claims none.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

SAMPLE_ROWS = 1000
SHUFFLES = 3


def importance(
    predictor: Any, model: str, validation: pd.DataFrame, seconds: float
) -> pd.DataFrame:
    """How much each feature matters to a model, with its spread; on a capped sample of rows."""
    found: pd.DataFrame = predictor.feature_importance(
        validation,
        model=model,
        subsample_size=SAMPLE_ROWS,
        num_shuffle_sets=SHUFFLES,
        time_limit=max(seconds, 1.0),
        include_confidence_band=False,
        silent=True,
    )
    return found


def analysis(found: pd.DataFrame, objective: str, rows: int, label: str) -> dict[str, Any]:
    """The report as a document."""
    ordered = found.sort_values("importance", ascending=False)
    return {
        "version": "1.0",
        "explanations": {
            "permutation_importance": {
                label: {
                    "global_importance_values": _by_feature(ordered["importance"]),
                    "standard_deviations": _by_feature(ordered["stddev"]),
                }
            }
        },
        "method": {
            "name": "permutation_importance",
            "description": "Drop of the objective when the values of one column are shuffled.",
            "objective": objective,
            "rows": min(rows, SAMPLE_ROWS),
            "shuffles": SHUFFLES,
            "data": "validation",
        },
    }


def _by_feature(values: pd.Series[float]) -> dict[str, float]:
    return {str(name): float(value) for name, value in values.fillna(0.0).items()}
