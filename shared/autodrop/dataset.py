"""`dataset.json`: what preparation found in the file and decided about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from autodrop import VERSION
from autodrop.findings import Finding
from autodrop.naming import RunFolder
from autodrop.probe import PROBE_FILE
from autodrop.settings import ProblemType, Settings, parse_settings

SCHEMA_VERSION = 2
# What the model knows the positive class and the other one as.
MODEL_POSITIVE, MODEL_NEGATIVE = "1", "0"


@dataclass(frozen=True)
class Target:
    """The column to predict.

    Attributes:
        column: Its name.
        reason: Why this one.
        inferred_type: The kind of problem that its values suggest; Autopilot has the last word.
        classes: The labels as the file spells them with their row counts, most frequent first;
            empty when there are more than a thousand or the values are measurements.
        positive_class: For two classes, the one that binary metrics are about.
        positive_reason: Why this one.
        missing: Rows without a target: kept out of training and test.
        model_labels: For two classes, the file's label by the model's; empty where the model learns
            the labels of the file.
    """

    column: str
    reason: str
    inferred_type: ProblemType
    classes: tuple[tuple[str, int], ...] = ()
    positive_class: str | None = None
    positive_reason: str | None = None
    missing: int = 0
    model_labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_recoded(self) -> bool:
        """Whether the model learns other labels than those in the file."""
        return any(model != file for model, file in self.model_labels.items())


@dataclass(frozen=True)
class Split:
    """Which rows are held out.

    Attributes:
        method: As in the settings, or `file` where the user gave the test rows.
        test_fraction: The share asked for; None for `file`.
        seed: As in the settings.
        train_rows: Training rows.
        test_rows: Held-out rows.
        column: The column of the groups or times.
        note: Where the border is, in words; may be empty.
    """

    method: str
    test_fraction: float | None
    seed: int
    train_rows: int
    test_rows: int
    column: str | None = None
    note: str = ""


@dataclass(frozen=True)
class Reading:
    """How the dropped file was read.

    Attributes:
        format: `csv` or `parquet`.
        encoding: How bytes became characters.
        compression: `gzip`, `zstd` or None.
        delimiter: What separates the cells.
        escape: How a quote stands in a quoted cell: `doubled` or behind a `backslash`.
        line_end: `lf`, `crlf`, `cr` or `mixed`.
        header_line: The 1-based line of the column names.
        decimal: What stands before decimals where the file shows it: `.`, `,` or None.
    """

    format: str = "csv"
    encoding: str = "utf-8"
    compression: str | None = None
    delimiter: str = ","
    escape: str = "doubled"
    line_end: str = "lf"
    header_line: int = 1
    decimal: str | None = None


@dataclass(frozen=True)
class Dataset:
    """All that later steps need to know of a prepared drop.

    Attributes:
        run_id: The run.
        name: The dataset's name.
        source: Where the file was: bucket, key, version id and size.
        reading: How it was read.
        rows: Data rows in the file, blank lines not counted.
        columns: All column names in file order.
        features: Columns that the model learns from, in file order.
        target: The column to predict.
        split: The held-out rows.
        settings: The settings in force.
        identifiers: Columns that are kept out because they look like identifiers.
        newlines_replaced: Cells whose line breaks became spaces, because batch transform splits
            records at every newline.
        decimal_commas: Columns whose numbers are written with a decimal comma.
        emptied_texts: Columns whose texts stand in held-out rows only.
        longest_row: No row that the model is given has more bytes; 0 where nobody counted.
        parts: Whether training, test and truth are several files each, in the order of their names.
        probe_rows: How many rows of the probe lie beside the held-out rows; 0 where these are too
            long, None where nobody has made a probe.
        warnings: What the user should know.
    """

    run_id: str
    name: str
    source: dict[str, Any]
    reading: Reading
    rows: int
    columns: tuple[str, ...]
    features: tuple[str, ...]
    target: Target
    split: Split
    settings: Settings
    identifiers: tuple[str, ...] = ()
    newlines_replaced: int = 0
    decimal_commas: tuple[str, ...] = ()
    emptied_texts: tuple[str, ...] = ()
    longest_row: int = 0
    parts: bool = False
    probe_rows: int | None = None
    warnings: tuple[Finding, ...] = ()

    @property
    def folder(self) -> RunFolder:
        """Where the run's objects are."""
        return RunFolder.of(self.name, self.run_id)

    def uri(self, key: str) -> str:
        """Return the `s3://` URI of `key` in the run's bucket."""
        return f"s3://{self.source['bucket']}/{key}"

    @property
    def has_model_train(self) -> bool:
        """Whether the model learns from a copy, in which some cells are written otherwise.

        The training file holds the cells as the dropped file spells them. Autopilot would take a
        decimal comma for a text, and choose by itself which of two classes its F1 is about.
        """
        return bool(self.decimal_commas) or self.target.is_recoded

    @property
    def has_model_test(self) -> bool:
        """Whether the model scores a copy, in which some cells are written otherwise.

        A text in a column of numbers fails a batch transform.
        """
        return bool(self.emptied_texts) or not set(self.features).isdisjoint(self.decimal_commas)

    @property
    def train_uri(self) -> str:
        """What Autopilot reads; ends with a slash when it is several files."""
        return self._part(self.folder.model_train if self.has_model_train else self.folder.train)

    @property
    def test_uri(self) -> str:
        """What batch transform reads; ends with a slash when it is several files, as with a probe.

        Nothing but the held-out rows and the probe lies in that folder.
        """
        return self._part(self._model_test, in_folder=bool(self.probe_rows))

    @property
    def probe_key(self) -> str:
        """Where the probe is, if there is one: beside what batch transform reads."""
        return f"{self._model_test.rpartition('/')[0]}/{PROBE_FILE}"

    @property
    def truth_uri(self) -> str:
        """Row numbers, carried columns and target; ends with a slash when it is several files."""
        return self._part(self.folder.truth)

    @property
    def _model_test(self) -> str:
        return self.folder.model_test if self.has_model_test else self.folder.test

    def _part(self, key: str, *, in_folder: bool = False) -> str:
        return self.uri(key.rpartition("/")[0] + "/" if self.parts or in_folder else key)

    def to_json(self) -> dict[str, Any]:
        """Return what is written as `dataset.json`."""
        written = asdict(self)
        written["target"]["classes"] = [
            {"label": label, "rows": rows} for label, rows in self.target.classes
        ]
        written["settings"] = self.settings.to_json()
        written["warnings"] = [each.to_json() for each in self.warnings]
        written["files"] = {
            "train": self._part(self.folder.train),
            "test": self._part(self.folder.test),
            "truth": self.truth_uri,
            "model_train": self.train_uri,
            "model_test": self._part(self._model_test),
        }
        return {"schema_version": SCHEMA_VERSION, "autodrop_version": VERSION, **written}

    @classmethod
    def from_json(cls, written: dict[str, Any]) -> Dataset:
        """Return the dataset that `to_json` wrote."""
        target = written["target"]
        settings = {key: value for key, value in written["settings"].items() if value is not None}
        return cls(
            run_id=written["run_id"],
            name=written["name"],
            source=written["source"],
            reading=Reading(**written["reading"]),
            rows=written["rows"],
            columns=tuple(written["columns"]),
            features=tuple(written["features"]),
            target=Target(
                column=target["column"],
                reason=target["reason"],
                inferred_type=ProblemType(target["inferred_type"]),
                classes=tuple((each["label"], each["rows"]) for each in target["classes"]),
                positive_class=target["positive_class"],
                positive_reason=target["positive_reason"],
                missing=target["missing"],
                model_labels=target.get("model_labels", {}),
            ),
            split=Split(**written["split"]),
            settings=parse_settings(settings),
            identifiers=tuple(written["identifiers"]),
            newlines_replaced=written["newlines_replaced"],
            decimal_commas=tuple(written["decimal_commas"]),
            emptied_texts=tuple(written["emptied_texts"]),
            # Runs that were prepared before it was counted have none.
            longest_row=written.get("longest_row", 0),
            parts=written["parts"],
            # Datasets of older versions have none.
            probe_rows=written.get("probe_rows"),
            warnings=tuple(Finding.from_json(each) for each in written["warnings"]),
        )
