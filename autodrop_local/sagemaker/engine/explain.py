"""The explainability report: permutation importance, named as such.

The file has the outline of a SageMaker Clarify `analysis.json` (`version`, `explanations`, a
method, a label, a map of features), but the method is `permutation_importance`: how much the
objective suffers when a column is shuffled. It holds no SHAP values, so it claims none.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

MAX_SAMPLE_ROWS = 1000
MAX_SAMPLE_CELLS = 30_000
MIN_SAMPLE_ROWS = 100
SHUFFLES = 3


def sample_rows(rows: int, features: int) -> int:
    """How many rows the report is made from: fewer for wide tables, which take a pass a column.

    >>> sample_rows(8000, 20), sample_rows(8000, 80), sample_rows(120, 20)
    (1000, 375, 120)
    """
    enough = max(MAX_SAMPLE_CELLS // max(features, 1), MIN_SAMPLE_ROWS)
    return min(rows, enough, MAX_SAMPLE_ROWS)


def importance(
    predictor: Any, model: str, validation: pd.DataFrame, seconds: float
) -> pd.DataFrame:
    """How much each feature matters to a model, with its spread; on a capped sample of rows."""
    found: pd.DataFrame = predictor.feature_importance(
        validation,
        model=model,
        subsample_size=sample_rows(len(validation), validation.shape[1] - 1),
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
            "rows": sample_rows(rows, len(found)),
            "shuffles": SHUFFLES,
            "data": "validation",
        },
    }


def _by_feature(values: pd.Series[float]) -> dict[str, float]:
    return {str(name): float(value) for name, value in values.fillna(0.0).items()}
