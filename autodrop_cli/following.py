"""Looking at a run again and again until it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import sleep

from botocore.exceptions import BotoCoreError, ClientError

from autodrop.errors import AutodropError, Transient
from autodrop.run import RunState
from autodrop_cli.connection import Connection, Jobs
from autodrop_cli.problems import BAD_USAGE, Problem
from autodrop_cli.progress import Sighting

# An event from S3 usually takes a second or two.
_APPEARS_WITHIN = timedelta(minutes=3)
_KNOWN_WITHIN = timedelta(seconds=30)
_ANSWERS_WITHIN = timedelta(minutes=5)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})


@dataclass(frozen=True)
class Clock:
    """The time and how to let it pass.

    Attributes:
        now: Return the time (UTC).
        sleep: Wait for so many seconds.
    """

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], None] = sleep


class JobWatcher:
    """Looks at the jobs of a run directly, for as long as the user is allowed to."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._allowed = True

    def look(self, sighting: Sighting) -> Sighting:
        """Return the sighting with what SageMaker adds to it; unchanged when it adds nothing."""
        run = sighting.run
        if run is None or not self._allowed:
            return sighting
        try:
            if run.state is RunState.TRAINING:
                job = self._jobs.describe_automl_job(run.run_id)
                candidates = self._jobs.list_candidates(run.run_id) if job else []
                done = sum(each.status == "Completed" for each in candidates)
                return Sighting(run, job=job, candidates=done if job else None)
            if run.state is RunState.TRANSFORMING:
                return Sighting(run, transform=self._jobs.describe_transform_job(run.run_id))
        except ClientError as error:
            # The ledger tells enough without; a role that may only see the runs is fine.
            self._allowed = error.response.get("Error", {}).get("Code") not in _DENIED
        except (AutodropError, BotoCoreError):
            return sighting
        return sighting


def follow(
    connection: Connection, run_id: str, clock: Clock, *, just_dropped: bool
) -> Iterator[Sighting]:
    """Yield what is seen of the run until it has ended; the last one has an end state.

    Args:
        connection: Where it runs.
        run_id: The run.
        clock: The time.
        just_dropped: Whether we know that the run must appear; else it may be one that never was.

    Raises:
        Problem: It never appeared, or somebody removed it meanwhile.
        Transient: AWS has not answered for minutes.
    """
    watcher = JobWatcher(connection.sagemaker)
    started = answered = clock.now()
    seen = False
    while True:
        try:
            run = connection.ledger.find(run_id)
            answered = clock.now()
        except Transient:
            if clock.now() - answered > _ANSWERS_WITHIN:
                raise
            clock.sleep(connection.poll_seconds)
            continue
        yield watcher.look(Sighting(run))
        if run is not None and run.state.is_end:
            return
        if run is None and seen:
            raise Problem(f"Run {run_id} is no longer there: somebody has cleaned it up.")
        if run is None:
            waited = clock.now() - started
            if just_dropped and waited > _APPEARS_WITHIN:
                raise Problem(_never_appeared(connection, run_id))
            if not just_dropped and waited > _KNOWN_WITHIN:
                raise unknown_run(connection, run_id)
        seen = run is not None
        clock.sleep(connection.poll_seconds)


def unknown_run(connection: Connection, run_id: str) -> Problem:
    """Return what to say of a run that is not in the ledger."""
    return Problem(f"There is no run {run_id} in {connection.place}.", BAD_USAGE)


def _never_appeared(connection: Connection, run_id: str) -> str:
    log = (
        "the log (`autodrop local logs prepare_dataset`)"
        if connection.is_local
        else "the log and the errors of the function PrepareDataset, messages in the failure queue,"
    )
    return (
        f"The file is uploaded, but run {run_id} has not appeared for "
        f"{_APPEARS_WITHIN.seconds // 60} minutes. Check {log} and that bucket "
        f"{connection.bucket_name} sends its events to EventBridge; then drop the file again."
    )
