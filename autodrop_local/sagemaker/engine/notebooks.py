"""Autopilot's two notebooks, as nbformat 4 documents whose cells run from top to bottom.

They read the training data from where the job read it, or from the CSV file that the environment
variable `TRAINING_DATA` names, so they can be run next to a downloaded copy as well.
"""

from __future__ import annotations

import hashlib
import json
import pprint
from dataclasses import dataclass
from typing import Any

import pandas as pd

from autodrop_local.sagemaker.engine import candidates

EXPLORATION_NAME = "SageMakerAutopilotDataExplorationNotebook.ipynb"
DEFINITION_NAME = "SageMakerAutopilotCandidateDefinitionNotebook.ipynb"

Cell = tuple[str, str]


@dataclass(frozen=True)
class Subject:
    """What the notebooks are about."""

    job: str
    training_data: str
    target: str
    problem_type: str
    objective: str
    max_candidates: int
    algorithms: list[str] | None


def exploration(subject: Subject, training: pd.DataFrame) -> str:
    """The data exploration notebook: what the job saw in its training rows, and how to look on."""
    return _notebook(
        [
            ("markdown", _EXPLORATION_TITLE.format(job=subject.job)),
            ("markdown", _findings(subject, training)),
            ("markdown", "## Read the data"),
            ("code", _settings(subject)),
            ("code", _READ),
            ("markdown", "## Columns\n\nType, missing values and distinct values of each column."),
            ("code", _COLUMNS),
            ("markdown", "## The target"),
            ("code", _TARGET),
            ("markdown", "## Numbers"),
            ("code", _NUMBERS),
            ("markdown", "## Words\n\nThe most frequent values of each column of text."),
            ("code", _WORDS),
            ("markdown", "## Columns that need a second look"),
            ("code", _WARNINGS),
        ]
    )


def definition(subject: Subject) -> str:
    """The candidate definition notebook: trains the job's candidates again, one cell each."""
    models, ensemble = candidates.chosen(subject.max_candidates, subject.algorithms)
    cells: list[Cell] = [
        ("markdown", _DEFINITION_TITLE.format(job=subject.job)),
        ("markdown", "## Read the data"),
        ("code", _settings(subject)),
        ("code", _READ),
        ("markdown", "## Hold out validation rows\n\nCandidates are compared on these rows."),
        ("code", _split(subject)),
        ("markdown", "## Candidates\n\nOne AutoGluon predictor, to which models are added."),
        ("code", _predictor(subject)),
    ]
    for number, planned in enumerate(models, start=1):
        wanted = candidates.hyperparameters(planned, subject.problem_type, None)
        settings = pprint.pformat(wanted, width=88, sort_dicts=False)
        cells.append(("markdown", f"### Candidate {number}: {planned.algorithm}"))
        cells.append(("code", f"train(\n{_indented(settings)}\n)"))
    if ensemble:
        cells.append(("markdown", f"### Candidate {len(models) + 1}: a weighted ensemble"))
        cells.append(("code", "predictor.fit_weighted_ensemble()"))
    cells.append(("markdown", "## Leaderboard\n\n`score_val` is higher for better candidates."))
    cells.append(("code", _LEADERBOARD))
    return _notebook(cells)


def code_cells(notebook: str) -> list[str]:
    """The sources of a notebook's code cells, from top to bottom."""
    cells = json.loads(notebook)["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def _notebook(cells: list[Cell]) -> str:
    document = {
        "cells": [_cell(number, kind, source) for number, (kind, source) in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document, indent=1, ensure_ascii=False)


def _cell(number: int, kind: str, source: str) -> dict[str, Any]:
    cell: dict[str, Any] = {
        "cell_type": kind,
        "id": hashlib.sha256(f"{number}{source}".encode()).hexdigest()[:8],
        "metadata": {},
        "source": source.strip("\n").splitlines(keepends=True),
    }
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    return cell


def _findings(subject: Subject, training: pd.DataFrame) -> str:
    features = training.drop(columns=[subject.target])
    numeric = features.select_dtypes("number").shape[1]
    missing = features.isna().mean().sort_values(ascending=False)
    missing = missing[missing > 0].head(10)
    lines = [
        "## What the job found",
        "",
        f"- target: `{subject.target}`, problem type {subject.problem_type}, "
        f"objective {subject.objective}",
        f"- {len(training)} rows to train on after validation rows were held out",
        f"- {numeric} columns of numbers and {features.shape[1] - numeric} of text",
    ]
    if missing.empty:
        lines.append("- no missing values")
    else:
        lines += ["", "| column | missing |", "| --- | --- |"]
        lines += [f"| `{name}` | {share:.1%} |" for name, share in missing.items()]
    return "\n".join(lines)


def _settings(subject: Subject) -> str:
    return _SETTINGS.format(
        training_data=subject.training_data,
        target=subject.target,
        text_target=subject.problem_type != "Regression",
    )


def _split(subject: Subject) -> str:
    stratify = "None" if subject.problem_type == "Regression" else "data[TARGET]"
    return _SPLIT.format(stratify=stratify)


def _predictor(subject: Subject) -> str:
    return _PREDICTOR.format(
        problem_type=candidates.PROBLEM_TYPES[subject.problem_type],
        metric=candidates.METRICS[subject.objective],
    )


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


_EXPLORATION_TITLE = """
# Data exploration of `{job}`

Written by the local Autopilot while it analyzed the training data. Run the cells to look further.
"""

_DEFINITION_TITLE = """
# Candidate definitions of `{job}`

The candidates that the local Autopilot trained, each as a cell that trains it again with
[AutoGluon](https://auto.gluon.ai). Change a setting and run its cell to try something else.
"""

_SETTINGS = """
import os

# an s3:// prefix as the job read it (AWS_ENDPOINT_URL and AWS_CA_BUNDLE apply), or a local file
TRAINING_DATA = os.environ.get("TRAINING_DATA", {training_data!r})
TARGET = {target!r}
TEXT_TARGET = {text_target!r}
"""

_READ = """
import gzip
import io
from pathlib import Path

import boto3
import pandas as pd


def contents(location):
    \"\"\"The bytes of a local file, or of every object below an s3:// prefix.\"\"\"
    if not location.startswith("s3://"):
        return [Path(location).read_bytes()]
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    s3 = boto3.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = sorted(found["Key"] for page in pages for found in page.get("Contents", []))
    return [s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys]


def table(content):
    if content.startswith(b"\\x1f\\x8b"):
        content = gzip.decompress(content)
    types = {TARGET: str} if TEXT_TARGET else None
    return pd.read_csv(io.BytesIO(content), dtype=types, encoding="utf-8-sig", low_memory=False)


data = pd.concat([table(content) for content in contents(TRAINING_DATA)], ignore_index=True)
data = data.dropna(subset=[TARGET])
print(f"{len(data)} rows, {data.shape[1]} columns")
"""

_COLUMNS = """
columns = pd.DataFrame(
    {
        "type": data.dtypes.astype(str),
        "missing": data.isna().mean().map("{:.1%}".format),
        "distinct": data.nunique(),
    }
)
print(columns.to_string())
"""

_TARGET = """
if TEXT_TARGET:
    counts = data[TARGET].value_counts()
    shares = (counts / len(data)).map("{:.1%}".format)
    print(pd.DataFrame({"rows": counts, "share": shares}).to_string())
else:
    print(data[TARGET].describe().to_string())
"""

_NUMBERS = """
numbers = data.select_dtypes("number")
if numbers.empty:
    print("no columns of numbers")
else:
    print(numbers.describe().T.to_string())
    goal = data[TARGET].astype("category").cat.codes if TEXT_TARGET else data[TARGET]
    varied = numbers.drop(columns=[TARGET], errors="ignore").loc[:, lambda kept: kept.std() > 0]
    related = varied.corrwith(goal, method="spearman").sort_values(key=abs, ascending=False)
    print()
    print("rank correlation with the target")
    print(related.to_string())
"""

_WORDS = """
for name in data.columns.difference(numbers.columns):
    if name != TARGET:
        print(data[name].value_counts(dropna=False).head(5).to_string())
        print()
"""

_WARNINGS = """
constant = [name for name in data.columns if data[name].nunique(dropna=False) < 2]
identifiers = [
    name
    for name in data.columns
    if name not in numbers.columns and name != TARGET and data[name].nunique() > 0.95 * len(data)
]
empty = [name for name in data.columns if data[name].isna().mean() > 0.5]
print("the same value everywhere:", constant or "none")
print("a different value in nearly every row:", identifiers or "none")
print("more than half missing:", empty or "none")
print("rows that are there twice:", int(data.duplicated().sum()))
"""

_SPLIT = """
from sklearn.model_selection import train_test_split

training, validation = train_test_split(
    data, test_size=0.2, random_state=0, stratify={stratify}
)
print(f"{{len(training)}} rows to train on, {{len(validation)}} to compare candidates on")
"""

_PREDICTOR = """
import tempfile

from autogluon.tabular import TabularPredictor

predictor = TabularPredictor(
    label=TARGET,
    problem_type={problem_type!r},
    eval_metric={metric!r},
    path=tempfile.mkdtemp(),
    verbosity=1,
)


def train(hyperparameters):
    \"\"\"Adds one candidate to the predictor.\"\"\"
    if predictor.is_fit:
        predictor.fit_extra(hyperparameters, fit_weighted_ensemble=False, num_gpus=0)
    else:
        predictor.fit(
            training,
            tuning_data=validation,
            hyperparameters=hyperparameters,
            fit_weighted_ensemble=False,
            calibrate_decision_threshold=False,
            num_gpus=0,
        )
    print(predictor.model_names())
"""

_LEADERBOARD = """
print(predictor.leaderboard()[["model", "score_val", "pred_time_val", "fit_time"]].to_string())
"""
