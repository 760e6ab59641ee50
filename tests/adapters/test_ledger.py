"""The ledger: one contract for DynamoDB and for the fake that stands in for it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from autodrop.aws.ledger import DynamoLedger
from autodrop.errors import NotFound, Transient
from autodrop.events import run_changed
from autodrop.outcome import notification
from autodrop.ports import Lease, Ledger
from autodrop.run import ENDS, Outcome, Run, RunState
from tests.adapters.conftest import create_table, ledger_table
from tests.builders import NOON, a_run
from tests.fakes import FakeLedger, World

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

SECOND = timedelta(seconds=1)
WORKING = [state for state in RunState if state not in ENDS]
FAILED = Outcome(RunState.FAILED, "AUTOPILOT_FAILED", "It failed.", "Try again.")
COMPLETED = Outcome(RunState.COMPLETED, reason="roc_auc 0.95")


AnyLedger = FakeLedger | DynamoLedger


@pytest.fixture(params=["DynamoDB", "fake"])
def ledger(request: pytest.FixtureRequest) -> AnyLedger:
    """Return both, one after the other."""
    if request.param == "fake":
        return FakeLedger(World())
    real: DynamoLedger = request.getfixturevalue("dynamo_ledger")
    return real


def claimed(ledger: Ledger, **more: Any) -> Run:
    """Return a run that the ledger knows."""
    run = ledger.claim(a_run(**more))
    assert run is not None
    return run


def found(ledger: Ledger, run: Run) -> Run:
    """Return the run as the ledger has it now."""
    now = ledger.find(run.run_id)
    assert now is not None
    return now


def test_a_claimed_run_is_found_as_it_was(ledger: Ledger) -> None:
    run = a_run("데이터 (2024)", at=NOON.replace(microsecond=123))

    assert ledger.claim(run) == run
    assert ledger.find(run.run_id) == run


def test_a_run_of_a_bucket_without_versions_is_found_as_it_was(ledger: Ledger) -> None:
    run = a_run()
    run = replace(run, drop=replace(run.drop, version_id=None))
    ledger.claim(run)

    assert ledger.find(run.run_id) == run


def test_only_one_has_the_lease(ledger: Ledger) -> None:
    until = NOON + 310 * SECOND

    assert ledger.take_lease(NOON, until) == Lease(until)
    assert ledger.take_lease(NOON + SECOND, until + SECOND) is None
    assert ledger.take_lease(until - SECOND, until + SECOND) is None


def test_a_lease_ends_by_itself_where_its_holder_died(ledger: Ledger) -> None:
    until = NOON + 310 * SECOND
    ledger.take_lease(NOON, until)

    assert ledger.take_lease(until, until + SECOND) == Lease(until + SECOND)


def test_a_lease_that_was_ended_is_free_and_keeps_its_place(ledger: Ledger) -> None:
    lease = ledger.take_lease(NOON, NOON + 310 * SECOND)
    assert lease is not None
    kept = replace(lease, cursor="place", not_before=NOON + 60 * SECOND)
    assert ledger.keep_lease(kept)

    ledger.end_lease(kept)

    again = ledger.take_lease(NOON + SECOND, NOON + 311 * SECOND)
    assert again == replace(kept, until=NOON + 311 * SECOND)


def test_a_lease_that_is_renewed_lasts_longer(ledger: Ledger) -> None:
    lease = ledger.take_lease(NOON, NOON + 90 * SECOND)
    assert lease is not None

    renewed = ledger.renew_lease(lease, NOON + 120 * SECOND)

    assert renewed == replace(lease, until=NOON + 120 * SECOND)
    assert ledger.take_lease(NOON + 100 * SECOND, NOON + 200 * SECOND) is None
    assert ledger.renew_lease(lease, NOON + 300 * SECOND) is None
    assert ledger.take_lease(NOON + 120 * SECOND, NOON + 200 * SECOND) is not None


def test_a_lease_that_somebody_else_has_by_now_is_neither_kept_nor_ended(ledger: Ledger) -> None:
    lease = ledger.take_lease(NOON, NOON + SECOND)
    other = ledger.take_lease(NOON + SECOND, NOON + 310 * SECOND)
    assert lease is not None
    assert other is not None

    assert not ledger.keep_lease(replace(lease, cursor="mine"))
    ledger.end_lease(lease)

    assert ledger.take_lease(NOON + 2 * SECOND, NOON + 400 * SECOND) is None
    assert ledger.keep_lease(other)


def test_the_lease_is_no_run(dynamo_ledger: DynamoLedger) -> None:
    run = claimed(dynamo_ledger)
    dynamo_ledger.take_lease(NOON, NOON + SECOND)

    assert dynamo_ledger.runs() == dynamo_ledger.open_runs() == [run]
    assert dynamo_ledger.find("lease:watch_runs") is None


def test_an_announcement_is_claimed_once(ledger: Ledger) -> None:
    run = claimed(ledger)
    claim = ledger.claim_announcement

    assert claim(run.run_id, "job Completed", NOON, NOON - 300 * SECOND)
    assert not claim(run.run_id, "job Completed", NOON + SECOND, NOON - 299 * SECOND)
    assert found(ledger, run).announced == "job Completed"
    assert found(ledger, run).announced_at == NOON


def test_an_announcement_is_claimed_again_later_or_for_something_else(ledger: Ledger) -> None:
    run = claimed(ledger)
    ledger.claim_announcement(run.run_id, "job Completed", NOON, NOON)

    assert ledger.claim_announcement(run.run_id, "job Completed", NOON + SECOND, NOON)
    assert ledger.claim_announcement(run.run_id, "transform Completed", NOON + SECOND, NOON)


def test_a_waiting_notice_is_claimed_once_a_state(ledger: Ledger) -> None:
    run = claimed(ledger)
    claim = ledger.claim_waiting_notice

    assert claim(run.run_id, RunState.QUEUED)
    assert not claim(run.run_id, RunState.QUEUED)
    assert found(ledger, run).waiting_told == "QUEUED"
    assert claim(run.run_id, RunState.TRAINING)
    assert not claim("ad-bank-0123456789ab", RunState.QUEUED)


def test_nothing_is_announced_of_a_run_that_is_not_there(ledger: Ledger) -> None:
    assert not ledger.claim_announcement("ad-bank-0123456789ab", "job Completed", NOON, NOON)
    assert ledger.find("ad-bank-0123456789ab") is None


def completed(ledger: Ledger, version: str, seconds: int, dataset: str = "bank") -> Run:
    """Return a run that was created some seconds after noon and is completed."""
    run = claimed(ledger, dataset=dataset, version=version, at=NOON + seconds * SECOND)
    ledger.advance(run.run_id, RunState.COMPLETED, NOON + SECOND, COMPLETED)
    return run


def test_the_runs_before_are_the_last_completed_ones_of_the_dataset(ledger: Ledger) -> None:
    completed(ledger, "v0", -5)
    first = completed(ledger, "v1", 0)
    last = completed(ledger, "v2", 10)
    completed(ledger, "v3", 15, dataset="other")
    failed = claimed(ledger, version="v4", at=NOON + 20 * SECOND)
    ledger.advance(failed.run_id, RunState.FAILED, NOON, FAILED)
    run = claimed(ledger, version="v5", at=NOON + 30 * SECOND)
    completed(ledger, "v6", 40)

    assert [each.run_id for each in ledger.completed_before(run, 2)] == [last.run_id, first.run_id]


def test_the_first_run_of_a_dataset_has_no_previous_one(ledger: Ledger) -> None:
    run = completed(ledger, "v1", 0)
    completed(ledger, "v2", 5)

    assert ledger.completed_before(run, 2) == []


def test_the_latest_runs_are_those_of_the_dataset_newest_first(ledger: Ledger) -> None:
    runs = [claimed(ledger, version=f"v{i}", at=NOON + i * SECOND) for i in range(4)]
    claimed(ledger, dataset="other", version="v9")

    latest = ledger.latest_runs("bank", 3)

    assert [each.run_id for each in latest] == [each.run_id for each in runs[:0:-1]]
    assert ledger.latest_runs("nobody", 3) == []


def test_a_completed_run_keeps_what_people_are_told(ledger: Ledger) -> None:
    run = claimed(ledger)

    ledger.advance(run.run_id, RunState.COMPLETED, NOON, replace(COMPLETED, details="a\nb"))

    assert found(ledger, run).details == "a\nb"


def test_a_name_that_nobody_claimed_is_nobody_s(ledger: Ledger) -> None:
    assert ledger.find("ad-bank-0123456789ab") is None


def test_a_second_claim_gets_the_run_of_the_first(ledger: Ledger) -> None:
    first = claimed(ledger)
    ledger.advance(first.run_id, RunState.PREPARED, NOON + SECOND)

    second = ledger.claim(a_run(at=NOON + 5 * SECOND))

    assert second == found(ledger, first)
    assert (second.state, second.created_at) == (RunState.PREPARED, NOON)


@pytest.mark.parametrize("state", [state for state in RunState if state is not RunState.RECEIVED])
def test_a_run_comes_to_any_later_state(state: RunState, ledger: Ledger) -> None:
    run = claimed(ledger)

    assert ledger.advance(run.run_id, state, NOON + SECOND)

    now = found(ledger, run)
    assert now.state is state
    assert now.entered == {RunState.RECEIVED: NOON, state: NOON + SECOND}
    assert now.updated_at == NOON + SECOND


@pytest.mark.parametrize("state", WORKING)
def test_a_run_never_goes_back_and_never_comes_to_a_state_twice(
    state: RunState, ledger: Ledger
) -> None:
    run = claimed(ledger, state=state)

    for other in WORKING[: WORKING.index(state) + 1]:
        assert not ledger.advance(run.run_id, other, NOON + SECOND)

    assert found(ledger, run) == run


@pytest.mark.parametrize("end", sorted(ENDS))
def test_an_end_is_the_end(end: RunState, ledger: Ledger) -> None:
    run = claimed(ledger, state=end)

    for other in RunState:
        assert not ledger.advance(run.run_id, other, NOON + SECOND, FAILED)

    assert found(ledger, run) == run


def test_nothing_advances_that_was_never_claimed(ledger: Ledger) -> None:
    run = a_run()

    assert not ledger.advance(run.run_id, RunState.PREPARED, NOON)

    assert ledger.find(run.run_id) is None


def test_a_failed_run_has_code_and_reason(ledger: Ledger) -> None:
    run = claimed(ledger)

    ledger.advance(run.run_id, RunState.FAILED, NOON, FAILED)

    now = found(ledger, run)
    assert (now.code, now.reason, now.headline) == ("AUTOPILOT_FAILED", "It failed.", None)
    assert now.details == "Try again."


def test_a_completed_run_has_a_headline_instead(ledger: Ledger) -> None:
    run = claimed(ledger)

    ledger.advance(run.run_id, RunState.COMPLETED, NOON, COMPLETED)

    now = found(ledger, run)
    assert (now.code, now.reason, now.headline) == (None, None, "roc_auc 0.95")


def test_an_ended_run_stays_open_until_somebody_closes_it(ledger: Ledger) -> None:
    run = claimed(ledger)
    ledger.advance(run.run_id, RunState.COMPLETED, NOON, COMPLETED)
    assert [each.run_id for each in ledger.open_runs()] == [run.run_id]

    ledger.close(run.run_id)
    ledger.close(run.run_id)

    assert ledger.open_runs() == []
    assert not found(ledger, run).open


def test_open_runs_are_whole_and_come_oldest_first(ledger: Ledger) -> None:
    runs = [
        claimed(ledger, version=version, at=NOON + seconds * SECOND)
        for version, seconds in (("v1", 30), ("v2", 0), ("v3", 59), ("v4", 0.000001))
    ]

    assert list(ledger.open_runs()) == [runs[1], runs[3], runs[0], runs[2]]


def test_facts_are_kept_and_taken_away_again(ledger: Ledger) -> None:
    run = claimed(ledger)

    ledger.note(run.run_id, job_status="InProgress, ModelTuning", waiting_for="room")
    ledger.note(run.run_id, announced="job Completed", announced_at=NOON, waiting_for=None)

    now = found(ledger, run)
    assert now == replace(
        run,
        job_status="InProgress, ModelTuning",
        announced="job Completed",
        announced_at=NOON,
    )


def test_a_run_that_goes_on_waits_for_nothing(ledger: Ledger) -> None:
    run = claimed(ledger)
    ledger.note(run.run_id, waiting_for="room")

    ledger.advance(run.run_id, RunState.TRAINING, NOON)

    assert found(ledger, run).waiting_for is None


@pytest.mark.parametrize("fact", ["state", "open", "code", "bucket", "drop", "typo"])
def test_only_facts_can_be_noted(fact: str, ledger: Ledger) -> None:
    run = claimed(ledger)

    with pytest.raises(ValueError, match=fact):
        ledger.note(run.run_id, **{fact: "x"})

    assert found(ledger, run) == run


def test_nothing_is_noted_or_closed_that_was_never_claimed(ledger: Ledger) -> None:
    run = a_run()

    ledger.note(run.run_id, job_status="InProgress")
    ledger.close(run.run_id)

    assert ledger.find(run.run_id) is None
    assert ledger.open_runs() == []


operations = st.one_of(
    st.tuples(st.just("claim"), st.sampled_from("ab")),
    st.tuples(
        st.just("advance"),
        st.sampled_from("ab"),
        st.sampled_from(RunState),
        st.sampled_from([None, FAILED, COMPLETED]),
    ),
    st.tuples(
        st.just("note"),
        st.sampled_from("ab"),
        st.fixed_dictionaries(
            {},
            optional={
                "waiting_for": st.sampled_from([None, "room"]),
                "announced": st.sampled_from(["job Completed", "job Failed"]),
                "announced_at": st.sampled_from([NOON, NOON + SECOND]),
                "job_status": st.just("InProgress"),
            },
        ).filter(bool),
    ),
    st.tuples(st.just("close"), st.sampled_from("ab")),
)


@pytest.mark.slow
@given(st.lists(operations, min_size=4, max_size=14))
@settings(max_examples=20)
def test_the_fake_does_what_dynamodb_does(steps: list[tuple[Any, ...]]) -> None:
    with mock_aws():
        real, fake = DynamoLedger(create_table()), FakeLedger(World())
        for number, (operation, name, *rest) in enumerate(steps):
            now = NOON + number * SECOND

            assert _do(real, operation, name, rest, now) == _do(fake, operation, name, rest, now)

        assert list(real.open_runs()) == list(fake.open_runs())
        for name in "ab":
            run_id = a_run(version=name).run_id
            assert real.find(run_id) == fake.find(run_id)


def _do(ledger: Ledger, operation: str, name: str, rest: list[Any], now: datetime) -> object:
    run = a_run(version=name, at=now)
    match operation:
        case "claim":
            return ledger.claim(run)
        case "advance":
            state, outcome = rest
            # An outcome only comes with the state that it is about.
            same = outcome is not None and outcome.state is state
            return ledger.advance(run.run_id, state, now, outcome if same else None)
        case "note":
            return ledger.note(run.run_id, **rest[0])  # type: ignore[func-returns-value]
        case _:
            return ledger.close(run.run_id)  # type: ignore[func-returns-value]


def test_runs_are_listed_newest_first_all_or_of_one_dataset(dynamo_ledger: DynamoLedger) -> None:
    runs = [
        claimed(dynamo_ledger, dataset=dataset, at=NOON + seconds * SECOND)
        for dataset, seconds in (("bank", 1), ("wine", 2), ("sales", 0))
    ]
    newer = claimed(dynamo_ledger, dataset="bank", version="v2", at=NOON + 3 * SECOND)

    assert list(dynamo_ledger.runs()) == [newer, runs[1], runs[0], runs[2]]
    assert list(dynamo_ledger.runs("bank")) == [newer, runs[0]]
    assert list(dynamo_ledger.runs("nothing")) == []


def test_a_removed_run_is_not_brought_back_by_a_late_event(ledger: AnyLedger) -> None:
    run = claimed(ledger)
    ledger.remove(run.run_id, NOON)

    assert ledger.claim(run) is None

    assert ledger.find(run.run_id) is None
    assert not ledger.advance(run.run_id, RunState.PREPARED, NOON)
    assert list(ledger.open_runs()) == []


def test_the_name_of_a_removed_run_expires_after_a_week(
    dynamo_ledger: DynamoLedger, table: Table
) -> None:
    run = claimed(dynamo_ledger)

    dynamo_ledger.remove(run.run_id, NOON)

    expires = table.get_item(Key={"run_id": run.run_id})["Item"]["expires"]
    assert expires == int((NOON + timedelta(days=7)).timestamp())
    assert dynamo_ledger.runs() == []


def test_a_removed_run_is_gone(dynamo_ledger: DynamoLedger) -> None:
    run = claimed(dynamo_ledger)

    dynamo_ledger.remove(run.run_id, NOON)
    dynamo_ledger.remove(run.run_id, NOON)

    assert dynamo_ledger.find(run.run_id) is None
    assert dynamo_ledger.open_runs() == []


def test_open_runs_of_more_than_one_page_are_all_there(table: Table) -> None:
    real = DynamoLedger(table)
    runs = [claimed(real, version=f"v{i}", at=NOON + i * SECOND) for i in range(5)]
    query = table.query

    class Small:
        """The table, with pages of two."""

        def query(self, **request: Any) -> Any:
            return query(Limit=2, **request)

    assert DynamoLedger(Small()).open_runs() == runs  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("ProvisionedThroughputExceededException", 400, Transient),
        ("ThrottlingException", 400, Transient),
        ("RequestLimitExceeded", 400, Transient),
        ("InternalServerError", 500, Transient),
        ("AccessDeniedException", 400, ClientError),
        ("ValidationException", 400, ClientError),
        ("ResourceNotFoundException", 400, NotFound),
    ],
)
def test_answers_of_dynamodb_are_our_errors(code: str, status: int, error: type[Exception]) -> None:
    table = ledger_table()
    ledger = DynamoLedger(table)
    with Stubber(table.meta.client) as stub:
        for operation in ("put_item", "get_item", "query", "update_item", "update_item"):
            stub.add_client_error(operation, code, http_status_code=status)

        with pytest.raises(error):
            ledger.claim(a_run())
        with pytest.raises(error):
            ledger.find("x")
        with pytest.raises(error):
            ledger.open_runs()
        with pytest.raises(error):
            ledger.advance("x", RunState.PREPARED, NOON)
        with pytest.raises(error):
            ledger.close("x")


def test_a_run_is_found_by_a_consistent_read() -> None:
    table = ledger_table()
    with Stubber(table.meta.client) as stub:
        stub.add_response(
            "get_item",
            {},
            {"TableName": "ledger", "Key": {"run_id": "x"}, "ConsistentRead": True},
        )

        assert DynamoLedger(table).find("x") is None


@pytest.mark.parametrize("state", [RunState.COMPLETED, RunState.FAILED])
def test_whatever_is_said_of_a_run_fits_into_ledger_event_and_mail(
    state: RunState, ledger: AnyLedger
) -> None:
    run = claimed(ledger)
    long = "\U0001f600" * 400_000
    ledger.note(run.run_id, waiting_for=long)
    ledger.advance(
        run.run_id, state, NOON + SECOND, Outcome(state, "X", long, remedy=long, details=long)
    )

    ended = found(ledger, run)

    assert ended.reason or ended.headline
    assert len(json.dumps(run_changed(ended).detail)) < 200_000
    _, message = notification(ended)
    assert len(message.encode()) < 200_000
