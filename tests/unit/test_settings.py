"""Settings: layers, defaults, and refusals that say what is allowed."""

from __future__ import annotations

import json
from typing import Any

import botocore.session
import pytest
import yaml
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from autodrop.errors import Rejected
from autodrop.settings import (
    MODES,
    TRANSFORM_INSTANCE_TYPES,
    AutopilotSettings,
    ProblemType,
    Settings,
    SplitSettings,
    TransformSettings,
    parse_settings,
    settings_from_metadata,
)
from autodrop_local.sagemaker.api.shapes import service_model
from autodrop_local.sagemaker.objectives import ALLOWED

FEW = hypothesis_settings(max_examples=30)
texts = st.text(min_size=1, max_size=20)


@st.composite
def all_settings(draw: st.DrawFn) -> Settings:
    """Draw any settings that a user may have."""
    problem = draw(st.none() | st.sampled_from(ProblemType))
    objectives = st.sampled_from(problem.objectives) if problem else st.none()
    return Settings(
        target=draw(st.none() | texts),
        problem_type=problem,
        objective=draw(st.none() | objectives),
        positive_class=draw(st.none() | texts),
        ignore=tuple(draw(st.lists(texts, max_size=3))),
        split=SplitSettings(
            test_fraction=draw(st.floats(0, 1, exclude_min=True, exclude_max=True)),
            seed=draw(st.integers(0, 2**32 - 1)),
        ),
        autopilot=AutopilotSettings(
            draw(st.sampled_from(MODES)), draw(st.integers(1, 750)), draw(st.integers(1, 43_200))
        ),
        transform=TransformSettings("ml.m5.large", draw(st.integers(1, 100))),
    )


BAD = [
    ({"targt": "y"}, "`targt`", ["target", "problem_type", "ignore"]),
    ({"split": {"sed": 1}}, "`split.sed`", ["split.method", "split.test_fraction", "split.seed"]),
    ({"autopilot": {"candidates": 1}}, "`autopilot.candidates`", ["autopilot.max_candidates"]),
    ({"transform": {"type": "x"}}, "`transform.type`", ["transform.instance_type"]),
    ({1: 2}, "`1`", ["target"]),
    ({"problem_type": "clustering"}, "`problem_type`", ["auto", "binary", "multiclass"]),
    ({"problem_type": ["binary"]}, "`problem_type`", ["regression"]),
    ({"objective": "AUC"}, "`problem_type`", ["binary", "multiclass", "regression"]),
    ({"problem_type": "binary", "objective": "R2"}, "`objective`", ["F1", "AUC", "Recall"]),
    ({"problem_type": "regression", "objective": "AUC"}, "`objective`", ["MSE", "MAE", "RMSE"]),
    ({"positive_class": True}, "`positive_class`", ['positive_class: "yes"']),
    ({"target": False}, "`target`", ["in quotes"]),
    ({"target": ["y"]}, "`target`", ["a text"]),
    ({"target": {"name": "y"}}, "`target`", ["a text"]),
    ({"ignore": "id"}, "`ignore`", ["[customer_id]"]),
    ({"ignore": [1]}, "`ignore`", ["[customer_id]"]),
    ({"split": "random"}, "`split`", ["{split: {"]),
    ({"split": {"method": "magic"}}, "`split.method`", ["random"]),
    ({"split": {"test_fraction": 0}}, "`split.test_fraction`", ["between 0 and 1"]),
    ({"split": {"test_fraction": 1}}, "`split.test_fraction`", ["between 0 and 1"]),
    ({"split": {"test_fraction": "0.2"}}, "`split.test_fraction`", ["between 0 and 1"]),
    ({"split": {"test_fraction": True}}, "`split.test_fraction`", ["between 0 and 1"]),
    ({"split": {"test_fraction": float("nan")}}, "`split.test_fraction`", ["between 0 and 1"]),
    ({"split": {"seed": -1}}, "`split.seed`", ["from 0 to 4294967295"]),
    ({"split": {"seed": 2**32}}, "`split.seed`", ["from 0 to 4294967295"]),
    ({"split": {"seed": 1.0}}, "`split.seed`", ["whole number"]),
    ({"autopilot": {"mode": "FAST"}}, "`autopilot.mode`", list(MODES)),
    ({"autopilot": {"max_candidates": 0}}, "`autopilot.max_candidates`", ["from 1 to 750"]),
    ({"autopilot": {"max_candidates": 751}}, "`autopilot.max_candidates`", ["from 1 to 750"]),
    ({"autopilot": {"max_candidates": True}}, "`autopilot.max_candidates`", ["whole number"]),
    ({"autopilot": {"max_runtime_minutes": 0}}, "`autopilot.max_runtime_minutes`", ["1 to 43200"]),
    ({"transform": {"instance_type": "m5.large"}}, "`transform.instance_type`", ["ml.m5.4xlarge"]),
    ({"transform": {"instance_type": 5}}, "`transform.instance_type`", ["ml.m5.4xlarge"]),
    ({"transform": {"instance_count": 101}}, "`transform.instance_count`", ["from 1 to 100"]),
]


def test_nothing_has_to_be_set() -> None:
    assert parse_settings() == parse_settings({}, {}) == Settings()


@FEW
@given(all_settings())
def test_settings_come_back_from_json_as_they_were(settings: Settings) -> None:
    assert parse_settings(json.loads(json.dumps(settings.to_json()))) == settings


@FEW
@given(all_settings())
def test_settings_come_back_from_yaml_as_they_were(settings: Settings) -> None:
    written = yaml.safe_dump(json.loads(json.dumps(settings.to_json())), allow_unicode=True)

    assert parse_settings(yaml.safe_load(written)) == settings


def test_a_later_layer_wins_key_by_key() -> None:
    settings = parse_settings(
        {"target": "a", "autopilot": {"max_candidates": 9, "mode": "AUTO"}},
        {"autopilot": {"max_candidates": 7}, "split": {"seed": 1}},
        {"target": "b", "split": {"test_fraction": 0.5}},
    )

    assert settings == Settings(
        target="b",
        autopilot=AutopilotSettings(mode="AUTO", max_candidates=7),
        split=SplitSettings(test_fraction=0.5, seed=1),
    )


@pytest.mark.parametrize(("given_", "named", "allowed"), BAD, ids=lambda value: str(value)[:40])
def test_a_bad_setting_is_refused_with_its_name_and_what_is_allowed(
    given_: dict[Any, Any], named: str, allowed: list[str]
) -> None:
    with pytest.raises(Rejected) as refusal:
        parse_settings(given_)

    assert refusal.value.code == "BAD_SETTINGS"
    assert named in refusal.value.message
    for each in allowed:
        assert each in refusal.value.remedy


def test_a_bad_value_is_shown_shortened() -> None:
    with pytest.raises(Rejected) as refusal:
        parse_settings({"problem_type": "x" * 1000})

    assert len(refusal.value.message) < 150


@pytest.mark.parametrize(
    ("written", "target"), [("7", "7"), ("1.5", "1.5"), ('"yes"', "yes"), ("y", "y")]
)
def test_a_column_called_by_a_number_or_a_quoted_word_is_a_text(written: str, target: str) -> None:
    assert parse_settings(yaml.safe_load(f"target: {written}")).target == target


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "true", "False"])
def test_yaml_s_bare_words_for_truth_are_refused_with_the_quotes_they_need(word: str) -> None:
    with pytest.raises(Rejected) as refusal:
        parse_settings(yaml.safe_load(f"positive_class: {word}"))

    assert 'positive_class: "yes"' in refusal.value.remedy


@pytest.mark.parametrize("empty", [None, {}])
def test_an_empty_group_says_nothing(empty: object) -> None:
    assert parse_settings({"split": empty, "autopilot": empty, "transform": empty}) == Settings()


@pytest.mark.parametrize("kind", ProblemType)
def test_auto_leaves_the_objective_to_the_problem_type(kind: ProblemType) -> None:
    settings = parse_settings({"problem_type": str(kind), "objective": "auto"})

    assert (settings.problem_type, settings.objective) == (kind, None)


@pytest.mark.parametrize("kind", ProblemType)
def test_objectives_are_those_that_sagemaker_takes(kind: ProblemType) -> None:
    assert sorted(kind.objectives) == sorted(ALLOWED[kind.autopilot_name])
    assert ProblemType.from_autopilot(kind.autopilot_name) is kind


@pytest.mark.parametrize(
    ("kind", "default"),
    [
        (ProblemType.BINARY, "F1"),
        (ProblemType.MULTICLASS, "Accuracy"),
        (ProblemType.REGRESSION, "MSE"),
    ],
)
def test_the_first_objective_is_autopilot_s_default(kind: ProblemType, default: str) -> None:
    assert kind.objectives[0] == default


def test_modes_are_those_of_sagemaker() -> None:
    shape: Any = service_model().shape_for("AutoMLMode")

    assert sorted(MODES) == sorted(shape.enum)


def test_metadata_of_the_object_are_settings() -> None:
    found = settings_from_metadata(
        {
            "autodrop-target": "y",
            "Autodrop-Problem-Type": "binary",
            "autodrop-ignore": "id, name ,email",
            "content-language": "en",
        }
    )

    assert found == {
        "target": "y",
        "problem_type": "binary",
        "ignore": ["id", "name", "email"],
    }


@pytest.mark.parametrize("prefix", ["utf-8''", "UTF-8''"])
def test_metadata_beyond_ascii_come_percent_encoded(prefix: str) -> None:
    found = settings_from_metadata({"autodrop-target": f"{prefix}%ED%91%9C%EC%A0%81%20%25"})

    assert found == {"target": "표적 %"}


def test_a_plain_percent_sign_in_metadata_stays_as_it_is() -> None:
    assert settings_from_metadata({"autodrop-target": "50%25"}) == {"target": "50%25"}


def test_a_setting_that_metadata_do_not_have_is_refused() -> None:
    with pytest.raises(Rejected, match=r"autopilot_mode"):
        parse_settings(settings_from_metadata({"autodrop-autopilot-mode": "AUTO"}))


def test_the_instance_types_are_those_of_batch_transform() -> None:
    sagemaker = botocore.session.get_session().get_service_model("sagemaker")

    known = sagemaker.shape_for("TransformInstanceType").enum  # type: ignore[attr-defined]

    assert set(known) == TRANSFORM_INSTANCE_TYPES
