from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest

from autodrop_local.sagemaker.engine.notebooks import Subject, code_cells, definition, exploration

SUBJECT = Subject(
    job="job",
    training_data="s3://b/it's.csv",
    target='the "y"',
    problem_type="BinaryClassification",
    objective="F1",
    max_candidates=5,
    algorithms=None,
)
TRAINING = pd.DataFrame({"x": [1.0, None], "word": ["a", "b"], 'the "y"': ["no", "yes"]})


@pytest.mark.parametrize("problem_type", ["BinaryClassification", "Regression"])
def test_notebooks_are_documents_of_the_fourth_format(problem_type: str) -> None:
    objective = "F1" if problem_type != "Regression" else "MSE"
    subject = replace(SUBJECT, problem_type=problem_type, objective=objective)

    for text in (exploration(subject, TRAINING), definition(subject)):
        notebook = json.loads(text)
        assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
        assert notebook["metadata"]["kernelspec"]["name"] == "python3"
        identities = [cell["id"] for cell in notebook["cells"]]
        assert len(set(identities)) == len(identities)
        for cell in notebook["cells"]:
            assert set(cell) >= {"cell_type", "id", "metadata", "source"}
            assert ("outputs" in cell) == (cell["cell_type"] == "code")


def test_every_code_cell_is_python() -> None:
    for text in (exploration(SUBJECT, TRAINING), definition(SUBJECT)):
        for source in code_cells(text):
            compile(source, "cell", "exec")


def test_the_exploration_says_what_the_job_found() -> None:
    text = "".join(
        "".join(c["source"]) for c in json.loads(exploration(SUBJECT, TRAINING))["cells"]
    )

    assert "1 columns of numbers and 1 of text" in text
    assert "| `x` | 50.0% |" in text


def test_each_candidate_has_its_cell() -> None:
    cells = code_cells(definition(SUBJECT))

    assert sum(cell.startswith("train(") for cell in cells) == 4
    assert any("fit_weighted_ensemble" in cell for cell in cells)
