"""What batch transform wrote, with labels as the dropped file spells them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autodrop.dataset import Dataset
from autodrop.errors import JobFailed
from autodrop.results import scored_table
from autodrop.results.held_out import held_out
from autodrop.results.metrics import roc_auc, score_metrics
from autodrop.results.parquet_table import write_parquet
from autodrop.results.predictions import Sources, score
from autodrop.results.records import Files
from autodrop.results.scored import ScoredLabels, ScoredNumbers
from autodrop.results.segments import segments
from autodrop.results.spreadsheet import safe_cell
from autodrop.settings import ProblemType
from tests.builders import a_dataset
from tests.scored_rows import scored_labels, scored_numbers

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


@dataclass(frozen=True)
class Result:
    """What came of scoring: the numbers, and the table as it was written."""

    scored: ScoredLabels | ScoredNumbers
    header: list[str]
    table: list[list[str]]

    def column(self, name: str) -> list[str]:
        """Return the cells of a column."""
        return [row[self.header.index(name)] for row in self.table]

    @property
    def predicted(self) -> list[str]:
        """The labels of the numbers, which are those of the table."""
        return self.column("prediction")

    @property
    def probabilities(self) -> dict[str, list[float]]:
        """The probabilities by label."""
        return {
            name.removeprefix("probability_"): [float(cell) for cell in self.column(name)]
            for name in self.header
            if name.startswith("probability_")
        }


def read_scored(
    dataset: Dataset,
    kind: ProblemType,
    keys: Sequence[str],
    truth: bytes | Sequence[bytes],
    output: bytes | Sequence[bytes],
    test: bytes | None = None,
    segment_columns: Sequence[str] = (),
) -> Result:
    """Score these files; several are parts."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        sources = Sources(
            files(folder, "truth", [truth] if isinstance(truth, bytes) else truth),
            files(folder, "output", [output] if isinstance(output, bytes) else output),
            None if test is None else files(folder, "test", [test]),
        )
        table = folder / "predictions.csv"
        with (
            score(dataset, kind, keys, sources, table, segment_columns) as found,
            table.open(encoding="utf-8", newline="") as file,
        ):
            header, *rows = csv.reader(file)
            if isinstance(found, ScoredNumbers):
                # What is on disk now, before it is gone.
                pieces = [*found.pieces()]
                found = replace(found, pieces=lambda: pieces)
    return Result(found, header, rows)


def files(folder: Path, name: str, contents: Sequence[bytes]) -> Files:
    """Return what yields the contents as files."""

    def each() -> Iterator[Path]:
        for i, content in enumerate(contents):
            path = folder / f"{name}-{i}"
            path.write_bytes(content)
            yield path

    return each


def scored(
    known: Sequence[str],
    truth: Sequence[str],
    output: bytes,
    keys: Sequence[str] = ALL_KEYS,
    kind: ProblemType = ProblemType.MULTICLASS,
) -> Result:
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


@pytest.mark.slow
@given(labels)
@settings(max_examples=25)
def test_any_label_comes_through(known: list[str]) -> None:
    result = scored(known, known, answers(known, known))

    written = [safe_cell(label) for label in known]
    assert result.predicted == result.column("truth") == written
    assert isinstance(result.scored, ScoredLabels)
    assert result.scored.counted.labels == tuple(sorted(known))
    assert (result.scored.counted.matrix == np.eye(len(known))).all()
    for i, label in enumerate(known):
        assert result.probabilities[label] == [float(i == j) for j in range(len(known))]


@pytest.mark.parametrize("label", ODD_LABELS)
def test_an_odd_label_comes_through(label: str) -> None:
    result = scored([label, "other"], [label, "other"], answers([label, "other"], [label, "other"]))

    assert list(result.predicted) == [label, "other"]
    assert set(result.probabilities) == {label, "other"}


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

    assert result.predicted == in_file
    assert list(result.probabilities) == in_file


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
    assert list(result.probabilities) == ["3", "7"]


def test_every_line_names_its_own_labels() -> None:
    output = written(["a", 0.9, "[0.9, 0.1]", "['a', 'b']"], ["b", 0.8, "[0.8, 0.2]", "['b', 'a']"])

    result = scored(["a", "b"], ["a", "b"], output)

    assert result.probabilities == {"a": [0.9, 0.2], "b": [0.1, 0.8]}


def test_a_label_that_only_a_later_line_names_has_a_column_from_the_top() -> None:
    output = written(["a", 0.9, "[0.9, 0.1]", "['a', 'b']"], ["c", 1, "[0.4, 0.6]", "['a', 'c']"])

    result = scored(["a", "b", "c"], ["a", "c"], output)

    assert result.probabilities == {"a": [0.9, 0.4], "b": [0.1, 0.0], "c": [0.0, 0.6]}
    assert result.column("row") == ["0", "10"]


def test_whole_numbers_in_a_list_are_probabilities_too() -> None:
    output = written(["a", 1, "[1, 0]", "['a', 'b']"])

    assert scored(["a", "b"], ["a"], output).probabilities == {"a": [1], "b": [0]}


@pytest.mark.parametrize("keys", [("predicted_label",), ("predicted_label", "probability")])
def test_without_lists_there_are_no_probabilities(keys: tuple[str, ...]) -> None:
    output = written(["a", 0.9][: len(keys)])

    result = scored(["a", "b"], ["a"], output, keys)

    assert result.probabilities == {}
    assert result.scored.mistakes is None


def test_the_order_of_the_keys_is_that_of_the_columns() -> None:
    output = written(["['a', 'b']", "a", "[0.9, 0.1]"])

    result = scored(["a", "b"], ["a"], output, ("labels", "predicted_label", "probabilities"))

    assert list(result.predicted) == ["a"]
    assert result.probabilities["a"] == [0.9]


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["abc", "=1+1", 'a "b", c'])
def test_very_many_ignored_columns_are_carried(cell: str) -> None:
    names = [f"k{i}" for i in range(300)]
    truth = written(["row", *names, "y"], *([i, *[cell] * 300, "ab"[i % 2]] for i in range(50)))
    dataset = a_dataset(classes=(("a", 1), ("b", 1)))
    output = answers(["ab"[i % 2] for i in range(50)], "ab")

    result = read_scored(dataset, ProblemType.BINARY, ALL_KEYS, truth, output)

    assert result.column("k299") == result.column("k0") == [safe_cell(cell)] * 50


@pytest.mark.slow
def test_ignored_cells_of_a_megabyte_are_carried() -> None:
    cell = "x," * 500_000
    truth = written(["row", "p", "q", "y"], *([i, cell, cell, "a"] for i in range(40)))
    dataset = a_dataset(classes=(("a", 1), ("b", 1)))

    result = read_scored(dataset, ProblemType.BINARY, ALL_KEYS, truth, answers(["a"] * 40, "ab"))

    assert result.column("q") == [cell] * 40


def test_ignored_columns_whose_new_names_are_taken_get_others() -> None:
    truth = written(["row", "truth", "truth_ignored", "y"], [0, "t", "u", "a"])
    dataset = a_dataset(classes=(("a", 1), ("b", 1)))

    result = read_scored(dataset, ProblemType.BINARY, ALL_KEYS, truth, answers(["a"], "ab"))

    assert result.header[:4] == ["row", "truth_ignored", "truth_ignored_ignored", "truth"]


def test_a_byte_order_mark_is_no_part_of_a_label() -> None:
    output = b"\xef\xbb\xbf" + answers("ab", "ab")

    for spelled in (output, output.replace(b"\n", b"\r\n")):
        assert scored("ab", "ab", spelled).predicted == ["a", "b"]


def test_lists_on_several_lines_are_cells_of_one() -> None:
    output = written(["a", 1, "[0.9,\n 0.1]", "['a',\n 'b']"])

    result = scored("ab", "a", output)

    assert result.probabilities == {"a": [0.9], "b": [0.1]}


def test_a_truth_that_was_damaged_ends_the_run() -> None:
    dataset = a_dataset(classes=(("a", 1), ("b", 1)))

    with pytest.raises(JobFailed) as problem:
        read_scored(dataset, ProblemType.BINARY, ALL_KEYS, b"row,y\n0\n", answers(["a"], "ab"))

    assert problem.value.code == "TRUTH_UNREADABLE"


def test_truths_whose_sum_is_no_double_have_a_mean() -> None:
    truth = [f"{1 + i % 70 / 100}e308" for i in range(300)]
    output = written(*([each] for each in truth[::-1]))
    dataset = a_dataset(classes=(), kind=ProblemType.REGRESSION)
    with TemporaryDirectory() as name:
        folder = Path(name)
        sources = Sources(
            files(folder, "truth", [truth_csv(truth)]), files(folder, "output", [output])
        )
        keys = ["predicted_label"]
        with score(dataset, ProblemType.REGRESSION, keys, sources, folder / "t.csv") as found:
            told = held_out(found, {})

    assert isinstance(found, ScoredNumbers)
    assert 1e308 < found.mean < 1.7e308
    assert told["metrics"]["rmse"]["value"] is None


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
        ["a", 1, "[1, 0,]", "['a', 'b']"],
        ["a", 1, "[true, false]", "['a', 'b']"],
        ["a", 1, "[1_0, 0]", "['a', 'b']"],
        ["a", 1, "[1, 0]", "['a', '\\ud800']"],
        ["a", 1, "[1, 0]", "['a', '\\0']"],
        ["a\0", 1, "[1, 0]", "['a', 'b']"],
    ],
    ids=lambda line: " ".join(map(str, line))[:40],
)
def test_a_line_that_nobody_can_read_ends_the_run_without_quoting_it(line: list[object]) -> None:
    with pytest.raises(JobFailed) as problem:
        scored(["a", "b"], ["a"], written(line))

    assert problem.value.code == "PREDICTIONS_MALFORMED"
    assert "'a'" not in problem.value.message


def test_an_output_that_is_no_text_ends_the_run() -> None:
    with pytest.raises(JobFailed) as problem:
        scored("ab", "ab", b"a,1,x,y\nb,\xff,x,y\n")

    assert problem.value.code == "PREDICTIONS_MALFORMED"


def test_blank_lines_at_the_end_of_the_output_are_no_predictions() -> None:
    result = scored(["a", "b"], ["a"], answers(["a"], ["a", "b"]) + b"\n\r\n")

    assert list(result.predicted) == ["a"]


def numbers(result: Result) -> list[tuple[float, float]]:
    """Return truth and predictions of a regression."""
    assert isinstance(result.scored, ScoredNumbers)
    return [
        pair
        for truth, predicted in result.scored.pieces()
        for pair in zip(truth.tolist(), predicted.tolist(), strict=True)
    ]


def test_numbers_of_a_regression_are_taken_as_they_are() -> None:
    result = scored([], ["1", "2.5"], b"1.25\n-3e2\n", ["predicted_label"], ProblemType.REGRESSION)

    assert numbers(result) == [(1.0, 1.25), (2.5, -300.0)]
    assert result.predicted == ["1.25", "-3e2"]


def test_a_number_with_line_breaks_around_it_is_a_cell_of_one_line() -> None:
    output = written(["\n1.5\n"])

    result = scored([], ["1"], output, ["predicted_label"], ProblemType.REGRESSION)

    assert result.table == [["0", "1", "1.5"]]


@pytest.mark.parametrize("prediction", ["high", "", "nan", "inf", "-Infinity", "1_000", "0x1"])
def test_a_prediction_that_is_no_number_ends_a_regression(prediction: str) -> None:
    output = written([prediction], ["1"])

    with pytest.raises(JobFailed) as problem:
        scored([], ["1", "2"], output, ["predicted_label"], ProblemType.REGRESSION)

    assert problem.value.code == "PREDICTION_NOT_A_NUMBER"
    assert problem.value.message == "A prediction is not a number."


def test_the_table_has_the_row_the_ignored_columns_and_a_probability_for_each_label() -> None:
    truth = truth_csv(["<=50K", ">50K"], ["id"])
    dataset = a_dataset(classes=(("<=50K", 1), (">50K", 1)))
    output = answers(["<=50K", "<=50K"], ["<=50K", ">50K"])

    result = read_scored(dataset, ProblemType.BINARY, ALL_KEYS, truth, output)

    assert result.header == [
        *("row", "id", "truth", "prediction", "probability_<=50K", "probability_>50K")
    ]
    assert result.table == [
        ["0", "id-0", "<=50K", "<=50K", "1.0", "0.0"],
        ["10", "id-1", ">50K", "<=50K", "1.0", "0.0"],
    ]


@pytest.mark.parametrize("name", ["row", "truth", "prediction", "probability_a"])
def test_an_ignored_column_does_not_take_the_place_of_ours(name: str) -> None:
    truth = truth_csv(["a"], [name])
    dataset = a_dataset(classes=(("a", 1), ("b", 1)))
    output = answers(["a"], ["a", "b"])

    result = read_scored(dataset, ProblemType.BINARY, ALL_KEYS, truth, output)

    assert result.column(f"{name}_ignored") == [f"{name}-0"]
    assert result.column("truth") == ["a"]
    assert result.column("row") == ["0"]


CELLS = [
    *("NA", "", "1.0", "a,b", 'q"q', " s ", "한", "-1.5", "+3e2", "-1,5", "=1+1", "@x", "\tx"),
    *("-x", "'", "'=x", "''-1", "it's", "=", "--1", "a\nb"),
]


def carried_and_written(cells: Sequence[str], folder: Path) -> tuple[Result, list[Any]]:
    """Return the result with an ignored column, and that column as Parquet has it."""
    dataset = a_dataset(classes=(("a", 1), ("b", 1)))
    truth = written(["row", "=id", "y"], *([i, cell, "a"] for i, cell in enumerate(cells)))
    output = answers(["a"] * len(cells), ["a", "b"])
    result = read_scored(dataset, ProblemType.BINARY, ALL_KEYS, truth, output)
    table, target = folder / "predictions.csv", folder / "predictions.parquet"
    table.write_bytes(written(result.header, *result.table))
    write_parquet(table, target, folder, is_regression=False)
    rows = duckdb.sql(f"select * from read_parquet('{target}')")
    assert rows.columns[:4] == ["row", "=id", "truth", "prediction"]
    assert [str(each) for each in rows.types] == [
        *("BIGINT", "VARCHAR", "VARCHAR", "VARCHAR", "DOUBLE", "DOUBLE")
    ]
    return result, [row[1] for row in rows.fetchall()]


def test_no_cell_is_a_formula_and_parquet_has_them_as_they_were(tmp_path: Path) -> None:
    result, again = carried_and_written(CELLS, tmp_path)

    cells = result.column("'=id")
    assert not [cell for cell in cells if cell[:1] in "=@\t\r" and cell]
    assert [cell for cell in cells if cell[:1] in "+-" and cell] == ["-1.5", "+3e2", "-1,5"]
    assert again == CELLS


@given(st.text(alphabet="'=+-@\t1a.,", max_size=6))
@example("'=")
def test_taking_one_apostrophe_off_brings_every_cell_back(cell: str) -> None:
    safe = safe_cell(cell)

    assert safe in (cell, f"'{cell}")
    is_changed = safe.startswith("'") and safe.lstrip("'")[:1] in ("=", "+", "-", "@", "\t", "\r")
    assert (safe[1:] if is_changed and safe.lstrip("'") else safe) == cell


def test_a_label_that_ends_with_a_blank_is_a_label_of_its_own() -> None:
    known = ["no", "yes", "yes "]

    result = scored(known, ["yes ", "yes", "no"], answers(["yes ", "yes", "no"], known))

    assert list(result.predicted) == ["yes ", "yes", "no"]


def test_a_long_ignored_cell_is_carried() -> None:
    note = "x" * 200_000
    dataset = a_dataset(classes=(("no", 1), ("yes", 1)))
    truth = written(["row", "note", "y"], [0, note, "no"])

    result = read_scored(dataset, ProblemType.BINARY, ("predicted_label",), truth, b"no\n")

    assert result.column("note") == [note]


def test_a_truth_with_decimal_commas_is_compared_with_what_the_model_says_with_points() -> None:
    dataset = a_dataset(classes=(), kind=ProblemType.REGRESSION, decimal_commas=("y",))
    truth = truth_csv(["1,5", "-2,25"])

    read = read_scored(dataset, ProblemType.REGRESSION, ("predicted_label",), truth, b"1.25\n-2\n")

    assert numbers(read) == [(1.5, 1.25), (-2.25, -2.0)]
    assert read.column("truth") == ["1,5", "-2,25"]


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


def test_parts_are_one_after_the_other_whether_they_repeat_the_header_or_not() -> None:
    dataset = a_dataset(classes=(("a", 1), ("b", 1)))
    truth = [b"row,y\n0,a\n", b"", b"row,y\n", b"5,b\n", b"row,y\n9,a"]
    output = [answers(["a", "b"], "ab"), b"", answers(["a"], "ab")]

    result = read_scored(dataset, ProblemType.BINARY, ALL_KEYS, truth, output)

    assert result.column("row") == ["0", "5", "9"]
    assert result.predicted == ["a", "b", "a"]


@pytest.mark.slow
def test_rows_of_more_than_one_row_group_stay_together() -> None:
    # DuckDB's threads take 122,880 rows at a time.
    labels = ["ab"[i % 3 % 2] for i in range(300_000)]

    result = scored(["a", "b"], labels, answers(labels, ["a", "b"]))

    assert result.column("row") == [str(i * 10) for i in range(300_000)]
    assert result.column("truth") == result.predicted == labels
    assert isinstance(result.scored, ScoredLabels)
    assert result.scored.counted.matrix.tolist() == [[200_000, 0], [0, 100_000]]


def binary(truth: Sequence[str], score: Sequence[float]) -> Result:
    """Score rows whose labels follow from the score of yes."""
    lines = [["1" if each > 0.5 else "0", 1, str([1 - each, each]), "['0', '1']"] for each in score]
    dataset = a_dataset()
    return read_scored(dataset, ProblemType.BINARY, ALL_KEYS, truth_csv(truth), written(*lines))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("one", "zero"),
    [
        ("1", "0"),
        ("1.0", "0.0"),
        (1, 0),
        (1.0, 0.0),
        (True, False),
        ("True", "False"),
        (" 1", "0 "),
    ],
)
@pytest.mark.parametrize(
    ("positive", "other"),
    [
        ("ja", "nein"),
        ("1", "0"),
        ("0", "1"),
        ("2", "1"),
        ("01", "1"),
        ("1", "01"),
        ("False", "True"),
        ("true", "false"),
        ("=1+1", "<script>"),
        ('say "yes"', "a,b"),
    ],
)
def test_ones_and_zeros_of_a_model_are_the_classes_of_the_file(
    positive: str, other: str, one: object, zero: object
) -> None:
    dataset = a_dataset(classes=((other, 400), (positive, 200)), positive=positive)
    output = written(
        [one, 0.9, "[0.1, 0.9]", str([zero, one])],
        [zero, 0.8, "[0.8, 0.2]", str([zero, one])],
    )

    result = read_scored(
        dataset, ProblemType.BINARY, ALL_KEYS, truth_csv([positive, positive]), output
    )

    assert result.predicted == [safe_cell(positive), safe_cell(other)]
    assert result.column("truth") == [safe_cell(positive)] * 2
    assert result.header[3:] == [f"probability_{other}", f"probability_{positive}"]
    assert isinstance(result.scored, ScoredLabels)
    assert result.scored.counted.of(positive) == (1, 0, 1, 0)
    assert result.scored.ranking is not None
    assert result.scored.ranking.score.tolist() == [0.9, 0.2]


def test_a_model_that_learned_the_labels_of_the_file_answers_with_these() -> None:
    dataset = a_dataset(classes=(("0", 400), ("1", 200)), positive="0")
    older = replace(dataset, target=replace(dataset.target, model_labels={}))
    output = answers(["1", "0"], ["0", "1"])

    result = read_scored(older, ProblemType.BINARY, ALL_KEYS, truth_csv(["1", "0"]), output)

    assert result.predicted == ["1", "0"]


def test_the_score_of_two_classes_is_the_probability_of_the_positive_one() -> None:
    result = binary(["no", "yes"], [0.25, 0.75]).scored

    assert isinstance(result, ScoredLabels)
    assert result.positive == "yes"
    assert result.ranking is not None
    assert result.ranking.score.tolist() == [0.75, 0.25]
    assert result.ranking.positives.tolist() == [1, 0]
    assert result.ranking.negatives.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("called", "score", "expected"),
    [
        ("nnyy", [0.1, 0.3, 0.35, 0.9], 0.35),
        ("nnyy", [0.1, 0.3, 0.7, 0.9], 0.5),
        ("nnny", [0.1, 0.3, 0.7, 0.9], 0.9),
        # The second row is called positive, and the better third one is not.
        ("nyny", [0.1, 0.3, 0.35, 0.9], None),
        ("nyny", [0.1, 0.3, 0.3, 0.9], None),
        ("yyyy", [0.1, 0.3, 0.35, 0.9], None),
    ],
)
def test_the_threshold_of_the_model_s_own_labels(
    called: str, score: list[float], expected: float | None
) -> None:
    names = {"n": "0", "y": "1"}
    lines = [
        [names[each], 1, str([1 - p, p]), "['0', '1']"]
        for each, p in zip(called, score, strict=True)
    ]
    truth = truth_csv(["no", "no", "yes", "yes"])

    found = read_scored(a_dataset(), ProblemType.BINARY, ALL_KEYS, truth, written(*lines)).scored

    assert isinstance(found, ScoredLabels)
    assert found.label_threshold == expected


def test_the_most_confident_mistakes_come_first_with_their_rows() -> None:
    truth = ["no"] * 60
    score = [0.4] * 20 + [round(0.6 + i / 1000, 3) for i in range(40)]

    found = binary(truth, score).scored.mistakes

    assert found is not None
    assert [each.size for each in found] == sorted(score, reverse=True)[:20]
    assert (found[0].row, found[0].truth, found[0].prediction) == (590, "no", "yes")


def test_the_first_of_equal_mistakes_are_kept() -> None:
    found = binary(["no"] * 30, [0.9] * 30).scored.mistakes

    assert found is not None
    assert [each.row for each in found] == [i * 10 for i in range(20)]


def test_the_worst_residuals_come_first_and_right_ones_are_none() -> None:
    output = b"1\n5\n-9\n"

    found = scored([], ["1", "2", "3"], output, ["predicted_label"], ProblemType.REGRESSION).scored

    assert found.mistakes is not None
    assert [(each.row, each.size) for each in found.mistakes] == [(20, -12.0), (10, 3.0)]


@pytest.mark.slow
def test_a_regression_on_disk_has_the_metrics_of_its_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scored_table, "_PIECE", 1_000)
    rng = np.random.default_rng(8)
    truth = rng.gamma(2, 3, 12_345) + 1
    predicted = truth + rng.standard_t(3, 12_345)
    cities = rng.integers(0, 3, 12_345)
    dataset = a_dataset(classes=(), kind=ProblemType.REGRESSION)
    with TemporaryDirectory() as name:
        folder = Path(name)
        rows = [[i * 10, each] for i, each in enumerate(truth.tolist())]
        sources = Sources(
            files(folder, "truth", [written(["row", "y"], *rows)]),
            files(folder, "output", [written(*([each] for each in predicted.tolist()))]),
            files(folder, "test", [written(*(["1", "abc"[city]] for city in cities))]),
        )
        keys, table = ["predicted_label"], folder / "predictions.csv"
        with score(dataset, ProblemType.REGRESSION, keys, sources, table, ["z"]) as found:
            ours = held_out(found, {}), segments(found, {"z": None})

    by_city = {"z": (["a", "b", "c"], cities)}
    counted = scored_numbers(truth, predicted, segments=by_city)
    theirs = held_out(counted, {}), segments(counted, {"z": None})
    assert list(plain_numbers(ours)) == pytest.approx(list(plain_numbers(theirs)), rel=1e-9)
    assert len(list(plain_numbers(ours))) > 100


def plain_numbers(found: Any) -> Iterator[float]:
    """Yield all numbers of a section of the summary."""
    if isinstance(found, dict):
        found = list(found.values())
    if isinstance(found, list | tuple):
        for each in found:
            yield from plain_numbers(each)
    elif isinstance(found, int | float):
        yield found


def test_cells_of_the_segments_are_those_of_the_test_data() -> None:
    dataset = a_dataset(classes=(("a", 1), ("b", 1)))
    truth, output = truth_csv(["a", "b", "a"]), answers(["a", "b", "a"], "ab")
    test = written(["1", "서울"], ["2", ""], ["3", "서울"])

    found = read_scored(dataset, ProblemType.BINARY, ALL_KEYS, truth, output, test, ["z"]).scored

    assert found.segments is not None
    assert [(each.value, len(each.scored)) for each in found.segments["z"]] == [
        ("서울", 2),
        ("", 1),
    ]


@pytest.mark.parametrize("test", [b"1,a\n2,b\n", b"1,a\n2\n3,c\n", b""])
def test_test_data_of_other_rows_leave_the_segments_out(test: bytes) -> None:
    dataset = a_dataset(classes=(("a", 1), ("b", 1)))
    truth, output = truth_csv(["a", "b", "a"]), answers(["a", "b", "a"], "ab")

    found = read_scored(dataset, ProblemType.BINARY, ALL_KEYS, truth, output, test, ["z"]).scored

    assert found.segments is None
    assert len(found) == 3


def test_the_values_with_the_most_rows_are_segments_of_their_own() -> None:
    dataset = a_dataset(classes=(("a", 1), ("b", 1)))
    cells = [f"value {i}" for i in range(20)] + ["value 19"] * 5 + ["value 7"] * 2
    truth, output = truth_csv(["a"] * len(cells)), answers(["a"] * len(cells), "ab")
    test = written(*(["1", cell] for cell in cells))

    found = read_scored(dataset, ProblemType.BINARY, ALL_KEYS, truth, output, test, ["z"]).scored

    assert found.segments is not None
    values = [(each.value, len(each.scored)) for each in found.segments["z"]]
    # The first of equal ones.
    assert values == [("value 19", 6), ("value 7", 3), *((f"value {i}", 1) for i in range(6))]


def test_a_label_without_a_probability_leaves_no_losses() -> None:
    output = answers(["a", "b"], ["a", "b"])

    result = scored(["a", "b", "c"], ["a", "c"], output).scored

    assert isinstance(result, ScoredLabels)
    assert result.losses is None
    assert result.rankings is not None
    assert set(result.rankings) == {"a"}


def classes_of(rows: int) -> tuple[Result, ScoredLabels]:
    """Return rows of five classes, scored and as they are counted in memory."""
    rng = np.random.default_rng(3)
    p = rng.dirichlet(np.full(5, 0.5), rows)
    truth = (p.cumsum(axis=1) > rng.random((rows, 1)) * 0.999).argmax(axis=1)
    said = p.argmax(axis=1)
    lines = [
        ["abcde"[k], 1, str(row), str(list("abcde"))]
        for k, row in zip(said, p.tolist(), strict=True)
    ]
    result = scored("abcde", ["abcde"[k] for k in truth], written(*lines))
    return result, scored_labels("abcde", truth, said, probabilities=p)


def test_probabilities_are_counted_as_they_are() -> None:
    result, theirs = classes_of(500)
    ours = result.scored

    assert isinstance(ours, ScoredLabels)
    assert ours.counted.matrix.tolist() == theirs.counted.matrix.tolist()
    assert ours.losses is not None
    assert theirs.losses is not None
    assert ours.losses.sums.tolist() == pytest.approx(theirs.losses.sums.tolist())
    assert ours.rankings is not None
    assert theirs.rankings is not None
    pairs = [(ours.confidence, theirs.confidence)]
    pairs += [(ours.rankings[label], theirs.rankings[label]) for label in "abcde"]
    for one, other in pairs:
        assert one is not None
        assert other is not None
        for name in ("score", "positives", "negatives"):
            assert getattr(one, name).tolist() == getattr(other, name).tolist()


def test_more_probabilities_than_are_counted_one_by_one_rank_nearly_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scored_table, "MOST_SCORES", 1_000)
    result, theirs = classes_of(3_000)
    ours = result.scored

    assert isinstance(ours, ScoredLabels)
    assert ours.rankings is not None
    assert theirs.rankings is not None
    for label, ranking in ours.rankings.items():
        assert len(ranking.score) < 2_500
        assert ranking.rows == 3_000
        exact = float(roc_auc(theirs.rankings[label]))
        assert float(roc_auc(ranking)) == pytest.approx(exact, abs=3e-4)


def test_more_scores_than_are_counted_one_by_one_give_nearly_the_same_metrics(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(4)
    score = rng.beta(0.3, 2, 20_000)
    truth = ["yes" if each else "no" for each in rng.random(20_000) < score]
    exact = binary(truth, score.tolist()).scored
    monkeypatch.setattr(scored_table, "MOST_SCORES", 1_000)
    counted = binary(truth, score.tolist()).scored

    assert isinstance(exact, ScoredLabels)
    assert isinstance(counted, ScoredLabels)
    assert exact.ranking is not None
    assert counted.ranking is not None
    assert len(counted.ranking.score) < len(exact.ranking.score) == 20_000
    wanted = score_metrics(exact.ranking)
    for name, value in score_metrics(counted.ranking).items():
        assert value == pytest.approx(wanted[name], rel=5e-5)
