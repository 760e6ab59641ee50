"""What a run may cost at most is up to the stack alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodrop.ceilings import DEFAULT_CEILINGS, Ceilings
from autodrop.errors import Rejected
from autodrop.settings import MODES, TRANSFORM_INSTANCE_TYPES, Settings, parse_settings

NARROW = Ceilings.from_json(
    {
        "CeilingCandidates": 10,
        "CeilingRuntimeMinutes": 60,
        "AllowedTransformInstanceTypes": "ml.m5.large, ml.m5.xlarge",
        "CeilingTransformInstances": 2,
        "CeilingRows": 1_000,
    }
)


@given(
    candidates=st.integers(1, 750),
    minutes=st.integers(1, 43_200),
    mode=st.sampled_from(MODES),
    kind=st.sampled_from(sorted(TRANSFORM_INSTANCE_TYPES)),
    count=st.integers(1, 100),
)
def test_settings_pass_only_where_all_of_them_stay_below(
    candidates: int, minutes: int, mode: str, kind: str, count: int
) -> None:
    settings = parse_settings(
        {
            "autopilot": {
                "mode": mode,
                "max_candidates": candidates,
                "max_runtime_minutes": minutes,
            },
            "transform": {"instance_type": kind, "instance_count": count},
        }
    )
    stays_below = (
        candidates <= 10
        and minutes <= 60
        and kind in ("ml.m5.large", "ml.m5.xlarge")
        and count <= 2
    )

    if stays_below:
        NARROW.check_settings(settings)
    else:
        with pytest.raises(Rejected, match="SETTING_ABOVE_CEILING"):
            NARROW.check_settings(settings)


@pytest.mark.parametrize(
    ("said", "sentence", "parameter"),
    [
        (
            {"autopilot": {"max_candidates": 750}},
            "`autopilot.max_candidates` is 750; this stack allows at most 10.",
            "CeilingCandidates",
        ),
        (
            {"autopilot": {"max_candidates": 1, "max_runtime_minutes": 43_200}},
            "`autopilot.max_runtime_minutes` is 43,200; this stack allows at most 60.",
            "CeilingRuntimeMinutes",
        ),
        (
            {"autopilot": {"max_runtime_minutes": 60}, "transform": {"instance_count": 3}},
            "`transform.instance_type` is ml.m5.4xlarge; this stack allows one of ml.m5.large, "
            "ml.m5.xlarge.",
            "AllowedTransformInstanceTypes",
        ),
    ],
)
def test_a_refusal_names_the_ceiling_and_what_raises_it(
    said: dict[str, Any], sentence: str, parameter: str
) -> None:
    with pytest.raises(Rejected) as caught:
        NARROW.check_settings(parse_settings(said))

    assert sentence in caught.value.message
    assert parameter in caught.value.remedy


def test_a_file_may_have_as_many_rows_as_the_ceiling() -> None:
    NARROW.check_rows(1_000)

    with pytest.raises(Rejected, match="1,001 rows; this stack takes at most 1,000"):
        NARROW.check_rows(1_001)


def test_the_defaults_let_the_default_settings_pass() -> None:
    DEFAULT_CEILINGS.check_settings(Settings())
    allowed = DEFAULT_CEILINGS.by_parameter["AllowedTransformInstanceTypes"]
    assert isinstance(allowed, tuple)
    assert set(allowed) <= TRANSFORM_INSTANCE_TYPES
