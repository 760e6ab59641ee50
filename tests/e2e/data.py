"""Small real data that scikit-learn ships, and files that are awkward on purpose."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from sklearn import datasets

BANK = Path(__file__).parents[2] / "examples/bank-marketing/bank-additional-full.csv.gz"


def bank_rows(rows: int) -> bytes:
    """Return the header and every 13th row of the bank-marketing file, at most 3,168 rows."""
    header, *lines = gzip.decompress(BANK.read_bytes()).splitlines(keepends=True)
    return b"".join([header, *lines[::13][:rows]])


def write_binary(path: Path) -> None:
    """Write 569 tumours of two classes; names of columns have spaces."""
    datasets.load_breast_cancer(as_frame=True).frame.to_csv(path, index=False)


def write_multiclass(path: Path) -> None:
    """Write 718 pictures of the digits 0 to 3, the target last and called `digit`."""
    table = datasets.load_digits(n_class=4, as_frame=True).frame
    table = table.loc[:, table.nunique() > 5].assign(digit=table["target"])
    table.to_csv(path, index=False)


def write_regression(path: Path) -> None:
    """Write 569 tumours with a measurement as the target, in the middle of the table."""
    table = datasets.load_breast_cancer(as_frame=True).frame.drop(columns="target")
    table.iloc[:, :20].to_csv(path, index=False)


def write_awkward(path: Path) -> None:
    """Write a table with all that real files have.

    A byte-order mark, quoted commas and line breaks, missing values, a target in the middle, labels
    such as `<=50K`, names with parentheses and markup, 80 columns, Windows line ends.
    """
    table = datasets.load_breast_cancer(as_frame=True).frame
    rows = len(table)
    label = np.where(table.pop("target") == 1, "<=50K", ">50K")
    for i in range(48):
        table[f"noise {i} (unit/{i})"] = np.random.default_rng(i).normal(size=rows).round(3)
    table.insert(40, "Income, level", label)
    table.insert(
        0, "<script>alert(1)</script>", ["a, b", 'say "x"', "", "two\nlines"] * 142 + ["c"]
    )
    table.loc[::7, "mean texture"] = None
    content = table.to_csv(index=False, lineterminator="\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + content.encode())


def write_churn(path: Path, yes: str, no: str, *, share: float, rows: int = 1500) -> None:
    """Write customers of whom about a share is labelled `yes`; the same ones for any two labels."""
    random = np.random.default_rng(12)
    months = random.integers(1, 72, rows)
    charge = random.normal(65, 25, rows).round(2)
    calls = random.poisson(2, rows)
    drive = -months / 20 + charge / 40 + calls / 2 + random.normal(0, 1.2, rows)
    leaves = drive > np.quantile(drive, 1 - share)
    plan = np.array(["basic", "plus", "full"])[random.integers(0, 3, rows)]
    lines = (
        f"{a},{b},{c},{d},{yes if e else no}\n"
        for a, b, c, d, e in zip(months, charge, calls, plan, leaves, strict=True)
    )
    path.write_text("months,charge,calls,plan,churn\n" + "".join(lines), encoding="utf-8")
