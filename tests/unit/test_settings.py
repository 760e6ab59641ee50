"""Settings: layers, defaults, and refusals that say what is allowed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from typing import Any

import botocore.session
import pytest
import yaml
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from autodrop.errors import Rejected
from autodrop.settings import (
    GROUPS,
    MODES,
    SCHEMA,
    TRANSFORM_INSTANCE_TYPES,
    AutopilotSettings,
    ProblemType,
    ReadSettings,
    Settings,
    SplitSettings,
    TransformSettings,
    parse_settings,
    settings_from_metadata,
)
from autodrop.settings_schema import Setting
from autodrop_local.sagemaker.api.shapes import service_model
from autodrop_local.sagemaker.objectives import ALLOWED

FEW = hypothesis_settings(max_examples=30)
texts = st.text(min_size=1, max_size=20)


@st.composite
def all_settings(draw: st.DrawFn) -> Settings:
    """Draw any settings that a user may have."""
    problem = draw(st.none() | st.sampled_from(ProblemType))
    objectives = st.sampled_from(problem.objectives) if problem else st.none()
    one_of_two = problem in (None, ProblemType.BINARY)
    ignore = tuple(draw(st.lists(texts, max_size=3, unique=True)))
    method = draw(st.sampled_from(["random", "stratified", "hash", "group", "time"]))
    return Settings(
        target=draw(st.none() | texts),
        problem_type=problem,
        objective=draw(st.none() | objectives),
        positive_class=draw(st.none() | texts) if one_of_two else None,
        ignore=ignore,
        keep=tuple(
            name for name in draw(st.lists(texts, max_size=3, unique=True)) if name not in ignore
        ),
        read=ReadSettings(
            delimiter=draw(st.sampled_from([None, ",", ";", "\t", "|"])),
            encoding=draw(st.sampled_from([None, "utf-8", "utf-16", "latin-1", "windows-1252"])),
            escape=draw(st.sampled_from([None, "doubled", "backslash"])),
            decimal=draw(st.sampled_from([None, ".", ","])),
            header_line=draw(st.integers(1, 1_000_000)),
        ),
        split=SplitSettings(
            method=method,
            test_fraction=draw(st.floats(0, 1, exclude_min=True, exclude_max=True)),
            seed=draw(st.integers(0, 2**32 - 1)),
            column=draw(texts) if method in ("group", "time") else None,
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
    ({None: 2}, "`empty`", ["target"]),
    ({"targt": "y"}, "`targt`", ["Did you mean `target`?"]),
    ({"spilt": {"seed": 1}}, "`spilt`", ["Did you mean `split`?"]),
    ({"seed": 1}, "`seed`", ["Did you mean `split: {seed: …}`?"]),
    ({"split.seed": 1}, "`split.seed`", ["Did you mean `split: {seed: …}`?"]),
    ({"read": {"delimeter": ","}}, "`read.delimeter`", ["Did you mean `read.delimiter`?"]),
    ({"split": {"target": "y"}}, "`split.target`", ["Did you mean `target`?", "split.method"]),
    ({"problem_type": "clustering"}, "`problem_type`", ["auto", "binary", "multiclass"]),
    ({"problem_type": ["binary"]}, "`problem_type`", ["regression"]),
    ({"objective": "AUC"}, "`problem_type`", ["binary", "multiclass", "regression"]),
    ({"problem_type": "binary", "objective": "R2"}, "`objective`", ["F1", "AUC", "Recall"]),
    ({"problem_type": "regression", "objective": "AUC"}, "`objective`", ["MSE", "MAE", "RMSE"]),
    ({"positive_class": True}, "`positive_class`", ['positive_class: "yes"']),
    ({"target": False}, "`target`", ["in quotes"]),
    ({"target": ["y"]}, "`target`", ["a text"]),
    ({"target": {"name": "y"}}, "`target`", ["a text"]),
    ({"target": date(2024, 1, 5)}, "date 2024-01-05", ['in quotes, such as target: "2024-01-05"']),
    ({"target": ""}, "`target` is empty", ["a text"]),
    ({"target": "\ud800"}, "`target`", ["a text"]),
    ({"target": b"y"}, "`target` is neither text nor number", ["a text"]),
    ({"ignore": ["id", ""]}, "`ignore` is a list of more than names", ["[customer_id]"]),
    ({"keep": [date(2024, 1, 5)]}, "`keep` is a list of more than names", ['["2024-01-05"]']),
    ({"keep": [f"c{i}" for i in range(2_001)]}, "or of more than 2,000", ["[customer_id]"]),
    ({"keep": {"a": 1}}, "`keep` is a group of settings", ["[customer_id]"]),
    ({"keep": ["a", "b"], "ignore": ["b"]}, "'b' is both in `keep`", ["`ignore`"]),
    ({"ignore": "id"}, "`ignore`", ["[customer_id]"]),
    ({"ignore": [1]}, "`ignore`", ["[customer_id]"]),
    ({"split": "random"}, "`split`", ["{split: {"]),
    ({"read": []}, "`read` is a list", ["{read: {delimiter: semicolon}}"]),
    ({"read": {"delimiter": "::"}}, "`read.delimiter`", ["auto, comma, semicolon, tab, pipe"]),
    ({"read": {"delimiter": ""}}, "`read.delimiter` is empty", ["comma"]),
    ({"read": {"encoding": "ebcdic"}}, "`read.encoding`", ["utf-16, latin-1, windows-1252"]),
    ({"read": {"escape": True}}, "`read.escape` is true", ["auto, doubled, backslash"]),
    ({"read": {"decimal": ";"}}, "`read.decimal`", ["auto, point, comma"]),
    ({"read": {"header_line": 0}}, "`read.header_line`", ["from 1 to"]),
    ({"split": {"method": "magic"}}, "`split.method`", ["random, stratified, hash, group, time"]),
    ({"split": {"method": "group"}}, "`split.method` is group", ["`split.column`"]),
    ({"split": {"method": "time"}}, "`split.column` is not set", ["`split.column`"]),
    ({"split": {"column": "a"}}, "`split.method` is auto", ["`split.column`", "group or time"]),
    ({"split": {"column": "a", "method": "hash"}}, "`split.column`", ["`split.method`"]),
    ({"split": {"test_fraction": 0}}, "`split.test_fraction`", ["between 0 and 1"]),
    ({"split": {"test_fraction": 1}}, "`split.test_fraction`", ["between 0 and 1"]),
    ({"split": {"test_fraction": "0.2"}}, "`split.test_fraction`", ["between 0 and 1"]),
    ({"split": {"test_fraction": True}}, "`split.test_fraction`", ["between 0 and 1"]),
    ({"split": {"test_fraction": float("nan")}}, "`split.test_fraction`", ["between 0 and 1"]),
    ({"split": {"test_fraction": float("inf")}}, "`split.test_fraction`", ["between 0 and 1"]),
    ({"split": {"test_fraction": None}}, "`split.test_fraction` is empty", ["between 0 and 1"]),
    ({"split": {"seed": None}}, "`split.seed` is empty", ["whole number", "left out"]),
    ({"autopilot": {"mode": None}}, "`autopilot.mode` is empty", list(MODES)),
    ({"split": {"seed": -1}}, "`split.seed`", ["from 0 to 4294967295"]),
    ({"split": {"seed": 2**32}}, "`split.seed`", ["from 0 to 4294967295"]),
    ({"split": {"seed": 1.0}}, "`split.seed`", ["whole number"]),
    ({"problem_type": "multiclass", "positive_class": "a"}, "`positive_class`", ["binary"]),
    ({"problem_type": "regression", "positive_class": "1"}, "`problem_type`", ["binary"]),
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
    written = yaml.safe_dump(json.loads(json.dumps(settings.to_json())))

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


@pytest.mark.parametrize(
    "given_",
    [
        {"problem_type": "x" * 1000},
        {"x" * 1000: 1},
        {"split": {"x" * 1000: 1}},
        {"split": "x" * 1000},
        {"split": {"seed": 10**1000}},
        {"keep": ["x" * 1000], "ignore": ["x" * 1000]},
        {"\x1b[31m" + "x" * 1000: 1},
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_value_is_shown_shortened_and_without_control_characters(
    given_: dict[str, Any],
) -> None:
    with pytest.raises(Rejected) as refusal:
        parse_settings(given_)

    assert len(refusal.value.message) < 150
    assert refusal.value.message.isprintable()
    assert "x" * 61 not in refusal.value.remedy


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.sampled_from(SCHEMA), values)
def test_any_value_is_a_setting_that_comes_back_or_is_refused(
    setting: Setting, value: object
) -> None:
    said = {setting.group: {setting.key: value}} if setting.group else {setting.key: value}

    try:
        settings = parse_settings(said)
    except Rejected as refusal:
        json.dumps([refusal.message, refusal.remedy], ensure_ascii=False).encode()
    else:
        assert parse_settings(settings.to_json()) == settings


def test_a_number_too_long_to_be_spelled_is_refused_like_others() -> None:
    with pytest.raises(Rejected, match=r"`split\.seed` is a huge number"):
        parse_settings({"split": {"seed": 16**5000}})


def test_the_schema_has_every_setting_and_no_other() -> None:
    assert sorted(setting.name for setting in SCHEMA) == sorted(_names(Settings()))


def _names(part: Any, prefix: str = "") -> list[str]:
    names = []
    for each in fields(part):
        value = getattr(part, each.name)
        inner = _names(value, f"{each.name}.") if is_dataclass(value) else [each.name]
        names += [prefix + name for name in inner]
    return names


@pytest.mark.parametrize(
    ("written", "held"),
    [
        ({"delimiter": ";"}, ReadSettings(delimiter=";")),
        ({"delimiter": "semicolon"}, ReadSettings(delimiter=";")),
        ({"delimiter": "\t"}, ReadSettings(delimiter="\t")),
        ({"delimiter": "tab"}, ReadSettings(delimiter="\t")),
        ({"delimiter": "|"}, ReadSettings(delimiter="|")),
        ({"delimiter": "Pipe"}, ReadSettings(delimiter="|")),
        ({"delimiter": "auto"}, ReadSettings()),
        ({"encoding": "UTF-8"}, ReadSettings(encoding="utf-8")),
        ({"encoding": "ISO-8859-1"}, ReadSettings(encoding="latin-1")),
        ({"encoding": "cp1252"}, ReadSettings(encoding="windows-1252")),
        ({"encoding": "auto"}, ReadSettings()),
        ({"escape": "backslash"}, ReadSettings(escape="backslash")),
        ({"decimal": ","}, ReadSettings(decimal=",")),
        ({"decimal": "comma"}, ReadSettings(decimal=",")),
        ({"decimal": "."}, ReadSettings(decimal=".")),
        ({"decimal": "point"}, ReadSettings(decimal=".")),
        ({"header_line": 7}, ReadSettings(header_line=7)),
    ],
    ids=str,
)
def test_how_a_file_is_read_can_be_said_in_words_and_characters(
    written: Mapping[str, Any], held: ReadSettings
) -> None:
    assert parse_settings({"read": written}).read == held


@pytest.mark.parametrize("method", ["group", "time"])
def test_a_split_by_a_column_names_it(method: str) -> None:
    split = parse_settings({"split": {"method": method, "column": "day"}}).split

    assert (split.method, split.column) == (method, "day")


def test_groups_of_settings_merge_over_layers() -> None:
    settings = parse_settings(
        {"read": {"delimiter": "tab", "decimal": "comma"}, "split": {"method": "group"}},
        {"read": {"delimiter": "pipe"}, "split": {"column": "day"}},
        {"read": None, "split": {}},
    )

    assert settings.read == ReadSettings(delimiter="|", decimal=",")
    assert settings.split == SplitSettings(method="group", column="day")


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
    assert parse_settings(dict.fromkeys(GROUPS, empty)) == Settings()


def test_what_has_no_value_unless_it_is_set_can_be_unset_by_a_later_layer() -> None:
    everything = parse_settings(
        {
            "target": "y",
            "problem_type": "binary",
            "objective": "AUC",
            "positive_class": "a",
            "ignore": ["a"],
            "keep": ["b"],
            "read": {"delimiter": ",", "encoding": "utf-8", "escape": "doubled", "decimal": "."},
            "split": {"method": "group", "column": "c"},
        },
        dict.fromkeys(("target", "problem_type", "objective", "positive_class", "ignore", "keep")),
        {"read": dict.fromkeys(("delimiter", "encoding", "escape", "decimal"))},
        {"split": {"method": None, "column": None}},
    )

    assert everything == Settings()


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


def test_every_setting_has_a_name_in_the_metadata() -> None:
    written = {setting.metadata_name: setting.example.strip('"[]') for setting in SCHEMA}

    settings = parse_settings(settings_from_metadata(written))

    assert len(written) == len(SCHEMA)
    assert settings.keep == ("postcode",)
    assert settings.read == ReadSettings(";", "windows-1252", "doubled", ",", 3)
    assert settings.split == SplitSettings("group", 0.25, 7, "customer_id")
    assert settings.autopilot == AutopilotSettings("AUTO", 10, 60)
    assert settings.transform == TransformSettings("ml.m5.xlarge", 2)


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("autodrop-split-seed", "seven", "`split.seed` is 'seven'"),
        ("autodrop-split-seed", "9" * 5000, "`split.seed`"),
        ("autodrop-split-seed", "", "`split.seed` is empty"),
        ("autodrop-split-test-fraction", "nan", "`split.test_fraction` is nan"),
        ("autodrop-split-test-fraction", "a fifth", "`split.test_fraction` is 'a fifth'"),
        ("autodrop-target", "utf-8''", "`target` is empty"),
    ],
)
def test_a_bad_value_in_the_metadata_is_refused_as_in_the_file(
    name: str, value: str, named: str
) -> None:
    with pytest.raises(Rejected) as refusal:
        parse_settings(settings_from_metadata({name: value}))

    assert named in refusal.value.message


def test_a_setting_that_metadata_do_not_have_is_refused_with_those_that_they_have() -> None:
    with pytest.raises(Rejected) as refusal:
        settings_from_metadata({"autodrop-spilt-seed": "7"})

    assert "`autodrop-spilt-seed`" in refusal.value.message
    assert "Did you mean `autodrop-split-seed`?" in refusal.value.remedy
    for setting in SCHEMA:
        assert setting.metadata_name in refusal.value.remedy


def test_the_instance_types_are_those_of_batch_transform() -> None:
    sagemaker = botocore.session.get_session().get_service_model("sagemaker")

    known = sagemaker.shape_for("TransformInstanceType").enum  # type: ignore[attr-defined]

    assert set(known) == TRANSFORM_INSTANCE_TYPES
