from __future__ import annotations

from typing import Any

import pytest

from autodrop_local.sagemaker.api import listing
from autodrop_local.sagemaker.errors import ApiError


def summary(name: str, status: str, created: float) -> dict[str, Any]:
    return {"Name": name, "Status": status, "CreationTime": created, "LastModifiedTime": created}


SUMMARIES = [
    summary("ad-bank-1", "Completed", 10),
    summary("ad-bank-2", "Failed", 20),
    summary("other", "Completed", 30),
]


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, ["ad-bank-1", "ad-bank-2", "other"]),
        ({"NameContains": "BANK"}, ["ad-bank-1", "ad-bank-2"]),
        ({"StatusEquals": "Completed"}, ["ad-bank-1", "other"]),
        ({"CreationTimeAfter": 15}, ["ad-bank-2", "other"]),
        ({"CreationTimeBefore": 15}, ["ad-bank-1"]),
        ({"LastModifiedTimeAfter": 15, "LastModifiedTimeBefore": 25}, ["ad-bank-2"]),
        ({"NameContains": "bank", "StatusEquals": "Stopped"}, []),
    ],
)
def test_filters_let_through_what_matches_all_of_them(
    filters: dict[str, Any], names: list[str]
) -> None:
    found = listing.matching(SUMMARIES, filters, "Name", "Status")

    assert [summary["Name"] for summary in found] == names


def test_pages_follow_each_other_without_loss() -> None:
    seen, request = [], dict[str, Any](MaxResults=2)
    while True:
        shown, token = listing.page(SUMMARIES, request, 10)
        seen += shown
        if token is None:
            break
        request["NextToken"] = token

    assert seen == SUMMARIES


def test_a_full_last_page_has_no_token() -> None:
    assert listing.page(SUMMARIES, {"MaxResults": 3}, 10)[1] is None


@pytest.mark.parametrize("token", ["nonsense", "e30=", "eyJvZmZzZXQiOiAtMX0="])
def test_a_foreign_token_is_refused(token: str) -> None:
    with pytest.raises(ApiError, match="Invalid NextToken"):
        listing.page(SUMMARIES, {"NextToken": token}, 10)


def test_descending_order_is_the_other_way_round() -> None:
    found = listing.ordered(SUMMARIES, lambda summary: summary["CreationTime"], "Descending")

    assert [summary["CreationTime"] for summary in found] == [30, 20, 10]
