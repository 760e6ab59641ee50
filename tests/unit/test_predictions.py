"""What batch transform wrote, with labels as the dropped file spells them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodrop.errors import JobFailed
from autodrop.results.predictions import Scored, read_scored
from autodrop.settings import ProblemType
from tests.builders import a_dataset

ALL_KEYS = ("predicted_label", "probability", "probabilities", "labels")
ODD_LABELS = ["<=50K", "it's", 'say "hi"', "긍정", "😀", "a, b", "[x]", "\\n", "'", '"', "None!"]
labels = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), min_size=1)
    # Spellings of one number or word can only be told apart when the model keeps them.
    .filter(lambda text: text == text.strip()),
    min_size=2,
    max_size=4,
    unique_by=lambda text: text.lower(),
)


def truth_csv(truth: Sequence[str], carried: Sequence[str] = ()) -> bytes:
    """Return `truth.csv` with these labels; rows are numbered 0, 10, 20…"""
    return written(
        ["row", *carried, "y"],
        *([i * 10, *(f"{name}-{i}" for name in carried), each] for i, each in enumerate(truth)),
    )


def written(*rows: Sequence[object]) -> bytes:
    """Return rows as a container's CSV writer writes them."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def scored(
    known: Sequence[str],
    truth: Sequence[str],
    output: bytes,
    keys: Sequence[str] = ALL_KEYS,
    kind: ProblemType = ProblemType.MULTICLASS,
) -> Scored:
    """Read an output for a dataset whose target has the labels `known`."""
    dataset = a_dataset(classes=tuple((label, 1) for label in known))
    return read_scored(dataset, kind, keys, truth_csv(truth), output)


def answers(predicted: Sequence[object], known: Sequence[object]) -> bytes:
    """Return the output of a model that is sure of everything it says."""
    return written(
        *(
            [
                label,
                1.0,
                str([1.0 if each == label else 0.0 for each in known]),
                str([str(each) for each in known]),
            ]
            for label in predicted
        )
    )


@given(labels)
@settings(max_examples=25)
def test_any_label_comes_through(known: list[str]) -> None:
    result = scored(known, known, answers(known, known))

    assert list(result.predicted) == list(result.truth) == known
    assert result.probabilities is not None
    for i, label in enumerate(known):
        assert result.probabilities[label].tolist() == [float(i == j) for j in range(len(known))]


@pytest.mark.parametrize("label", ODD_LABELS)
def test_an_odd_label_comes_through(label: str) -> None:
    result = scored([label, "other"], [label, "other"], answers([label, "other"], [label, "other"]))

    assert list(result.predicted) == [label, "other"]
    assert set(result.probabilities or {}) == {label, "other"}


@pytest.mark.parametrize(
    ("in_file", "by_model"),
    [
        (["1", "0"], ["1.0", "0.0"]),
        (["1.0", "0.0"], ["1", "0"]),
        (["001", "002"], ["1", "2"]),
        (["1e3", "2e3"], ["1000", "2000.0"]),
        (["true", "false"], ["True", "False"]),
        (["TRUE", "FALSE"], ["True", "False"]),
        (["Yes", "No"], ["yes", "no"]),
        ([" a", "b "], ["a", "b"]),
        (["-1", "1"], ["-1.0", "1.0"]),
    ],
)
def test_labels_that_a_model_spells_otherwise_are_those_of_the_file(
    in_file: list[str], by_model: list[str]
) -> None:
    result = scored(in_file, in_file, answers(by_model, by_model))

    assert list(result.predicted) == in_file
    assert list(result.probabilities or {}) == in_file


def test_labels_that_differ_only_in_spelling_are_told_apart_when_the_model_does() -> None:
    known = ["Yes", "yes", "1", "1.0"]

    result = scored(known, known, answers(known, known))

    assert list(result.predicted) == known


def test_a_spelling_that_fits_two_labels_is_taken_for_neither() -> None:
    known = ["Yes", "yes", "1", "1.0"]

    result = scored(known, ["Yes", "1"], answers(["YES", "1.00"], known))

    assert list(result.predicted) == ["YES", "1.00"]


def test_a_label_that_the_file_does_not_have_stays_as_the_model_spells_it() -> None:
    result = scored(["a", "b"], ["a"], answers(["c"], ["a", "b", "c"]))

    assert list(result.predicted) == ["c"]


def test_where_preparation_kept_no_classes_the_truth_has_their_spelling() -> None:
    result = scored([], ["3", "7"], answers(["3.0", "7.0"], ["3.0", "7.0"]))

    assert list(result.predicted) == ["3", "7"]
    assert list(result.probabilities or {}) == ["3", "7"]


def test_every_line_names_its_own_labels() -> None:
    output = written(["a", 0.9, "[0.9, 0.1]", "['a', 'b']"], ["b", 0.8, "[0.8, 0.2]", "['b', 'a']"])

    result = scored(["a", "b"], ["a", "b"], output)

    assert result.probabilities is not None
    np.testing.assert_array_equal(result.probabilities["a"], [0.9, 0.2])
    np.testing.assert_array_equal(result.probabilities["b"], [0.1, 0.8])


def test_whole_numbers_in_a_list_are_probabilities_too() -> None:
    output = written(["a", 1, "[1, 0]", "['a', 'b']"])

    probabilities = scored(["a", "b"], ["a"], output).probabilities or {}
    assert {name: each.tolist() for name, each in probabilities.items()} == {"a": [1], "b": [0]}


@pytest.mark.parametrize("keys", [("predicted_label",), ("predicted_label", "probability")])
def test_without_lists_there_are_no_probabilities(keys: tuple[str, ...]) -> None:
    output = written(["a", 0.9][: len(keys)])

    assert scored(["a", "b"], ["a"], output, keys).probabilities is None


def test_the_order_of_the_keys_is_that_of_the_columns() -> None:
    output = written(["['a', 'b']", "a", "[0.9, 0.1]"])

    result = scored(["a", "b"], ["a"], output, ("labels", "predicted_label", "probabilities"))

    assert list(result.predicted) == ["a"]
    assert (result.probabilities or {})["a"].tolist() == [0.9]


@pytest.mark.parametrize("lines", [0, 1, 3])
def test_another_number_of_lines_than_rows_is_told_with_both(lines: int) -> None:
    with pytest.raises(JobFailed, match=rf"wrote {lines} predictions for 2 rows") as problem:
        scored(["a", "b"], ["a", "b"], answers(["a"] * lines, ["a", "b"]))

    assert problem.value.code == "PREDICTIONS_INCOMPLETE"


@pytest.mark.parametrize(
    "line",
    [
        ["a"],
        ["a", 1, "[1, 0]", "['a', 'b']", "more"],
        ["a", 1, "no list", "['a', 'b']"],
        ["a", 1, "[1, 0", "['a', 'b']"],
        ["a", 1, "(1, 0)", "['a', 'b']"],
        ["a", 1, "[1]", "['a', 'b']"],
        ["a", 1, "[1, 0, 0]", "['a', 'b']"],
        ["a", 1, "['x', 'y']", "['a', 'b']"],
        ["a", 1, "[1e999, 0]", "['a', 'b']"],
        ["a", 1, "['nan', 0]", "['a', 'b']"],
        ["a", 1, "[1, 0]", "a b"],
        ["a", 1, "[1, 0]", "__import__('os')"],
        ["a", 1, "[1, 0]", "[" * 5000],
    ],
    ids=lambda line: " ".join(map(str, line))[:40],
)
def test_a_line_that_nobody_can_read_ends_the_run_without_quoting_it(line: list[object]) -> None:
    with pytest.raises(JobFailed) as problem:
        scored(["a", "b"], ["a"], written(line))

    assert problem.value.code == "PREDICTIONS_MALFORMED"
    assert "'a'" not in problem.value.message


def test_blank_lines_at_the_end_of_the_output_are_no_predictions() -> None:
    result = scored(["a", "b"], ["a"], answers(["a"], ["a", "b"]) + b"\n\r\n")

    assert list(result.predicted) == ["a"]


def test_numbers_of_a_regression_are_taken_as_they_are() -> None:
    result = scored([], ["1", "2.5"], b"1.25\n-3e2\n", ["predicted_label"], ProblemType.REGRESSION)

    truth, predicted = result.numbers()

    assert (truth.tolist(), predicted.tolist()) == ([1.0, 2.5], [1.25, -300.0])
    assert list(result.predicted) == ["1.25", "-3e2"]


@pytest.mark.parametrize("prediction", ["high", "", "nan", "inf", "-Infinity"])
def test_a_prediction_that_is_no_number_ends_a_regression(prediction: str) -> None:
    output = written([prediction], ["1"])
    result = scored([], ["1", "2"], output, ["predicted_label"], ProblemType.REGRESSION)

    with pytest.raises(JobFailed) as problem:
        result.numbers()

    assert problem.value.code == "PREDICTION_NOT_A_NUMBER"
    assert problem.value.message == "A prediction is not a number."


def test_the_table_has_the_row_the_ignored_columns_and_a_probability_for_each_label() -> None:
    truth = truth_csv(["<=50K", ">50K"], ["id"])
    dataset = a_dataset(classes=(("<=50K", 1), (">50K", 1)))
    output = answers(["<=50K", "<=50K"], ["<=50K", ">50K"])

    frame = read_scored(dataset, ProblemType.BINARY, ALL_KEYS, truth, output).table()

    assert frame.to_dict("list") == {
        "row": [0, 10],
        "id": ["id-0", "id-1"],
        "truth": ["<=50K", ">50K"],
        "prediction": ["<=50K", "<=50K"],
        "probability_<=50K": [1.0, 1.0],
        "probability_>50K": [0.0, 0.0],
    }


@pytest.mark.parametrize("name", ["row", "truth", "prediction", "probability_a"])
def test_an_ignored_column_does_not_take_the_place_of_ours(name: str) -> None:
    truth = truth_csv(["a"], [name])
    dataset = a_dataset(classes=(("a", 1), ("b", 1)))
    output = answers(["a"], ["a", "b"])

    frame = read_scored(dataset, ProblemType.BINARY, ALL_KEYS, truth, output).table()

    assert frame[f"{name}_ignored"].tolist() == [f"{name}-0"]
    assert frame["truth"].tolist() == ["a"]
    assert frame["row"].tolist() == [0]


def test_cells_of_the_table_come_back_from_csv_as_they_were() -> None:
    cells = ["NA", "", "1.0", "a,b", 'q"q', " s ", "한"]
    result = Scored(list(range(7)), {"id": cells}, cells, cells, None)

    again = pd.read_csv(
        io.StringIO(result.table().to_csv(index=False)), dtype=str, keep_default_na=False
    )

    assert again["id"].tolist() == again["truth"].tolist() == cells


def test_a_label_that_ends_with_a_blank_is_a_label_of_its_own() -> None:
    known = ["no", "yes", "yes "]

    result = scored(known, ["yes ", "yes", "no"], answers(["yes ", "yes", "no"], known))

    assert list(result.predicted) == ["yes ", "yes", "no"]


def test_a_long_ignored_cell_is_carried() -> None:
    note = "x" * 200_000
    dataset = a_dataset(classes=(("no", 1), ("yes", 1)))
    truth = written(["row", "note", "y"], [0, note, "no"])

    result = read_scored(dataset, ProblemType.BINARY, ("predicted_label",), truth, b"no\n")

    assert result.carried == {"note": [note]}


def test_a_truth_with_decimal_commas_is_compared_with_what_the_model_says_with_points() -> None:
    dataset = a_dataset(classes=(), kind=ProblemType.REGRESSION, decimal_commas=("y",))
    truth = truth_csv(["1,5", "-2,25"])

    read = read_scored(dataset, ProblemType.REGRESSION, ("predicted_label",), truth, b"1.25\n-2\n")

    assert [each.tolist() for each in read.numbers()] == [[1.5, -2.25], [1.25, -2.0]]


def test_classes_with_decimal_commas_are_those_of_the_file() -> None:
    dataset = a_dataset(classes=(("0,5", 2), ("1,5", 1)), decimal_commas=("y",))

    read = read_scored(
        dataset,
        ProblemType.BINARY,
        ALL_KEYS,
        truth_csv(["0,5", "1,5"]),
        answers(["0.5", "1.5"], ["0.5", "1.5"]),
    )

    assert read.predicted == ["0,5", "1,5"]
