"""`autodrop.yaml`: what its bytes say, and where they cannot be read."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from autodrop.errors import Rejected
from autodrop.settings import SCHEMA, parse_settings
from autodrop.settings_file import read_settings_file
from autodrop.settings_schema import Setting

PLACE = "s3://bucket/inbox/bank/autodrop.yaml"


def rejection(written: bytes) -> Rejected:
    with pytest.raises(Rejected) as refusal:
        read_settings_file(written, PLACE)
    assert refusal.value.code == "BAD_SETTINGS"
    assert refusal.value.message.startswith(PLACE)
    return refusal.value


def test_a_settings_file_is_read_as_a_mapping() -> None:
    said = read_settings_file(b"target: y\nsplit: {seed: 7}\n", PLACE)

    assert said == {"target": "y", "split": {"seed": 7}}


@pytest.mark.parametrize("written", [b"", b"# nothing yet\n", b"---\n", b"null"])
def test_an_empty_file_says_nothing(written: bytes) -> None:
    assert read_settings_file(written, PLACE) == {}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_in_any_encoding_of_yaml_is_read(encoding: str) -> None:
    assert read_settings_file("target: größe".encode(encoding), PLACE) == {"target": "größe"}


@pytest.mark.parametrize(
    ("written", "key", "first", "line"),
    [
        (b"target: a\nignore: [id]\ntarget: b\n", "target", 1, 3),
        (b"split:\n  seed: 1\n  seed: 1\n", "seed", 2, 3),
        (b"split: {seed: 1}\nread: {}\n'split': {}\n", "split", 1, 3),
    ],
)
def test_a_key_that_stands_twice_is_named_with_both_lines(
    written: bytes, key: str, first: int, line: int
) -> None:
    refusal = rejection(written)

    assert f"line {line}: `{key}` is set on line {first} already" in refusal.message
    assert refusal.line == line


def test_the_same_key_in_two_groups_stands_once_in_each() -> None:
    assert read_settings_file(b"a: {x: 1}\nb: {x: 2}", PLACE) == {"a": {"x": 1}, "b": {"x": 2}}


@pytest.mark.parametrize(
    ("written", "line", "said"),
    [
        (b"target: y\nsplit: {seed: 1\n", 3, "expected ',' or '}'"),
        (b"target: y\nread: {delimiter: ;, x\n", 3, "expected ',' or '}'"),
        (b"target: y\n\tseed: 1\n", 2, "cannot start any token"),
        (b"target: y\nread: *there\n", 2, "undefined alias"),
        (b"base: &b {seed: 1}\nsplit: {<<: *b}\n", 2, "`<<` is not supported"),
        (b"target: !!python/object/apply:os.system ['true']\n", 1, "constructor"),
        (b"a: 1\n---\nb: 2\n", 2, "another document"),
        (b"? [a]\n: 1\n", 1, "unhashable"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_file_that_is_not_yaml_is_rejected_with_the_line_and_what_is_wrong(
    written: bytes, line: int, said: str
) -> None:
    refusal = rejection(written)

    assert refusal.line == line
    assert f"line {line}: " in refusal.message
    assert said in refusal.message


@pytest.mark.parametrize(
    "written",
    [
        b"- a list\n",
        b"just a text",
        b"[]",
        b"0",
        b"target: \xff\xfe\n",
        b"\x00",
        b"target: 2024-13-45\n",
        b"[" * 600,
        b"seed: " + b"9" * 5000,
        b"#" * 70_000,
        b"target: !!bool maybe",
        b"seed: !!int ''",
        b"target: !!timestamp now",
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_no_settings_file_is_rejected(written: bytes) -> None:
    rejection(written)


@pytest.mark.parametrize("key", ["target", "positive_class"])
@pytest.mark.parametrize(
    "number", ["7", "007", "1.50", "1_000", "0x1F", "12:30", ".5", "-1", "1e3", ".nan"]
)
def test_a_name_that_looks_like_a_number_is_taken_as_it_is_written(key: str, number: str) -> None:
    assert read_settings_file(f"{key}: {number}".encode(), PLACE) == {key: number}


def test_columns_that_are_called_by_numbers_can_be_listed() -> None:
    said = read_settings_file(b"ignore: [2019, 007, id]\nsplit: {column: 08, seed: 0x10}", PLACE)

    assert said == {"ignore": ["2019", "007", "id"], "split": {"column": "08", "seed": 16}}


@pytest.mark.parametrize("written", [b"target: yes", b"target: 2024-01-05", b"keep: [no]"])
def test_other_things_than_texts_and_numbers_are_left_to_the_settings_to_refuse(
    written: bytes,
) -> None:
    with pytest.raises(Rejected, match="not allowed") as refusal:
        parse_settings(read_settings_file(written, PLACE))

    assert '"' in refusal.value.remedy


def unfolding(levels: int, last: str) -> bytes:
    """Return YAML whose aliases unfold to ten to the power of `levels` parts."""
    lines = ["&a0 {x: 1}"]
    lines += [f"&a{n} {last % ', '.join([f'*a{n - 1}'] * 10)}" for n in range(1, levels)]
    return f"ignore: [{', '.join(lines)}]".encode()


@pytest.mark.parametrize("last", ["[%s]", "{<<: [%s]}"])
def test_aliases_that_unfold_to_gigabytes_are_refused_in_no_time(last: str) -> None:
    with pytest.raises(Rejected) as refusal:
        parse_settings(read_settings_file(unfolding(12, last), PLACE))

    assert len(refusal.value.message + refusal.value.remedy) < 400


@given(st.binary(max_size=40) | st.text(":[]{}&*!|>-? \n\"'%@`,#ab01<\\").map(str.encode))
@example(b"a: !!str {b: c}")
@example(b"target: !!int {b: c}")
@example(b"ignore: &a [*a]")
def test_any_bytes_are_settings_or_are_refused(written: bytes) -> None:
    refused = None
    try:
        parse_settings(read_settings_file(written, PLACE))
    except Rejected as refusal:
        refused = refusal

    assert refused is None or len(refused.message) < 300


@pytest.mark.parametrize("setting", SCHEMA, ids=lambda setting: setting.name)
def test_the_example_of_every_setting_is_allowed(setting: Setting) -> None:
    value: Any = yaml.safe_load(setting.example)

    setting.parsed(value)


def test_a_name_that_aliases_repeat_ten_thousand_times_is_one_name() -> None:
    name = "x" * 3_000
    content = f'ignore: [&a "{name}"{", *a" * 14_000}]'.encode()

    settings = parse_settings(read_settings_file(content, "autodrop.yaml"))

    assert settings.ignore == (name,)
