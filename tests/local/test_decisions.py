"""What the local AWS keeps of its decisions."""

from __future__ import annotations

from pathlib import Path

from autodrop_local.decisions import Decision, DecisionLog, read_decisions
from autodrop_local.seams import would_allow

TAGGED = Decision("r", "sagemaker:AddTags", "arn:m", {"aws:TagKeys": ["a"]}, True, "Tag")
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Sid": "Tag", "Effect": "Allow", "Action": "sagemaker:AddTags", "Resource": "arn:m"}
    ],
}


def test_a_decision_comes_back_as_it_was_recorded(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "decisions.jsonl")
    denied = Decision("r", "s3:GetObject", "arn:50%/x", {}, allowed=False)

    log.record(TAGGED)
    log.record(denied)

    assert read_decisions(tmp_path / "decisions.jsonl") == [TAGGED, denied]


def test_the_same_decision_is_recorded_once(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "decisions.jsonl")

    for _ in range(3):
        log.record(TAGGED)

    assert len(read_decisions(tmp_path / "decisions.jsonl")) == 1


def test_there_are_no_decisions_before_the_first(tmp_path: Path) -> None:
    assert read_decisions(tmp_path / "decisions.jsonl") == []


def test_a_decision_is_made_again_with_other_policies() -> None:
    assert would_allow(TAGGED, [POLICY])
    assert not would_allow(TAGGED, [{**POLICY, "Statement": []}])


def test_a_condition_on_what_the_request_carried_holds_again() -> None:
    statement = {
        **POLICY["Statement"][0],  # type: ignore[dict-item]
        "Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": ["b"]}},
    }

    assert not would_allow(TAGGED, [{**POLICY, "Statement": [statement]}])


def test_what_was_allowed_with_a_line_break_in_its_name_is_allowed_again() -> None:
    decision = Decision("reader", "s3:GetObject", "arn:aws:s3:::b/inbox/x/new\nline.csv")
    reads = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/inbox/*"}

    assert would_allow(decision, [{"Version": "2012-10-17", "Statement": [reads]}])
