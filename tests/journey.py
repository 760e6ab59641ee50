"""One run from drop to results by the files in `events/`, to any point and in any fault."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any

from autodrop.naming import RunFolder
from autodrop.run import Run, RunState
from tests.conftest import EVENTS
from tests.fakes import Killed, World, table
from tests.functions import Functions

DROPPED = "inbox/bank-marketing/bank.csv"
VERSION = "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"
RUN = "ad-bank-marketi-651fb8a14249"
FOLDER = RunFolder.of("bank-marketing", RUN)
# What a processing job tells of a file that cannot be used.
RAGGED_ROW = {
    "code": "RAGGED_ROW",
    "message": "Line 17 has 4 cells, but the header has 3 columns.",
    "remedy": "Put cells that hold a comma in quotes.",
    "line": 17,
    "column": None,
}
# What happens to a run, in this order: a function with an event file, or something in SageMaker.
STEPS: dict[str, tuple[str, str] | None] = {
    "prepared": ("prepare_dataset", "dataset-dropped"),
    "training": ("start_autopilot", "dataset-prepared"),
    "trained": None,
    "transforming": ("create_model", "autopilot-completed"),
    "transformed": None,
    "completed": ("write_results", "transform-completed"),
    "listed": ("write_dataset_page", "run-completed"),
}
# What happens to a run whose file is too large for a function.
LARGE_STEPS: dict[str, tuple[str, str] | None] = {
    "preparing": ("prepare_dataset", "dataset-dropped"),
    "processed": None,
    "prepared": ("prepare_dataset", "processing-completed"),
    **{name: step for name, step in STEPS.items() if name != "prepared"},
}


def event(name: str) -> dict[str, Any]:
    """Return `events/<name>.json`."""
    loaded: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return loaded


@dataclass
class Journey:
    """A run in a world of its own, whose clock stands still until somebody waits."""

    world: World
    functions: Functions

    @classmethod
    @contextmanager
    def begins(cls, content: bytes | None = None) -> Iterator[Journey]:
        """Return the journey of a file that lies in the bucket; nothing has been told of it."""
        world = _stopped(World())
        with Functions.in_world(world) as functions:
            journey = cls(world, functions)
            world.drop(DROPPED, table() if content is None else content, version=VERSION)
            world.take_events()
            yield journey

    def large(self) -> Journey:
        """Make the dropped file too large for a function."""
        self.world.limit(1_000_000)
        return self

    @property
    def steps(self) -> dict[str, tuple[str, str] | None]:
        """What happens to the run, in this order."""
        dropped = event("dataset-dropped")["detail"]["object"]["size"]
        is_large = dropped > self.world.services.max_dataset_bytes
        return LARGE_STEPS if is_large else STEPS

    def to(self, goal: str) -> Journey:
        """Bring the run to `goal`, one of the steps' names; forget the events on the way."""
        sagemaker = self.world.sagemaker
        happens: dict[str, Callable[[str], None]] = {
            "processed": sagemaker.end_processing,
            "trained": sagemaker.end_job,
            "transformed": sagemaker.end_transform,
        }
        for name, step in self.steps.items():
            if step is not None:
                self.invoke(*step)
            else:
                happens[name](RUN)
            if name == goal:
                self.world.take_events()
                return self
        raise AssertionError(f"{goal} is no step")

    def invoke(self, function: str, name: str) -> Any:
        """Call a function with an event file."""
        return self.functions.invoke(function, event(name))

    def wait(self, minutes: float = 6) -> Journey:
        """Let minutes pass, with `watch_runs` at the end of them, and deliver what that sends."""
        self.world.now += timedelta(minutes=minutes)
        self.functions.tick()
        self.functions.deliver_all()
        return self

    @property
    def run(self) -> Run:
        """The run as the ledger has it."""
        return self.world.ledger.items[RUN]

    @property
    def state(self) -> RunState:
        """Where the run is."""
        return self.run.state

    @property
    def failure(self) -> dict[str, Any]:
        """The content of `failure.json`."""
        content: dict[str, Any] = self.world.bucket.json(FOLDER.failure)
        return content

    def snapshot(self) -> dict[str, Any]:
        """Return everything that lasts, without counts of calls and messages.

        And without the job's status as last seen, which is only for people.
        """
        sagemaker = self.world.sagemaker
        return {
            "objects": dict(self.world.bucket.objects),
            "runs": {
                name: asdict(replace(run, job_status=None))
                for name, run in self.world.ledger.items.items()
            },
            "processing": dict(sagemaker.processing),
            "jobs": dict(sagemaker.jobs),
            "models": dict(sagemaker.models),
            "transforms": dict(sagemaker.transforms),
            "told": sorted(set(self.world.messages)),
        }


def _stopped(world: World) -> World:
    world.services = replace(world.services, now=lambda: world.now)
    return world


def _twin(world: World) -> World:
    """Return a world in the same state, with nothing called and nothing to deliver."""
    twin = _stopped(World(now=world.now, quota=world.quota, messages=list(world.messages)))
    twin.limit(world.services.max_dataset_bytes)
    for place in ("bucket", "ledger", "sagemaker"):
        for name, value in vars(getattr(world, place)).items():
            if name != "world":
                # What lies in these dictionaries and lists is never changed.
                setattr(getattr(twin, place), name, copy(value))
    return twin


@dataclass(frozen=True)
class Scene:
    """A function about to be called, in a world where it has something to do."""

    function: str
    event: str
    prepare: Callable[[Journey], object]
    content: bytes | None = None

    @contextmanager
    def opens(self) -> Iterator[Journey]:
        """Return the journey at this point, in a world that nobody else changes."""
        world = _twin(self._world())
        with Functions.in_world(world) as functions:
            yield Journey(world, functions)

    @cache  # noqa: B019 - scenes are constants
    def _world(self) -> World:
        with Journey.begins(self.content) as journey:
            self.prepare(journey)
            return journey.world

    def play(self, journey: Journey) -> None:
        """Call the function.

        A look has no other one beside it or shortly before it, dead or alive.
        """
        journey.world.ledger.lease = None
        journey.invoke(self.function, self.event)


def _fail_job(journey: Journey) -> None:
    journey.to("training").world.sagemaker.end_job(RUN, "Failed", "AlgorithmError: no signal")


def _fail_transform(journey: Journey) -> None:
    journey.to("transforming").world.sagemaker.end_transform(RUN, "Failed", "ClientError: a row")


def _take_job_name(journey: Journey) -> None:
    sagemaker = journey.to("training").world.sagemaker
    sagemaker.jobs[RUN] = replace(sagemaker.jobs[RUN], train_uri="s3://elsewhere/train.csv")


def _leave_no_candidate(journey: Journey) -> None:
    sagemaker = journey.to("trained").world.sagemaker
    sagemaker.jobs[RUN] = replace(sagemaker.jobs[RUN], best_candidate=None)


def _lose_output(journey: Journey) -> None:
    objects = journey.to("transformed").world.bucket.objects
    for key in [key for key in objects if key.startswith(FOLDER.inference_results)]:
        del objects[key]


def _die_preparing(journey: Journey) -> None:
    journey.world.kill_after = 1
    with suppress(Killed):
        journey.invoke("prepare_dataset", "dataset-dropped")
    journey.world.now += timedelta(hours=1)


def _queue(journey: Journey) -> None:
    journey.to("prepared").world.quota = 0
    journey.invoke("start_autopilot", "dataset-prepared")
    journey.world.quota = 4


def _later(goal: str) -> Callable[[Journey], None]:
    def prepare(journey: Journey) -> None:
        journey.to(goal).world.now += timedelta(minutes=6)

    return prepare


def _large_later(goal: str) -> Callable[[Journey], None]:
    return lambda journey: _later(goal)(journey.large())


def _find_no_room_for_processing(journey: Journey) -> None:
    journey.large().world.sagemaker.processing_quota = 0
    journey.invoke("prepare_dataset", "dataset-dropped")
    journey.world.sagemaker.processing_quota = 4
    journey.world.take_events()


def _find_no_room_until_later(journey: Journey) -> None:
    _find_no_room_for_processing(journey)
    journey.world.now += timedelta(minutes=6)


def _find_a_ragged_row(journey: Journey) -> None:
    journey.large().to("preparing").world.sagemaker.end_processing(
        RUN, outcome={"rejected": RAGGED_ROW}
    )


def _leave_no_outcome(journey: Journey) -> None:
    del journey.large().to("processed").world.bucket.objects[FOLDER.outcome]


def _fail_processing(journey: Journey) -> None:
    journey.large().to("preparing").world.sagemaker.end_processing(
        RUN, "Failed", "AlgorithmError: See job logs", "spark failed"
    )


def _take_processing_name(journey: Journey) -> None:
    processing = journey.large().to("preparing").world.sagemaker.processing
    processing[RUN] = replace(processing[RUN], input_uri="s3://elsewhere/bank.csv")


def _reject(journey: Journey) -> None:
    journey.invoke("prepare_dataset", "dataset-dropped")
    journey.world.take_events()


def _ended_unannounced(journey: Journey) -> None:
    journey.to("completed")
    items = journey.world.ledger.items
    items[RUN] = replace(items[RUN], open=True)
    journey.world.now += timedelta(minutes=6)


# Every function in every situation in which it changes something.
SCENES = {
    "prepare": Scene("prepare_dataset", "dataset-dropped", lambda _: None),
    "reject": Scene("prepare_dataset", "dataset-dropped", lambda _: None, b"a,b,y\n"),
    "prepare large": Scene("prepare_dataset", "dataset-dropped", lambda j: j.large()),
    "start processing": Scene(
        "prepare_dataset", "processing-not-started", _find_no_room_for_processing
    ),
    "take up": Scene(
        "prepare_dataset", "processing-completed", lambda j: j.large().to("processed")
    ),
    "found processed": Scene(
        "prepare_dataset", "processing-found-completed", lambda j: j.large().to("processed")
    ),
    "reject large": Scene("prepare_dataset", "processing-completed", _find_a_ragged_row),
    "no outcome": Scene("prepare_dataset", "processing-completed", _leave_no_outcome),
    "processing name taken": Scene(
        "prepare_dataset", "processing-completed", _take_processing_name
    ),
    "processing failed": Scene("record_failure", "processing-failed", _fail_processing),
    "found processing failed": Scene("record_failure", "processing-found-failed", _fail_processing),
    "start": Scene("start_autopilot", "dataset-prepared", lambda j: j.to("prepared")),
    "create model": Scene("create_model", "autopilot-completed", lambda j: j.to("trained")),
    "write results": Scene("write_results", "transform-completed", lambda j: j.to("transformed")),
    "found results": Scene(
        "write_results", "transform-found-completed", lambda j: j.to("transformed")
    ),
    "list completed": Scene("write_dataset_page", "run-completed", lambda j: j.to("completed")),
    "list rejected": Scene("write_dataset_page", "run-rejected", _reject, b"a,b,y\n"),
    "job failed": Scene("record_failure", "autopilot-failed", _fail_job),
    "transform failed": Scene("record_failure", "transform-failed", _fail_transform),
    "drop not handled": Scene("record_failure", "failure-queue", lambda _: None),
    "dataset not delivered": Scene(
        "record_failure", "failure-queue-undelivered", lambda j: j.to("prepared")
    ),
    "job name taken": Scene("start_autopilot", "dataset-prepared", _take_job_name),
    "no candidate": Scene("create_model", "autopilot-completed", _leave_no_candidate),
    "no output": Scene("write_results", "transform-completed", _lose_output),
    "watch unprepared": Scene("watch_runs", "watch-runs-tick", _die_preparing),
    "watch unprocessed": Scene("watch_runs", "watch-runs-tick", _find_no_room_until_later),
    "watch processed": Scene("watch_runs", "watch-runs-tick", _large_later("processed")),
    "watch prepared": Scene("watch_runs", "watch-runs-tick", _later("prepared")),
    "watch queued": Scene("watch_runs", "watch-runs-tick", _queue),
    "watch trained": Scene("watch_runs", "training-job-ended", lambda j: j.to("trained")),
    "watch transformed": Scene("watch_runs", "watch-runs-tick", _later("transformed")),
    "watch ended": Scene("watch_runs", "watch-runs-tick", _ended_unannounced),
}
