"""Summaries as real runs write them: synthetic scores through the functions that measure them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np

from autodrop.dataset import Dataset, Split
from autodrop.findings import Finding
from autodrop.results.candidates import autopilot_record
from autodrop.results.importance import importance
from autodrop.results.scored import Mistake, ScoredLabels, ScoredNumbers
from autodrop.results.summary import Evidence, Previous, summarise
from autodrop.run import RunState
from autodrop.sagemaker_jobs import Metric, Objective
from autodrop.settings import ProblemType
from tests.builders import (
    NOON,
    a_candidate,
    a_dataset,
    a_job,
    a_run,
    a_transform,
    ensembling_container,
    tuning_containers,
)
from tests.scored_rows import scored_labels, scored_numbers

ATTACK = "<script>alert(1)</script><!-- \u2028"
_TITLES = (
    "Politics",
    "Economy",
    "Football",
    "Tennis",
    "Cinema",
    "Music",
    "Health",
    "Science",
    "Travel",
    "Food",
    "Weather",
    "Crime",
    "Education",
    "Fashion",
    "Opinion",
    "Local news",
    "Technology",
    "Motor sports",
    "Books",
    "Theatre",
    "Religion",
    "Property",
    "Gardening",
    "Obituaries",
    "Quizzes",
    "Letters",
    "한국어 뉴스",
    "Art & design",
    'The "other" page',
    "Emoji 🎈",
)


@cache
def binary() -> dict[str, Any]:
    """Return the summary of a bank's campaign: 11 % positive, with a previous run."""
    before = _binary(_dataset_of_bank(), 1.7, 4_000, seed=1, run="v1", days=0)
    return _binary(
        _dataset_of_bank(),
        2.0,
        8_238,
        seed=2,
        run="v2",
        days=7,
        previous=Previous(before, _PROFILES[0]),
    )


@cache
def unbalanced() -> dict[str, Any]:
    """Return the summary of a binary run with one positive row in a thousand."""
    dataset = _dataset_of_bank(classes=(("no", 99_900), ("yes", 100)))
    return _binary(dataset, 2.5, 20_000, share=0.001, seed=3, run="v3")


@cache
def hopeless() -> dict[str, Any]:
    """Return the summary of a binary run that learned nothing, without anything to explain it."""
    return _binary(_dataset_of_bank(), 0.0, 150, seed=4, run="v4", explained=False)


@cache
def attacked() -> dict[str, Any]:
    """Return the summary of a binary run in which every name is HTML."""
    dataset = a_dataset(
        target=ATTACK,
        classes=((ATTACK, 400), ("</td>&amp;\"'", 200)),
        positive=ATTACK,
        columns=(ATTACK, "x", "y"),
        features=(ATTACK, "x"),
        name=ATTACK,
        source={"bucket": "b", "key": f"inbox/{ATTACK}/x.csv", "version_id": None, "size": 1},
        warnings=(Finding(ATTACK, ATTACK, ATTACK, column=ATTACK),),
    )
    return _binary(
        dataset, 1.5, 1_000, seed=5, run="v5", labels=("</td>&amp;\"'", ATTACK), name=ATTACK
    )


@cache
def multiclass(classes: int) -> dict[str, Any]:
    """Return the summary of a run with so many classes."""
    random = np.random.default_rng(classes)
    titles = _TITLES[:classes]
    shares = random.dirichlet(np.full(classes, 2.0))
    rows = 6_000
    truth = random.choice(classes, rows, p=shares)
    logits = random.normal(0, 1, (rows, classes))
    logits[np.arange(rows), truth] += 2.6
    # Neighbours are confused more often than others.
    logits[np.arange(rows), (truth + 1) % classes] += 1.1
    # The probabilities that belong to such numbers.
    evidence = 2.6 * logits + 1.1 * np.roll(logits, -1, axis=1) + np.log(shares)
    probability = np.exp(0.9 * evidence)
    probability /= probability.sum(axis=1, keepdims=True)
    predicted = probability.argmax(axis=1)
    wrong = np.flatnonzero(predicted != truth)
    surest = wrong[np.argsort(-probability[wrong].max(axis=1))][:20]
    sections = ("morning", "noon", "evening")
    scored = scored_labels(
        titles,
        truth,
        predicted,
        probabilities=probability,
        mistakes=[
            Mistake(
                int(i) * 5 + 3, titles[truth[i]], titles[predicted[i]], float(probability[i].max())
            )
            for i in surest
        ],
        segments={"edition": (sections, random.integers(0, 3, rows))},
    )
    counted = np.bincount(truth, minlength=classes) * 5
    dataset = a_dataset(
        target="section",
        kind=ProblemType.MULTICLASS,
        classes=tuple((t, int(n)) for t, n in zip(titles, counted, strict=True)),
        positive=None,
        rows=30_000,
        columns=("headline", "length", "edition", "words", "section"),
        features=("headline", "length", "edition", "words"),
        split=Split("stratified", 0.2, 200, 24_000, rows),
        name="newsroom",
    )
    accuracy = float(np.mean(truth == predicted))
    return _summary(
        dataset,
        scored,
        ProblemType.MULTICLASS,
        Objective("Accuracy", accuracy - 0.003, "Maximize"),
        run=f"m{classes}",
        dataset_name="newsroom",
        segment_columns={"edition": 0.031},
        drivers={"headline": 0.31, "words": 0.12, "length": 0.055, "edition": 0.004},
        kind_of_drivers="permutation_importance",
    )


@cache
def regression() -> dict[str, Any]:
    """Return the summary of a run on house prices; Autopilot was too optimistic."""
    random = np.random.default_rng(11)
    rows = 5_000
    truth = np.round(np.exp(random.normal(12.4, 0.45, rows)), -2)
    predicted = truth * np.exp(random.normal(0.01, 0.14, rows))
    error = predicted - truth
    worst = np.argsort(-np.abs(error))[:20]
    districts = ("Old town", "Harbour", "Hills", "North", "New quarter", "(none)")
    scored = scored_numbers(
        truth,
        predicted,
        [
            Mistake(int(i) * 5, f"{truth[i]:.0f}", f"{predicted[i]:.0f}", float(error[i]))
            for i in worst
        ],
        {"district": (districts, random.integers(0, 6, rows))},
    )
    dataset = a_dataset(
        target="price",
        kind=ProblemType.REGRESSION,
        classes=(),
        positive=None,
        rows=25_000,
        columns=("area", "rooms", "district", "year", "floor", "id", "price"),
        features=("area", "rooms", "district", "year", "floor"),
        split=Split("random", 0.2, 200, 20_000, rows),
        name="house-prices",
        warnings=(
            Finding(
                "EMPTY_CELLS",
                "48 % of the cells of 'floor' are empty.",
                "Leave the column out with `ignore`, or fill it.",
                column="floor",
            ),
        ),
    )
    rmse = float(np.sqrt(np.mean(error**2)))
    return _summary(
        dataset,
        scored,
        ProblemType.REGRESSION,
        Objective("RMSE", rmse * 0.8, "Minimize"),
        run="r1",
        dataset_name="house-prices",
        segment_columns={"district": 0.21},
        drivers={
            "area": 81_200.0,
            "district": 40_100.0,
            "year": 21_900.0,
            "rooms": 9_800.0,
            "floor": 950.0,
        },
    )


def index_runs(count: int = 14) -> list[dict[str, Any]]:
    """Return what the dataset page is made from: runs, newest first, not all of them good."""
    random = np.random.default_rng(8)
    found = []
    for i in range(count):
        state = {3: "REJECTED", 6: "FAILED", 13: "TRAINING"}.get(i, "COMPLETED")
        run = a_run("bank", f"i{i}", at=NOON + timedelta(days=7 * i))
        value = 0.925 + 0.003 * i - 0.0002 * i * i + float(random.normal(0, 0.004))
        done = state == "COMPLETED"
        found.append(
            {
                "run_id": run.run_id,
                "state": state,
                "created_at": run.created_at.isoformat(),
                "ended_at": None
                if state == "TRAINING"
                else (run.created_at + timedelta(minutes=47)).isoformat(),
                "key": run.drop.key,
                "headline": f"roc_auc {value:.4g} on 8,238 held-out rows" if done else None,
                "code": {"REJECTED": "RAGGED_ROW", "FAILED": "AUTOML_FAILED"}.get(state),
                "reason": {
                    "REJECTED": "Line 17 has 4 cells instead of 5.",
                    "FAILED": "AlgorithmError: no candidate completed.",
                }.get(state),
                "rows": 41_188 + 512 * i if done else None,
                "target": "y" if done else None,
                "problem_type": "binary" if done else None,
                "metric": {
                    "name": "roc_auc",
                    "value": value,
                    "low": value - 0.008,
                    "high": value + 0.007,
                    "better": "higher",
                }
                if done
                else None,
                "report": f"{run.run_id}/results/report.html" if done else None,
            }
        )
    return found[::-1]


def _dataset_of_bank(
    classes: tuple[tuple[str, int], ...] = (("no", 36_548), ("yes", 4_640)),
) -> Dataset:
    return a_dataset(
        classes=classes,
        rows=41_188,
        columns=("age", "job", "contact", "duration", "balance", "month", "poutcome", "y"),
        features=("age", "job", "contact", "duration", "balance", "month", "poutcome"),
        target="subscribed",
        split=Split("random", 0.2, 200, 32_950, 8_238),
        name="bank-marketing",
        source={
            "bucket": "data-bucket",
            "key": "inbox/bank-marketing/bank-additional-full.csv",
            "version_id": "v2",
            "size": 5_834_924,
        },
        warnings=(
            Finding(
                "DUPLICATE_ROWS",
                "12 rows occur twice.",
                "Remove them, unless they are different customers.",
            ),
            Finding(
                "KNOWN_TOO_LATE",
                "'duration' may be known only after the answer is.",
                "Leave it out with `ignore: [duration]` if it is not known when the model is used.",
                line=1,
                column="duration",
            ),
        ),
    )


def _binary(
    dataset: Dataset,
    skill: float,
    rows: int,
    *,
    seed: int,
    run: str,
    share: float = 0.113,
    days: int = 0,
    labels: tuple[str, str] = ("no", "yes"),
    name: str = "bank-marketing",
    previous: Previous | None = None,
    explained: bool = True,
) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    is_yes = random.random(rows) < share
    raw = random.normal(np.where(is_yes, skill, 0.0), 1)
    # The probability that belongs to such a score, a little too sure of itself.
    logit = 1.15 * (skill * raw - skill**2 / 2 + np.log(share / (1 - share)))
    score = np.round(1 / (1 + np.exp(-logit)), 4)
    predicted = score >= 0.5
    sure = np.where(predicted, score, 1 - score)
    wrong = np.flatnonzero(predicted != is_yes)
    surest = wrong[np.argsort(-sure[wrong])][:20]
    jobs = ("admin.", "blue-collar", "technician", "services", "management", "retired", "student")
    contacts = ("cellular", "telephone")
    scored = scored_labels(
        labels,
        is_yes,
        predicted,
        positive=labels[1],
        score=score,
        mistakes=[
            Mistake(
                int(i) * 5 + 1, labels[int(is_yes[i])], labels[int(predicted[i])], float(sure[i])
            )
            for i in surest
        ],
        segments={
            "job": (jobs, random.integers(0, 8, rows)),
            "contact": (contacts, (random.random(rows) < 0.36).astype(int)),
        }
        if explained
        else None,
    )
    hits = int(np.sum(predicted & is_yes))
    f1 = 2 * hits / max(np.sum(predicted) + np.sum(is_yes), 1)
    drivers = {
        "duration": 0.412,
        "month": 0.133,
        "poutcome": 0.087,
        "contact": 0.052,
        "age": 0.031,
        "job": 0.018,
        "balance": 0.011,
        name: 0.002,
    }
    return _summary(
        dataset,
        scored,
        ProblemType.BINARY,
        Objective("F1", float(f1) + 0.004, "Maximize"),
        run=run,
        dataset_name=name if name == "bank-marketing" else "bank",
        days=days,
        segment_columns={"job": 0.041, "contact": 0.027},
        drivers=drivers if explained else {},
        previous=previous,
        # About the same on other rows.
        validation={
            "Accuracy": float(np.mean(predicted == is_yes)) - 0.0021,
            "Precision": hits / max(int(np.sum(predicted)), 1) + 0.0064,
            "Recall": hits / max(int(np.sum(is_yes)), 1) + 0.0037,
        },
    )


def _summary(
    dataset: Dataset,
    scored: ScoredLabels | ScoredNumbers,
    kind: ProblemType,
    objective: Objective,
    *,
    run: str,
    dataset_name: str,
    segment_columns: Mapping[str, float | None],
    drivers: Mapping[str, float],
    kind_of_drivers: str = "kernel_shap",
    days: int = 0,
    previous: Previous | None = None,
    validation: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    at = NOON + timedelta(days=days)
    best, others = _candidates(objective, validation or {})
    record = autopilot_record(
        replace(
            a_job(
                "Completed",
                best_candidate=best,
                ended_at=at + timedelta(minutes=34),
                problem_type=str(kind),
                candidate_notebook="s3://data-bucket/runs/notebooks/candidates.ipynb",
            ),
            created_at=at + timedelta(seconds=40),
        ),
        [best, *others],
        [],
    )
    values = (
        "global_shap_values" if kind_of_drivers == "kernel_shap" else "global_importance_values"
    )
    report = {
        "explanations": {
            kind_of_drivers: {
                "label0": {
                    values: dict(drivers),
                    "standard_deviations": {n: 0.12 * v for n, v in drivers.items()}
                    if kind_of_drivers != "kernel_shap"
                    else {},
                }
            }
        },
        "method": {"rows": 1000},
    }
    ledger = a_run(dataset_name, run, RunState.PREPARED, at)
    evidence = Evidence(
        record,
        replace(
            a_transform("Completed", ended_at=at + timedelta(minutes=40)),
            created_at=at + timedelta(minutes=35),
        ),
        kind,
        _PROFILES[1],
        importance(report, "s3://data-bucket/runs/explainability/analysis.json"),
        segment_columns,
        previous,
    )
    return summarise(ledger, dataset, scored, evidence, at + timedelta(minutes=41))


def _candidates(objective: Objective, others: Mapping[str, float]) -> tuple[Any, Sequence[Any]]:
    worse = 1.06 if objective.goal == "Minimize" else 0.96
    found = []
    for i, title in enumerate(
        ("WeightedEnsemble_L2", "CatBoost_BAG_L1", "XGBoost_BAG_L1", "LightGBM_BAG_L1")
    ):
        value = objective.value * worse**i
        found.append(
            a_candidate(
                title,
                Objective(objective.metric, value, objective.goal),
                created_at=NOON,
                ended_at=NOON + timedelta(minutes=3 + 5 * (3 - i), seconds=12),
                containers=(ensembling_container(),) if i == 0 else tuning_containers(),
                metrics=(
                    Metric(objective.metric, value, "Validation"),
                    *(Metric(name, n * 0.96**i, "Validation") for name, n in others.items()),
                    Metric("InferenceLatency", 0.0021 * (4 - i), "Validation"),
                ),
            )
        )
    return found[0], found[1:]


def _profile(rows: int, *columns: dict[str, Any]) -> dict[str, Any]:
    return {"columns": [{"rows": rows, "missing": 0, "distinct": 9, **each} for each in columns]}


_PROFILES = (
    _profile(
        38_000,
        {"name": "age", "type": "numeric", "quantiles": {"0": 17, "0.5": 38, "1": 98}},
        {"name": "previous", "type": "numeric"},
        {"name": "campaign", "type": "text"},
        {
            "name": "contact",
            "type": "text",
            "top_values": [
                {"value": "cellular", "rows": 30_000},
                {"value": "telephone", "rows": 8_000},
            ],
        },
    ),
    _profile(
        41_188,
        {"name": "age", "type": "numeric", "quantiles": {"0": 17, "0.5": 47, "1": 98}},
        {"name": "balance", "type": "numeric"},
        {"name": "campaign", "type": "numeric"},
        {
            "name": "contact",
            "type": "text",
            "top_values": [
                {"value": "cellular", "rows": 26_144},
                {"value": "telephone", "rows": 15_044},
            ],
        },
    ),
)
