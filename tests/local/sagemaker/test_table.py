from __future__ import annotations

import gzip
import io

import numpy as np
import pytest

from autodrop_local.sagemaker.engine.failure import JobFailedError
from autodrop_local.sagemaker.engine.table import Column, found_columns, read_text, typed
from autodrop_local.sagemaker.headers import header


def frame(text: str | bytes, gzipped: bool = False, names: list[str] | None = None):  # type: ignore[no-untyped-def]
    content = text.encode() if isinstance(text, str) else text
    return read_text(io.BytesIO(content), gzipped, names)


def test_everything_keeps_its_spelling() -> None:
    texts = frame('zip,ok,y\n01,True,"<=50K"\n1.0,NA,None\n')

    assert texts.to_numpy().tolist() == [["01", "True", "<=50K"], ["1.0", "NA", "None"]]


def test_a_column_is_numeric_when_each_of_its_values_is() -> None:
    texts = frame("a,b,c,d\n1,1,x,\n,1e3,1,\n-2.5,n/a,2,\n")

    numeric = {column.name: column.numeric for column in found_columns(texts)}

    assert numeric == {"a": True, "b": True, "c": False, "d": False}


def test_missing_and_infinite_numbers_are_missing() -> None:
    values = typed(frame("a\n1\nNA\ninf\n"), [Column("a", numeric=True)])["a"]

    assert values[0] == 1.0
    assert np.isnan(values[1:]).all()


def test_a_word_among_numbers_is_an_error_that_does_not_quote_it() -> None:
    with pytest.raises(ValueError, match="column age holds a value that is not a number") as caught:
        typed(frame("age\n1\nsecret\n"), [Column("age", numeric=True)])

    assert "secret" not in str(caught.value)


def test_marks_quotes_and_line_breaks_in_fields_are_understood() -> None:
    texts = frame(b'\xef\xbb\xbf"a, b",c\r\n"1\n2","say ""x"""\r\n')

    assert list(texts.columns) == ["a, b", "c"]
    assert texts.to_numpy().tolist() == [["1\n2", 'say "x"']]


def test_gzip_is_unpacked() -> None:
    assert frame(gzip.compress(b"a\n1\n"), gzipped=True)["a"].tolist() == ["1"]


@pytest.mark.parametrize(
    ("content", "gzipped", "reason"),
    [
        (b"", False, "empty"),
        (b"a,b\n1,2,3\n", False, "more columns than its header"),
        (b"a,b\n1,2\n1,2,3\n", False, "Expected 2 fields in line 3, saw 3"),
        (b"a\n\xff\xfe\n", False, "UTF-8"),
        (b"a\n1\n", True, "gzip"),
        (gzip.compress(b"a\n1\n" * 1000, mtime=0)[:-9], True, "gzip"),
    ],
)
def test_what_is_no_table_fails_with_a_reason(content: bytes, gzipped: bool, reason: str) -> None:
    with pytest.raises(JobFailedError, match=reason):
        frame(content, gzipped)


def test_a_header_is_read_from_the_beginning_of_a_file() -> None:
    assert header(b'\xef\xbb\xbf"a ""q""",b c,\nrest', gzipped=False) == ['a "q"', "b c", ""]
    assert header(b"", gzipped=False) == []


def test_a_header_is_read_from_a_gzip_file_that_was_cut_off() -> None:
    rows = "".join(f"{number},{number * 7919 % 1000}\n" for number in range(5000))
    packed = gzip.compress(("first,second\n" + rows).encode())

    assert header(packed[: len(packed) // 2], gzipped=True) == ["first", "second"]
