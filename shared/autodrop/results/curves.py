"""What the charts of the report are drawn from: some hundred points for any number of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from autodrop.results.bootstrap import wilson
from autodrop.results.metrics import Floats, Integers, Ranking, label_metrics, plain
from autodrop.results.scored import ScoredNumbers

MOST_POINTS = 200
_CALIBRATION_BINS = 10
_SCORE_BINS = 50
_ROUND_THRESHOLDS = np.arange(1, 20) / 20
_ROUND_SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
_ERROR_SHARES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.8, 0.9, 0.95, 0.99)
_SQUARES = 40
_RESIDUAL_BINS = 60


def roc(ranking: Ranking) -> dict[str, Any] | None:
    """Return the ROC curve from (0, 0) to (1, 1); None with one class only."""
    tp, fp = np.cumsum(ranking.positives), np.cumsum(ranking.negatives)
    if not tp[-1] or not fp[-1]:
        return None
    x, y = fp / fp[-1], tp / tp[-1]
    at = _spread(x + y, MOST_POINTS - 1)
    return {
        "false_positive_rate": [0.0, *x[at].tolist()],
        "true_positive_rate": [0.0, *y[at].tolist()],
        "threshold": [None, *ranking.score[at].tolist()],
    }


def precision_recall(ranking: Ranking) -> dict[str, Any] | None:
    """Return the precision at each recall, ascending; None without positive rows."""
    tp, fp = np.cumsum(ranking.positives), np.cumsum(ranking.negatives)
    if not tp[-1]:
        return None
    recall, precision = tp / tp[-1], tp / (tp + fp)
    # From the first positive row to the last one: behind it, the precision only falls.
    end = int(np.searchsorted(tp, tp[-1])) + 1
    at = _spread(recall[:end] + np.linspace(0, 1, end), MOST_POINTS)
    return {
        "recall": recall[at].tolist(),
        "precision": precision[at].tolist(),
        "threshold": ranking.score[at].tolist(),
    }


def gain(ranking: Ranking) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return the gain curve and the lift curve over the share of rows that are flagged."""
    tp = np.cumsum(ranking.positives)
    flagged = tp + np.cumsum(ranking.negatives)
    if not tp[-1]:
        return None
    x, found = flagged / flagged[-1], tp / tp[-1]
    at = _spread(x, MOST_POINTS - 1)
    share = x[at].tolist()
    return (
        {"flagged_share": [0.0, *share], "found_share": [0.0, *found[at].tolist()]},
        {"flagged_share": share, "lift": (found[at] / x[at]).tolist()},
    )


def calibration(ranking: Ranking) -> list[dict[str, Any]]:
    """Return what was predicted and what was observed in bins of about as many rows each."""
    rows = ranking.positives + ranking.negatives
    before = np.cumsum(rows) - rows
    bins = before * _CALIBRATION_BINS // int(rows.sum())
    starts = np.append(0, np.flatnonzero(bins[1:] != bins[:-1]) + 1)
    ends = np.append(starts[1:], len(rows))
    found = []
    for start, end in zip(starts[::-1].tolist(), ends[::-1].tolist(), strict=True):
        here = rows[start:end]
        total, hits = int(here.sum()), int(ranking.positives[start:end].sum())
        low, high = wilson(hits, total)
        found.append(
            {
                "from": float(ranking.score[end - 1]),
                "to": float(ranking.score[start]),
                "rows": total,
                "predicted": float(here @ ranking.score[start:end]) / total,
                "observed": hits / total,
                "low": low,
                "high": high,
            }
        )
    return found


def score_histogram(ranking: Ranking) -> dict[str, Any]:
    """Return how many rows of either class have which probability."""
    inside = np.clip(ranking.score, 0.0, 1.0)
    bins = np.minimum((inside * _SCORE_BINS).astype(np.int64), _SCORE_BINS - 1)
    return {
        "edges": [i / _SCORE_BINS for i in range(_SCORE_BINS + 1)],
        "positive": _counted(bins, ranking.positives, _SCORE_BINS),
        "negative": _counted(bins, ranking.negatives, _SCORE_BINS),
    }


def counts_at(ranking: Ranking, threshold: float) -> tuple[int, int, int, int]:
    """Return true and false positives, false and true negatives, at least `threshold` flagged."""
    end = int(np.searchsorted(-ranking.score, -threshold, side="right"))
    tp, fp = int(ranking.positives[:end].sum()), int(ranking.negatives[:end].sum())
    return tp, fp, int(ranking.positives.sum()) - tp, int(ranking.negatives.sum()) - fp


def best_f1_threshold(ranking: Ranking) -> float | None:
    """Return the score from which on flagging gives the highest F1; the highest of equal ones."""
    tp, fp = np.cumsum(ranking.positives), np.cumsum(ranking.negatives)
    if not tp[-1]:
        return None
    f1 = 2 * tp / (tp + fp + tp[-1])
    return float(ranking.score[int(np.argmax(f1))])


def threshold_table(ranking: Ranking) -> list[dict[str, Any]]:
    """Return what happens at round thresholds, at round shares of flagged rows and at the best."""
    flagged = np.cumsum(ranking.positives + ranking.negatives)
    at_share = np.searchsorted(flagged, np.array(_ROUND_SHARES) * flagged[-1])
    wanted = {*_ROUND_THRESHOLDS.tolist(), *ranking.score[at_share].tolist()}
    best = best_f1_threshold(ranking)
    if best is not None:
        wanted.add(best)
    return [_at(ranking, threshold) for threshold in sorted(wanted)]


def error_quantiles(scored: ScoredNumbers) -> list[dict[str, float]]:
    """Return quantiles of errors, with their sign and without."""
    signed = scored.quantiles("error", _ERROR_SHARES)
    absolute = scored.quantiles("absolute", _ERROR_SHARES)
    return [
        {"share": share, "absolute": float(off), "signed": float(value)}
        for share, off, value in zip(_ERROR_SHARES, absolute, signed, strict=True)
    ]


def predicted_vs_actual(scored: ScoredNumbers) -> dict[str, Any]:
    """Return a two-dimensional histogram; its outermost bins hold what is beyond them."""
    low_t, high_t = _range(scored, "truth")
    low_p, high_p = _range(scored, "predicted")
    # One scale for both, so that the diagonal is where the model is right.
    low, high = min(low_t, low_p), max(high_t, high_p)
    counts = np.zeros(_SQUARES**2, dtype=np.int64)
    for truth, predicted in scored.pieces():
        bins = _bins(truth, low, high, _SQUARES) * _SQUARES + _bins(predicted, low, high, _SQUARES)
        counts += np.bincount(bins, minlength=len(counts))
    edges = np.linspace(low, high, _SQUARES + 1).tolist()
    squares = counts.reshape(_SQUARES, _SQUARES).tolist()
    return {"actual_edges": edges, "predicted_edges": edges, "counts": squares}


def residuals(scored: ScoredNumbers) -> dict[str, Any]:
    """Return a histogram around zero; its outermost bins hold what is beyond them."""
    low, high = _range(scored, "error")
    side = max(abs(low), abs(high))
    counts = np.zeros(_RESIDUAL_BINS, dtype=np.int64)
    for truth, predicted in scored.pieces():
        bins = _bins(predicted - truth, -side, side, _RESIDUAL_BINS)
        counts += np.bincount(bins, minlength=_RESIDUAL_BINS)
    edges = np.linspace(-side, side, _RESIDUAL_BINS + 1)
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def error_by_prediction(scored: ScoredNumbers) -> list[dict[str, float]]:
    """Return the errors in tenths of the rows, from the lowest prediction to the highest."""
    edges = np.unique(scored.quantiles("predicted", [i / 10 for i in range(11)]))
    last = max(len(edges) - 2, 0)
    sums = np.zeros((3, last + 1))
    for truth, predicted in scored.pieces():
        which = np.clip(np.searchsorted(edges, predicted, side="right") - 1, 0, last)
        error = predicted - truth
        for i, values in enumerate((None, error, np.abs(error))):
            sums[i] += np.bincount(which, values, minlength=last + 1)
    return [
        {
            "from": float(edges[i]),
            "to": float(edges[min(i + 1, len(edges) - 1)]),
            "rows": int(rows),
            "mean_error": float(error / rows),
            "mae": float(absolute / rows),
        }
        for i, (rows, error, absolute) in enumerate(sums.T)
        if rows
    ]


def _at(ranking: Ranking, threshold: float) -> dict[str, Any]:
    tp, fp, fn, tn = counts_at(ranking, threshold)
    metrics = plain(label_metrics(tp, fp, fn, tn))
    return {
        "threshold": threshold,
        "flagged": tp + fp,
        "flagged_share": (tp + fp) / (tp + fp + fn + tn),
        "precision": metrics["precision"],
        "recall": metrics["recall"],
        "specificity": tn / (tn + fp) if tn + fp else None,
        "f1": metrics["f1"],
        "accuracy": metrics["accuracy"],
        "mcc": metrics["mcc"],
        "true_positives": tp,
        "false_positives": fp,
        "false_negatives": fn,
        "true_negatives": tn,
    }


def _spread(along: Floats, most: int) -> Integers:
    """Return at most `most` positions that are evenly spread along an ascending path."""
    if len(along) <= most:
        return np.arange(len(along))
    at = np.searchsorted(along, np.linspace(along[0], along[-1], most))
    found: Integers = np.unique(np.append(np.minimum(at, len(along) - 1), len(along) - 1))
    return found[-most:]


def _counted(bins: Integers, counts: Integers, size: int) -> list[int]:
    return [int(each) for each in np.bincount(bins, weights=counts, minlength=size)]


def _range(scored: ScoredNumbers, name: str) -> tuple[float, float]:
    """Return where nearly all values are: a few far ones would leave nothing to see of the rest."""
    low, nearly_low, nearly_high, high = map(float, scored.quantiles(name, [0.0, 0.05, 0.95, 1.0]))
    room = nearly_high - nearly_low
    if room > 0:
        low, high = max(low, nearly_low - room), min(high, nearly_high + room)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _bins(values: Floats, low: float, high: float, size: int) -> npt.NDArray[np.int64]:
    scaled = (values - low) / (high - low) * size
    return np.clip(scaled, 0, size - 1).astype(np.int64)
