"""Counts of the held-out rows in the tables `truth`, `told` and `test`, row beside row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autodrop.duckdb_engine import DuckDB
from autodrop.errors import JobFailed
from autodrop.results.bootstrap import in_blocks
from autodrop.results.metrics import Blocks, Confusion, Floats, Ranking, confusion, losses
from autodrop.results.scored import Mistake, ScoredLabels, ScoredNumbers, Segment

# So many scores are counted one by one. Beyond, they are counted in sizes this far apart, as a
# share of their distance from 0 or 1: nobody sees the difference, and memory stays what it is.
MOST_SCORES = 1_000_000
_FINE, _COARSE = 0.0001, 0.01
# With more classes, their counts are not worth the memory.
_MOST_RANKED_CLASSES = 1_000
_MISTAKES = 20
TOLD_NUMBER = "trim(label, ' ' || chr(9) || chr(10) || chr(13))"
_PIECE = 500_000


@dataclass(frozen=True)
class Scoring:
    """The loaded tables.

    Attributes:
        engine: Where they are.
        target: The column of `truth` that holds the target.
        segments: By column of `test`, in order, the cells whose rows are told apart; None where
            the test data do not fit the rows.
    """

    engine: DuckDB
    target: str
    segments: Mapping[str, Sequence[str]] | None

    def create(self, columns: Sequence[str], derived: Sequence[str]) -> None:
        """Make the table `scored`: `row`, `derived`, and the segments' numbers, 0 for none.

        Args:
            columns: Expressions over the tables, with names.
            derived: Expressions over these columns.
        """
        codes = [
            f"coalesce(list_position([{', '.join(map(self.engine.literal, cells))}], test.s{i}), 0)"
            f"::utinyint as s{i}"
            for i, cells in enumerate((self.segments or {}).values())
        ]
        tables = " positional join ".join(["truth", "told", *(["test"] if codes else [])])
        base = ", ".join(["truth.c0::bigint as row", *columns, *codes])
        kept = ", ".join(["row", *derived, *(f"s{i}" for i in range(len(codes)))])
        self.engine.statement(
            f"create table scored as select {kept} from (select {base} from {tables})"
        )


@dataclass(frozen=True)
class Classes:
    """The labels of a classification, numbered.

    Attributes:
        labels: All labels as the dropped file spells them; a code is a position here.
        of_truth: The codes of the type `truth_label`, in its order.
        of_told: The codes of the type `told_label`, in its order.
        columns: The labels that have a probability, in the order of their columns; None where the
            model gives none.
        orders: For each value of the type `kind`, where the columns stand in its lists: from 1
            on, 0 for nowhere.
    """

    labels: Sequence[str]
    of_truth: Sequence[int]
    of_told: Sequence[int]
    columns: Sequence[str] | None
    orders: Sequence[Sequence[int]]

    def prediction_sql(self, engine: DuckDB, cells: Sequence[str]) -> str:
        """Return the expression for one of `cells`, which are those of the type `told_label`."""
        return f"[{', '.join(map(engine.literal, cells))}][{_position('told.label', 'told_label')}]"

    @property
    def texts_sql(self) -> str | None:
        """The expression for the probabilities by column, as they are written."""
        if self.columns is None:
            return None
        if self._is_plain:
            return "told.texts"
        text = "coalesce(nullif(string_split(told.texts, ',')[k], ''), '0.0')"
        return f"array_to_string({self._in_order(text)}, ',')"

    @property
    def p_sql(self) -> str:
        """The expression for the list of probabilities by column."""
        return "told.p" if self._is_plain else self._in_order("coalesce(told.p[k], 0.0)")

    @property
    def _is_plain(self) -> bool:
        return list(self.orders) == [list(range(1, len(self.columns or ()) + 1))]

    def _in_order(self, element: str) -> str:
        orders = [list(order) for order in self.orders]
        return f"list_transform({orders}[{_position('told.kind', 'kind')}], lambda k: {element})"


def numbers_table(scoring: Scoring, *, comma: bool) -> ScoredNumbers:
    """Return truth and predictions of a regression.

    Args:
        scoring: The tables.
        comma: Whether decimals of the truth stand behind a comma.

    Raises:
        JobFailed: Something is not a number.
    """
    engine = scoring.engine
    spelled = f"truth.{scoring.target}"
    truth = f"replace({spelled}, ',', '.')" if comma else spelled
    # The cast alone takes more for a number than others do, such as 1_000.
    columns = [
        f"coalesce(case when regexp_full_match({each}, '[-+.0-9eE]+') "
        f"then try_cast({each} as double) end, 'nan'::double) as {name}"
        for each, name in ((f"trim({truth})", "truth"), (TOLD_NUMBER, "predicted"))
    ]
    scoring.create(columns, ["truth", "predicted"])
    for name, code, what in (
        ("predicted", "PREDICTION_NOT_A_NUMBER", "A prediction"),
        ("truth", "TRUTH_NOT_A_NUMBER", "The target of a held-out row"),
    ):
        if engine.query(f"select count(*) from scored where not isfinite({name})") != [(0,)]:
            # Without the cell: this text goes into logs.
            raise JobFailed(code, f"{what} is not a number.")
    worst = engine.query(
        "select row, rowid, predicted - truth from scored where predicted != truth "
        f"order by abs(predicted - truth) desc, rowid limit {_MISTAKES}"
    )
    mistakes = [Mistake(row, *_cells(scoring, place), error) for row, place, error in worst]
    segments = None
    if scoring.segments is not None:
        segments = {
            name: [
                Segment(cell, _numbers(engine, f"s{i} = {code}"))
                for code, cell in enumerate(cells, 1)
            ]
            for i, (name, cells) in enumerate(scoring.segments.items())
        }
    return replace(_numbers(engine, "true"), mistakes=mistakes, segments=segments)


def _numbers(engine: DuckDB, where: str) -> ScoredNumbers:
    """Return the rows of the table `scored` for which a condition holds."""
    ((rows,),) = engine.query(f"select count(*) from scored where {where}")

    def pieces() -> Iterator[tuple[Floats, Floats]]:
        for found in _pieces(engine, "truth, predicted", where):
            yield found["truth"], found["predicted"]

    # Not by DuckDB, whose threads add up in another order each time.
    mean = float(sum((truth / rows).sum() for truth, _ in pieces()))
    values = {
        "truth": "truth",
        "predicted": "predicted",
        "error": "predicted - truth",
        "absolute": "abs(predicted - truth)",
        "deviation": f"abs(truth - '{mean!r}'::double)",
    }
    in_order: set[str] = set()

    def quantiles(name: str, shares: Sequence[float]) -> Floats:
        table = f'"{name} in order where {where}"'
        if name not in in_order:
            value = f"select {values[name]} as value from scored where {where}"
            engine.statement(f"create table {table} as {value} order by value")
            in_order.add(name)
        at = np.asarray(shares) * (rows - 1)
        before, part = np.floor(at).astype(np.int64), at - np.floor(at)
        places = sorted({*before.tolist(), *np.ceil(at).astype(np.int64).tolist()})
        some = f"select rowid, value from {table} where rowid in ({', '.join(map(str, places))})"
        known = dict(engine.query(some))
        found = np.array([known[place] for place in before.tolist()])
        for i in np.flatnonzero(part):
            following = known[int(before[i]) + 1]
            found[i] = found[i] * (1 - part[i]) + following * part[i]
        return found

    return ScoredNumbers(rows, mean, pieces, quantiles)


def _pieces(engine: DuckDB, columns: str, where: str) -> Iterator[dict[str, Any]]:
    """Yield columns of the rows for which a condition holds, in order and piece by piece."""
    ((rows,),) = engine.query("select count(*) from scored")
    for start in range(0, rows, _PIECE):
        here = f"rowid >= {start} and rowid < {start + _PIECE} and {where}"
        yield engine.arrays(f"select {columns} from scored where {here}")


def _cells(scoring: Scoring, place: int) -> tuple[str, str]:
    """Return truth and prediction of a row as they are spelled."""
    cells = []
    for cell, table in ((scoring.target, "truth"), (TOLD_NUMBER, "told")):
        ((found,),) = scoring.engine.query(f"select {cell} from {table} where rowid = {place}")
        cells.append(found)
    return cells[0], cells[1]


def labels_table(scoring: Scoring, classes: Classes, positive: str | None) -> ScoredLabels:
    """Return the counts of a classification.

    Args:
        scoring: The tables, with the types of `classes`.
        classes: The labels.
        positive: The positive class, for two classes.
    """
    truth = f"{list(classes.of_truth)}[{_position('truth.' + scoring.target, 'truth_label')}]"
    told = f"{list(classes.of_told)}[{_position('told.label', 'told_label')}]"
    columns = [f"{truth} as truth", f"{told} as predicted"]
    derived = ["truth", "predicted"]
    place = {label: i for i, label in enumerate(classes.columns or (), 1)}
    if place:
        places = [place.get(label, 0) for label in classes.labels]
        columns.append(f"{classes.p_sql} as p")
        derived += [
            f"coalesce(p[{places}[{name} + 1]], 'nan'::double) as of_{name}"
            for name in ("predicted", "truth")
        ]
        derived.append(f"p[{place[positive]}] as score" if positive in place else "p")
    scoring.create(columns, derived)
    counted = _Counted(scoring, classes, positive if positive in place else None)
    scored = ScoredLabels(
        counted.confusions("0")[0],
        positive,
        ranking=counted.rankings("0").get(0),
        label_threshold=counted.label_threshold(),
        mistakes=counted.mistakes() if place else None,
        segments=counted.segments(positive),
    )
    if positive is not None or not place:
        return scored
    return replace(
        scored,
        confidence=counted.confidence(),
        losses=counted.losses(),
        rankings=counted.rankings_of_classes(),
    )


@dataclass(frozen=True)
class _Counted:
    """Counts the table `scored`.

    Attributes:
        ranked: The positive class, where it has a score.
    """

    scoring: Scoring
    classes: Classes
    ranked: str | None

    def confusions(self, part: str) -> dict[int, Confusion]:
        """Return the pairs of truth and prediction in each part of the rows."""
        found = self.scoring.engine.arrays(
            f"select {part} as part, truth, predicted, count(*) as rows from scored group by all"
        )
        return {
            int(each): confusion(
                self.classes.labels,
                *(found[name][found["part"] == each] for name in ("truth", "predicted", "rows")),
            )
            for each in np.unique(found["part"])
        }

    def rankings(self, part: str) -> dict[int, Ranking]:
        """Return how the score ranks each part of the rows; none where there is no score."""
        if self.ranked is None:
            return {}
        code = self.classes.labels.index(self.ranked)
        return self._rankings(
            f"select {part} as part, score, truth = {code} as hit from scored",
            _FINE,
        )

    def label_threshold(self) -> float | None:
        """Return the score from which on rows are called positive, if all above it are.

        That is 0.5 where 0.5 says the same, else the lowest score that is called so.
        """
        if self.ranked is None:
            return None
        is_called = f"predicted = {self.classes.labels.index(self.ranked)}"
        lowest_sql = f"min(score) filter ({is_called})"
        highest_sql = f"max(score) filter (not {is_called})"
        ((lowest, highest),) = self.scoring.engine.query(
            f"select {lowest_sql}, {highest_sql} from scored"
        )
        if lowest is None or highest is None or lowest <= highest:
            return None
        return 0.5 if highest < 0.5 <= lowest else float(lowest)

    def rankings_of_classes(self) -> dict[str, Ranking] | None:
        """Return how each class that occurs ranks the rows against all others."""
        columns = self.classes.columns or ()
        if len(columns) > _MOST_RANKED_CLASSES:
            return None
        codes = [self.classes.labels.index(label) for label in columns]
        each = f"select truth, unnest(p) as score, unnest({codes}) as part from scored"
        found = self._rankings(f"select part, score, truth = part as hit from ({each})", _COARSE)
        return {
            self.classes.labels[code]: ranking
            for code, ranking in found.items()
            if ranking.positives.any()
        }

    def confidence(self) -> Ranking | None:
        """Return how the probability of the prediction ranks right ones before wrong ones."""
        if self._has_gaps("of_predicted"):
            return None
        source = "select 0 as part, of_predicted as score, truth = predicted as hit from scored"
        return self._rankings(source, _FINE)[0]

    def losses(self) -> Blocks | None:
        """Return the losses of the true labels."""
        if self._has_gaps("of_truth"):
            return None
        found = _pieces(self.scoring.engine, "of_truth", "true")
        return in_blocks(losses(piece["of_truth"]) for piece in found)

    def mistakes(self) -> list[Mistake]:
        """Return the most confident mistakes."""
        labels = self.classes.labels
        found = self.scoring.engine.query(
            "select row, truth, predicted, of_predicted from scored "
            "where truth != predicted and isfinite(of_predicted) "
            f"order by of_predicted desc, rowid limit {_MISTAKES}"
        )
        return [Mistake(row, labels[truth], labels[said], size) for row, truth, said, size in found]

    def segments(self, positive: str | None) -> dict[str, list[Segment]] | None:
        """Return what is counted of the rows of each segment."""
        if self.scoring.segments is None:
            return None
        found = {}
        for i, (name, cells) in enumerate(self.scoring.segments.items()):
            confusions, rankings = self.confusions(f"s{i}"), self.rankings(f"s{i}")
            found[name] = [
                Segment(cell, ScoredLabels(confusions[code], positive, rankings.get(code)))
                for code, cell in enumerate(cells, 1)
            ]
        return found

    def _rankings(self, source: str, apart: float) -> dict[int, Ranking]:
        """Return the rankings of the parts of a query's rows.

        Args:
            source: A query for `part`, `score` and `hit`, whether the row is one of the positive.
            apart: How far apart scores are when they are too many to be counted one by one.
        """
        engine = self.scoring.engine
        ((scores,),) = engine.query(f"select count(*) from ({source})")
        size = "score" if scores <= MOST_SCORES else _size("score", apart)
        found = engine.arrays(
            "select part, max(score) as high, min(score) as low, "
            "count(*) filter (hit) as positives, count(*) filter (not hit) as negatives "
            f"from ({source}) group by part, {size} order by part, high desc"
        )
        starts = np.flatnonzero(np.diff(found["part"].astype(np.int64), prepend=-1))
        ends = np.append(starts[1:], len(found["part"]))
        return {
            int(found["part"][start]): Ranking(
                (found["low"][start:end] + found["high"][start:end]) / 2,
                found["positives"][start:end],
                found["negatives"][start:end],
            )
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        }

    def _has_gaps(self, column: str) -> bool:
        missing = f"select count(*) from scored where not isfinite({column})"
        return self.scoring.engine.query(missing) != [(0,)]


def _position(cell: str, kind: str) -> str:
    """Return the expression for the position of a cell among a type's values, from 1 on."""
    return f"enum_code({cell}::{kind}) + 1"


def _size(score: str, apart: float) -> str:
    """Return the expression for a whole number that grows with the score."""
    rest = f"ln(greatest(least({score}, 1 - {score}), 1e-300)) / {apart}"
    return f"case when {score} < 0.5 then floor({rest}) else -floor({rest}) end::int"
