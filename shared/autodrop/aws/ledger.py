"""The run ledger in DynamoDB: one item a run, changed only by conditional writes.

And one item for the lease of `watch_runs`, which is in no index and in no list of runs.

Indexes: `open-runs` (sparse: `open`, `created_at`) answers which runs are open, `dataset-runs`
(`dataset`, `created_at`) which came last for a dataset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from autodrop.aws.client_errors import is_condition_failed, translated
from autodrop.naming import Drop
from autodrop.ports import Lease
from autodrop.run import Outcome, Run, RunState

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

OPEN_RUNS_INDEX = "open-runs"
DATASET_RUNS_INDEX = "dataset-runs"
_OPEN = "yes"
_REMOVED = "removed_at"
# Neither a run that was removed nor the lease has it.
_IS_RUN = "created_at"
# No run can have this name.
_LEASE = "lease:watch_runs"
_REMEMBERED = timedelta(days=7)
_FACTS = frozenset(
    {
        "job_status",
        "announced",
        "announced_at",
        "waiting_for",
        "waiting_told",
        "headline",
        "working_at",
    }
)
# An item holds 400 KB, a notification and an event 256 KB; a label or a reason can be longer.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
_LONGEST_TEXT = 4_000


def fitting(text: str) -> str:
    """Return as much of a text as the ledger keeps, which is also what events and mails tell."""
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"


class DynamoLedger:
    """`autodrop.ports.Ledger` on a DynamoDB table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def claim(self, run: Run) -> Run | None:
        """Store `run` unless its id is known; return the stored run, None if it was removed."""
        try:
            with translated():
                self._table.put_item(
                    Item=_to_item(run), ConditionExpression="attribute_not_exists(run_id)"
                )
        except ClientError as error:
            if not is_condition_failed(error):
                raise
            return self.find(run.run_id)
        return run

    def find(self, run_id: str) -> Run | None:
        """Return the run, or None when the id is not in this table."""
        with translated():
            item = self._table.get_item(Key={"run_id": run_id}, ConsistentRead=True).get("Item")
        return _from_item(item) if item and _IS_RUN in item else None

    def open_runs(self) -> Sequence[Run]:
        """Return the runs whose outcome has not been announced, oldest first."""
        return [
            _from_item(item)
            for item in self._pages(
                self._table.query,
                IndexName=OPEN_RUNS_INDEX,
                KeyConditionExpression="#open = :yes",
                ExpressionAttributeNames={"#open": "open"},
                ExpressionAttributeValues={":yes": _OPEN},
            )
        ]

    def latest_runs(self, dataset: str, most: int) -> Sequence[Run]:
        """Return the dataset's last runs, newest first; what was just written may be missing."""
        return list(islice(self._backwards(dataset, None), most))

    def completed_before(self, run: Run, most: int) -> Sequence[Run]:
        """Return the last completed runs of the dataset that were created before `run`."""
        earlier = self._backwards(run.dataset, run.created_at)
        return list(islice((each for each in earlier if each.state is RunState.COMPLETED), most))

    def _backwards(self, dataset: str, before: datetime | None) -> Iterator[Run]:
        condition, values = "dataset = :dataset", {":dataset": dataset}
        if before is not None:
            condition += " AND created_at < :before"
            values[":before"] = _written(before)
        items = self._pages(
            self._table.query,
            IndexName=DATASET_RUNS_INDEX,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ScanIndexForward=False,
        )
        return map(_from_item, items)

    def runs(self, dataset: str | None = None) -> Sequence[Run]:
        """Return all runs, or those of one dataset, newest first."""
        if dataset is None:
            items = self._pages(
                self._table.scan,
                FilterExpression="attribute_exists(#created)",
                ExpressionAttributeNames={"#created": _IS_RUN},
            )
        else:
            items = self._pages(
                self._table.query,
                IndexName=DATASET_RUNS_INDEX,
                KeyConditionExpression="dataset = :dataset",
                ExpressionAttributeValues={":dataset": dataset},
            )
        return sorted(map(_from_item, items), key=lambda run: run.created_at, reverse=True)

    def advance(
        self, run_id: str, state: RunState, now: datetime, outcome: Outcome | None = None
    ) -> bool:
        """Bring the run to `state` from any earlier one; return False when it is there or past."""
        if not state.predecessors:
            return False
        earlier = {f":from{i}": str(each) for i, each in enumerate(state.predecessors)}
        sets = {"state": str(state), f"entered_{state}": _written(now), "waiting_for": None}
        if outcome is not None:
            sets |= {
                "code": outcome.code or None,
                "reason": outcome.reason or None,
                "details": outcome.details or outcome.remedy or None,
            }
            if state is RunState.COMPLETED:
                sets |= {"headline": outcome.reason, "reason": None}
        return self._update(run_id, sets, f"#state IN ({', '.join(earlier)})", earlier)

    def claim_announcement(
        self, run_id: str, announced: str, now: datetime, before: datetime
    ) -> bool:
        """Note what is about to be announced, unless that was noted after `before`."""
        return self._update(
            run_id,
            {"announced": announced, "announced_at": _written(now)},
            "attribute_exists(run_id) AND (attribute_not_exists(#announced) "
            "OR #announced <> :announced OR #announced_at <= :before)",
            {":before": _written(before)},
        )

    def claim_waiting_notice(self, run_id: str, state: RunState) -> bool:
        """Note that people are told how long the run waits in this state; False when they were."""
        return self._update(
            run_id,
            {"waiting_told": str(state)},
            "attribute_exists(run_id) AND (attribute_not_exists(#waiting_told) "
            "OR #waiting_told <> :waiting_told)",
            {},
        )

    def take_lease(self, now: datetime, until: datetime) -> Lease | None:
        """Return the lease, ours until then; None while somebody else has it."""
        try:
            with translated():
                item = self._table.update_item(
                    Key={"run_id": _LEASE},
                    UpdateExpression="SET held_until = :until",
                    ConditionExpression="attribute_not_exists(held_until) OR held_until <= :now",
                    ExpressionAttributeValues={":until": _written(until), ":now": _written(now)},
                    ReturnValues="ALL_NEW",
                )["Attributes"]
        except ClientError as error:
            if not is_condition_failed(error):
                raise
            return None
        not_before = item.get("not_before")
        return Lease(
            until,
            None if not_before is None else _read(str(not_before)),
            str(item.get("place", "")),
        )

    def keep_lease(self, lease: Lease) -> bool:
        """Store the lease's cursor and time; return False when it is ours no longer."""
        not_before = None if lease.not_before is None else _written(lease.not_before)
        return self._update(
            _LEASE, {"place": lease.cursor, "not_before": not_before}, *_ours(lease)
        )

    def renew_lease(self, lease: Lease, until: datetime) -> Lease | None:
        """Return the lease, ours until then; None when it is ours no longer."""
        renewed = self._update(_LEASE, {"held_until": _written(until)}, *_ours(lease))
        return replace(lease, until=until) if renewed else None

    def end_lease(self, lease: Lease) -> None:
        """Let others have the lease, if it is still ours."""
        self._update(_LEASE, {"held_until": None}, *_ours(lease))

    def note(self, run_id: str, **facts: str | datetime | None) -> None:
        """Store facts about a run without changing its state.

        Raises:
            ValueError: A fact that a run does not have.
        """
        if unknown := facts.keys() - _FACTS:
            raise ValueError(f"a run has no {sorted(unknown)}")
        sets = {
            name: _written(fact) if isinstance(fact, datetime) else fact
            for name, fact in facts.items()
        }
        self._update(run_id, sets, "attribute_exists(run_id)", {})

    def close(self, run_id: str) -> None:
        """Mark the run's outcome as announced: it leaves the index of open runs."""
        self._update(run_id, {"open": None}, "attribute_exists(run_id)", {})

    def remove(self, run_id: str, now: datetime) -> None:
        """Remove the run; content when there is none.

        Its name stays for a week: Lambda and EventBridge may deliver an event a day late.
        """
        with translated():
            self._table.put_item(
                Item={
                    "run_id": run_id,
                    _REMOVED: _written(now),
                    "expires": int((now + _REMEMBERED).timestamp()),
                }
            )

    def _update(
        self, run_id: str, sets: Mapping[str, str | None], condition: str, values: dict[str, str]
    ) -> bool:
        kept = {name: fitting(value) for name, value in sets.items() if value is not None}
        gone = [name for name, value in sets.items() if value is None]
        expression = ""
        if kept:
            expression = "SET " + ", ".join(f"#{name} = :{name}" for name in kept)
        if gone:
            expression += " REMOVE " + ", ".join(f"#{name}" for name in gone)
        names = {f"#{name}": name for name in sets}
        if "#state" in condition:
            names["#state"] = "state"
        all_values = {**{f":{name}": value for name, value in kept.items()}, **values}
        request: dict[str, Any] = {"ExpressionAttributeValues": all_values} if all_values else {}
        try:
            with translated():
                self._table.update_item(
                    Key={"run_id": run_id},
                    UpdateExpression=expression,
                    ConditionExpression=condition,
                    ExpressionAttributeNames=names,
                    **request,
                )
        except ClientError as error:
            if not is_condition_failed(error):
                raise
            return False
        return True

    @staticmethod
    def _pages(call: Any, **request: Any) -> Iterator[Mapping[str, Any]]:
        while True:
            with translated():
                page = call(**request)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _ours(lease: Lease) -> tuple[str, dict[str, str]]:
    return "held_until = :ours", {":ours": _written(lease.until)}


def _to_item(run: Run) -> dict[str, Any]:
    item = {
        "run_id": run.run_id,
        "dataset": run.dataset,
        "bucket": run.drop.bucket,
        "key": run.drop.key,
        "version": run.drop.version,
        "version_id": run.drop.version_id,
        "size": run.drop.size,
        "state": str(run.state),
        "created_at": _written(run.created_at),
        "open": _OPEN if run.open else None,
        **{f"entered_{state}": _written(when) for state, when in run.entered.items()},
    }
    return {name: value for name, value in item.items() if value is not None}


def _from_item(item: Mapping[str, Any]) -> Run:
    return Run(
        run_id=item["run_id"],
        drop=Drop(
            bucket=item["bucket"],
            key=item["key"],
            version=item["version"],
            version_id=item.get("version_id"),
            size=int(item["size"]),
        ),
        state=RunState(item["state"]),
        created_at=_read(item["created_at"]),
        entered={
            state: _read(item[f"entered_{state}"])
            for state in RunState
            if f"entered_{state}" in item
        },
        open="open" in item,
        job_status=item.get("job_status"),
        announced=item.get("announced"),
        announced_at=_read(item["announced_at"]) if "announced_at" in item else None,
        working_at=_read(item["working_at"]) if "working_at" in item else None,
        waiting_for=item.get("waiting_for"),
        waiting_told=item.get("waiting_told"),
        code=item.get("code"),
        reason=item.get("reason"),
        headline=item.get("headline"),
        details=item.get("details"),
    )


def _written(when: datetime) -> str:
    # Of fixed width, so that the sort key sorts by time.
    return when.isoformat(timespec="microseconds")


def _read(written: str) -> datetime:
    return datetime.fromisoformat(written)
