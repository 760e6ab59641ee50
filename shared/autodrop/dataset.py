"""`dataset.json`: what preparation found in the file and decided about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from autodrop import VERSION
from autodrop.naming import RunFolder
from autodrop.settings import ProblemType, Settings, parse_settings

SCHEMA_VERSION = 1


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
    """

    column: str
    reason: str
    inferred_type: ProblemType
    classes: tuple[tuple[str, int], ...] = ()
    positive_class: str | None = None
    positive_reason: str | None = None
    missing: int = 0


@dataclass(frozen=True)
class Split:
    """Which rows are held out.

    Attributes:
        method: As in the settings.
        test_fraction: The share asked for.
        seed: As in the settings.
        train_rows: Rows in `train_data.csv`.
        test_rows: Rows in `test_data.csv`.
    """

    method: str
    test_fraction: float
    seed: int
    train_rows: int
    test_rows: int


@dataclass(frozen=True)
class Warned:
    """Something in the data worth knowing that does not stop the run."""

    code: str
    message: str


@dataclass(frozen=True)
class Dataset:
    """All that later steps need to know of a prepared drop.

    Attributes:
        run_id: The run.
        name: The dataset's name.
        source: Where the file was: bucket, key, version id and size.
        encoding: How its bytes were read.
        delimiter: What separates its cells.
        rows: Data rows in the file, blank lines not counted.
        columns: All column names in file order.
        features: Columns that the model learns from, in file order.
        target: The column to predict.
        split: The held-out rows.
        settings: The settings in force.
        newlines_replaced: Cells whose line breaks became spaces, because batch transform splits
            records at every newline.
        warnings: What the user should know.
    """

    run_id: str
    name: str
    source: dict[str, Any]
    encoding: str
    delimiter: str
    rows: int
    columns: tuple[str, ...]
    features: tuple[str, ...]
    target: Target
    split: Split
    settings: Settings
    newlines_replaced: int = 0
    warnings: tuple[Warned, ...] = ()

    @property
    def folder(self) -> RunFolder:
        """Where the run's objects are."""
        return RunFolder.of(self.name, self.run_id)

    def uri(self, key: str) -> str:
        """Return the `s3://` URI of `key` in the run's bucket."""
        return f"s3://{self.source['bucket']}/{key}"

    def to_json(self) -> dict[str, Any]:
        """Return what is written as `dataset.json`."""
        written = asdict(self)
        written["target"]["classes"] = [
            {"label": label, "rows": rows} for label, rows in self.target.classes
        ]
        written["settings"] = self.settings.to_json()
        written["files"] = {
            "train": self.uri(self.folder.train),
            "test": self.uri(self.folder.test),
            "truth": self.uri(self.folder.truth),
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
            encoding=written["encoding"],
            delimiter=written["delimiter"],
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
            ),
            split=Split(**written["split"]),
            settings=parse_settings(settings),
            newlines_replaced=written["newlines_replaced"],
            warnings=tuple(Warned(**each) for each in written["warnings"]),
        )
