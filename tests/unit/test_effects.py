"""What drives the model: the same as scikit-learn finds with the model in its hands."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import t as student  # type: ignore[import-untyped]
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.metrics import accuracy_score, roc_auc_score, root_mean_squared_error

from autodrop.dataset import Split
from autodrop.preparation.splitting.probe_rows import Budget, WrittenRows, write_probe
from autodrop.probe import BaseRow, ProbedFeature, ProbePlan
from autodrop.results.effects import NotProbed, Question, Said, drivers, read_said
from autodrop.settings import ProblemType
from tests.builders import a_dataset

NAMES = ("strong", "weak", "noise", "few")
KEYS = ("predicted_label", "probability", "probabilities", "labels")
METRICS = {
    ProblemType.BINARY: "roc_auc",
    ProblemType.MULTICLASS: "accuracy",
    ProblemType.REGRESSION: "rmse",
}
SCORERS = {
    ProblemType.BINARY: "roc_auc",
    ProblemType.MULTICLASS: "accuracy",
    ProblemType.REGRESSION: "neg_root_mean_squared_error",
}
KINDS = tuple(ProblemType)


@dataclass(frozen=True)
class Trained:
    """A model with rows that it has never seen."""

    kind: ProblemType
    model: ClassifierMixin | RegressorMixin
    rows: Any
    truth: Any

    def said(self, rows: Any) -> Said:
        """Return what it says of rows."""
        predictions = [str(each) for each in self.model.predict(rows).tolist()]
        if self.kind is ProblemType.REGRESSION:
            return Said(predictions)
        labels = [str(each) for each in self.model.classes_]
        return Said(predictions, self.model.predict_proba(rows), labels)

    @property
    def question(self) -> Question:
        """How its importance is measured."""
        positive = "yes" if self.kind is ProblemType.BINARY else None
        return Question(METRICS[self.kind], 0.9, 0.5, positive)


@cache
def trained(kind: ProblemType) -> Trained:
    """Return a model of two strong columns, one of noise, and one of few values."""
    random = np.random.default_rng(7)
    rows = np.column_stack(
        [random.normal(size=1200).round(3) for _ in range(3)] + [random.integers(0, 4, 1200)]
    )
    score = 2 * rows[:, 0] - rows[:, 1] + 0.5 * rows[:, 3] + random.normal(0, 0.5, 1200)
    if kind is ProblemType.REGRESSION:
        truth: Any = score.round(3)
        model: Any = RandomForestRegressor(20, max_depth=6, random_state=0)
    else:
        names = ["no", "yes"] if kind is ProblemType.BINARY else ["a", "b", "c"]
        cuts = [1.5] if kind is ProblemType.BINARY else [0.0, 1.5]
        truth = np.array(names)[np.searchsorted(cuts, score)]
        model = RandomForestClassifier(20, max_depth=6, random_state=0)
    model.fit(rows[:600], truth[:600])
    return Trained(kind, model, rows[600:], truth[600:])


def probe(
    found: Trained, folder: Path, budget: Budget | None = None, seed: int = 200
) -> tuple[ProbePlan, Any]:
    """Return the plan of a probe of its rows, and the rows of the probe."""
    test, truth = folder / "test.csv", folder / "truth.csv"
    test.write_text("".join(",".join(map(repr, row)) + "\n" for row in found.rows.tolist()))
    lines = [f"{i},{each}" for i, each in enumerate(found.truth.tolist())]
    truth.write_text("\n".join(["row,y", *lines, ""]))
    dataset = a_dataset(
        kind=found.kind,
        positive="yes" if found.kind is ProblemType.BINARY else None,
        features=NAMES,
        split=Split("random", 0.5, seed, 600, 600),
    )
    columns = [{"name": name, "type": "numeric", "target": None} for name in NAMES]
    plan = write_probe(dataset, {"columns": columns}, WrittenRows([test], [truth]), folder, budget)
    assert plan is not None
    with (folder / "probe_rows.csv").open(newline="") as file:
        return plan, np.array([[float(cell) for cell in row] for row in csv.reader(file)])


def by_name(section: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the features of the section by name."""
    return {each["name"]: each for each in section["features"]}


@pytest.mark.parametrize("kind", KINDS)
def test_importance_is_what_scikit_learn_scores_less_with_the_same_shuffled_cells(
    kind: ProblemType, tmp_path: Path
) -> None:
    found = trained(kind)
    plan, rows = probe(found, tmp_path)

    section = drivers(plan, found.said(rows), found.question)

    said, size = found.said(rows), len(plan.base)
    repeat = np.repeat(np.arange(plan.repeats), size // plan.repeats)

    def score(first: int, some: Any) -> float:
        weights = [plan.base[i].weight for i in some]
        truth: Any = [plan.base[i].truth for i in some]
        predictions: Any = [said.predictions[first + i] for i in some]
        if kind is ProblemType.BINARY:
            assert said.probabilities is not None
            scores = said.probabilities[first + some, 1]
            return float(roc_auc_score(truth, scores, sample_weight=weights))
        if kind is ProblemType.MULTICLASS:
            return float(accuracy_score(truth, predictions, sample_weight=weights))
        numbers = [[float(each) for each in side] for side in (truth, predictions)]
        return -float(root_mean_squared_error(*numbers, sample_weight=weights))

    for i, name in enumerate(NAMES, 1):
        feature = by_name(section)[name]
        everything = np.arange(size)
        worse = score(0, everything) - score(i * size, everything)
        assert feature["importance"] == pytest.approx(worse, abs=1e-12)
        if feature["low"] is not None:
            left = [np.flatnonzero(repeat != each) for each in range(plan.repeats)]
            pseudo = [
                plan.repeats * worse - (plan.repeats - 1) * (score(0, some) - score(i * size, some))
                for some in left
            ]
            half = student.ppf(0.975, plan.repeats - 1) * np.std(pseudo, ddof=1)
            half /= plan.repeats**0.5
            assert feature["high"] - feature["importance"] == pytest.approx(half, rel=1e-3)
            assert feature["importance"] - feature["low"] == pytest.approx(half, rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_interval_holds_the_importance_on_all_rows_in_most_samples(
    kind: ProblemType, tmp_path: Path
) -> None:
    found = trained(kind)
    theirs = permutation_importance(
        found.model, found.rows, found.truth, scoring=SCORERS[kind], n_repeats=20, random_state=0
    ).importances_mean
    held = []
    for seed in range(25):
        folder = tmp_path / str(seed)
        folder.mkdir()
        plan, rows = probe(found, folder, seed=seed)
        ours = by_name(drivers(plan, found.said(rows), found.question))
        held += [
            ours[name]["low"] <= mean <= ours[name]["high"]
            for name, mean in zip(NAMES[:2], theirs, strict=False)
        ]

    assert np.mean(held) > 0.85


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_with_many_rows_importance_is_scikit_learn_s_permutation_importance(
    kind: ProblemType, tmp_path: Path
) -> None:
    found = trained(kind)
    budget = Budget(rows=100_000, size=10**8, repeats=10, base_rows=400)
    plan, rows = probe(found, tmp_path, budget)

    ours = by_name(drivers(plan, found.said(rows), found.question))

    theirs = permutation_importance(
        found.model, found.rows, found.truth, scoring=SCORERS[kind], n_repeats=20, random_state=0
    )
    spread = float(np.std(found.truth)) if kind is ProblemType.REGRESSION else 1.0
    for name, mean in zip(NAMES, theirs.importances_mean, strict=True):
        assert ours[name]["importance"] == pytest.approx(mean, abs=0.03 * spread)


@pytest.mark.parametrize("kind", KINDS)
def test_effects_are_scikit_learn_s_partial_dependence_and_its_individual_curves(
    kind: ProblemType, tmp_path: Path
) -> None:
    found = trained(kind)
    plan, rows = probe(found, tmp_path)

    ours = by_name(drivers(plan, found.said(rows), found.question))["few"]["effect"]

    cells = len(plan.features[-1].grid)
    curve_rows = rows[-plan.curve_rows * cells :: cells]
    theirs = partial_dependence(
        found.model,
        curve_rows,
        [3],
        kind="both",
        method="brute",
        response_method="auto" if kind is ProblemType.REGRESSION else "predict_proba",
        custom_values={3: np.arange(4.0)},
    )
    output = 0
    if kind is ProblemType.MULTICLASS:
        output = ["a", "b", "c"].index(ours["of"])
        moved = np.ptp(theirs["average"], axis=1)
        assert output == int(moved.argmax())
    assert [float(cell) for cell in ours["grid"]] == [0, 1, 2, 3]
    np.testing.assert_allclose(ours["mean"], theirs["average"][output], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours["curves"], theirs["individual"][output], rtol=1e-9, atol=1e-12)


def test_what_rises_falls_and_does_nothing_is_called_so(tmp_path: Path) -> None:
    found = trained(ProblemType.REGRESSION)
    plan, rows = probe(found, tmp_path)

    section = drivers(plan, found.said(rows), found.question)

    directions = {name: each["direction"] for name, each in by_name(section).items()}
    assert directions == {"strong": "rises", "weak": "falls", "noise": "flat", "few": "rises"}
    assert section["features"][0]["name"] == "strong"


def plan_of(base: Sequence[tuple[str, float]], *features: ProbedFeature) -> ProbePlan:
    """Return a plan of two repeats without curves."""
    rows = tuple(BaseRow(truth, weight) for truth, weight in base)
    return ProbePlan(2, rows, 0, features or (ProbedFeature("x", True, ()),))


def test_weights_bring_the_shares_of_the_classes_back_to_accuracy() -> None:
    plan = plan_of([("yes", 0.2), ("no", 1.8), ("yes", 0.2), ("no", 1.8)])
    said = Said(["yes", "no", "yes", "no", "no", "no", "yes", "yes"])

    (feature,) = drivers(plan, said, Question("accuracy", 1.0, 0.9, "yes"))["features"]

    # Of the first repeat a yes is lost, of the second a no.
    assert feature["importance"] == pytest.approx((0.1 + 0.9) / 2)


def test_repeats_that_all_say_the_same_have_no_interval() -> None:
    plan = plan_of([("1", 1.0), ("1", 1.0)])

    section = drivers(plan, Said(["1"] * 4), Question("rmse", 0.0, 1.0))

    (feature,) = section["features"]
    assert (feature["importance"], feature["low"], feature["high"]) == (0.0, None, None)
    assert section["dominant"] is None


def two_columns(first: float, second: float, value: float, low: float = 0.0) -> Any:
    """Return the dominant column of two with these importances in RMSE."""
    plan = plan_of([("0", 1.0), ("0", 1.0)], *(ProbedFeature(n, True, ()) for n in ("a", "b")))
    said = ["0", "0", repr(first + low), repr(first - low), repr(second), repr(second)]
    return drivers(plan, Said(said), Question("rmse", value, 2.0))["dominant"]


def test_a_column_with_most_of_the_skill_is_asked_about() -> None:
    found = two_columns(1.0, 0.5, 0.5, 0.01)

    assert found["name"] == "a"
    assert found["of_importance"] == pytest.approx(2 / 3, rel=1e-3)
    assert found["of_skill"] == pytest.approx(1 / 1.5, rel=1e-3)


@pytest.mark.parametrize("noise", [0.0, 0.9])
def test_a_column_that_may_as_well_not_matter_is_not_asked_about(noise: float) -> None:
    assert two_columns(1.0, 0.1, 0.5, noise) is None


def test_without_probabilities_the_effect_is_the_share_of_a_label() -> None:
    feature = ProbedFeature("x", False, ("a", "b"))
    plan = replace(plan_of([("yes", 1.0), ("no", 1.0)], feature), curve_rows=2)
    said = Said(["yes", "no", "yes", "no", "yes", "no", "no", "no"])

    (found,) = drivers(plan, said, Question("accuracy", 1.0, 0.5, "yes"))["features"]

    assert found["effect"]["of"] == "yes"
    assert found["effect"]["mean"] == [0.5, 0.0]
    assert found["direction"] == "by_value"


def written(folder: Path, *lines: str) -> Path:
    """Return an output of these lines."""
    path = folder / "probe_rows.csv.out"
    path.write_text("\n".join([*lines, ""]))
    return path


def test_labels_get_the_spelling_of_the_file_in_whatever_order_they_come(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        '''1,0.9,"[0.1, 0.9]","['0', '1']"''',
        '''0,0.8,"[0.2, 0.8]","['1', '0']"''',
        '''0,0.8,"['0.8', '0.2']","['0', '1']"''',
    )

    said = read_said(path, KEYS, {"1": "ja", "0": "nein"}.__getitem__)

    assert said.predictions == ("ja", "nein", "nein")
    assert said.labels == ["nein", "ja"]
    assert said.probabilities is not None
    assert said.probabilities.tolist() == [[0.1, 0.9], [0.8, 0.2], [0.8, 0.2]]


@pytest.mark.parametrize(
    "line",
    [
        "1",
        "",
        """1,0.9,"[0.1, 0.9]",no list""",
        '''1,0.9,"[0.1]","['0', '1']"''',
        '''1,0.9,"[0.1, nan]","['0', '1']"''',
        '''1,0.9,"[0.1, 1e999]","['0', '1']"''',
        '''1,0.9,"[0.1, [1]]","['0', '1']"''',
        '''1,0.9,"{}","['0', '1']"''',
    ],
)
def test_an_output_that_cannot_be_read_says_so(line: str, tmp_path: Path) -> None:
    with pytest.raises(NotProbed):
        read_said(written(tmp_path, line), KEYS, str)


@pytest.mark.parametrize(
    "predictions", [["1"], ["1"] * 9, ["1", "1", "x", "1"], ["1", "1", "inf", "1"]]
)
def test_answers_that_do_not_fit_the_plan_say_so(predictions: list[str]) -> None:
    with pytest.raises(NotProbed):
        drivers(plan_of([("1", 1.0), ("1", 1.0)]), Said(predictions), Question("rmse", 0, 1))


def test_numbers_too_large_to_be_compared_say_so() -> None:
    with pytest.raises(NotProbed, match="too large"):
        drivers(plan_of([("1", 1.0), ("1", 1.0)]), Said(["1e300"] * 4), Question("rmse", 0, 1))


@pytest.mark.parametrize(
    "change", [{"repeats": 0}, {"repeats": 3}, {"base": []}, {"base": [1]}, {"features": None}]
)
def test_a_plan_is_read_as_it_was_written_and_a_damaged_one_is_refused(
    change: dict[str, Any],
) -> None:
    plan = plan_of([("yes", 0.2), ("no", 1.8)], ProbedFeature("x", False, ("a", "")))

    document = json.loads(json.dumps(plan.to_json()))
    assert ProbePlan.from_json(document) == plan
    with pytest.raises((LookupError, TypeError, ValueError)):
        ProbePlan.from_json({**document, **change})
