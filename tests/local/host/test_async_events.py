"""The queue of asynchronous events: order, limits, retries, what a killed host leaves behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from autodrop_local.async_events import AsyncEvent, AsyncEvents, Failure
from tests.local.host.conftest import eventually

ARN = "arn:aws:lambda:us-east-1:000000000000:function:"


@dataclass
class Lambda:
    """Functions with room for so many invocations at once, each of which waits until it may end."""

    room: int = 1
    max_retries: int = 0
    max_age_seconds: float = 60.0
    answer: Failure | None = None
    running: list[AsyncEvent] = field(default_factory=list)
    begun: list[AsyncEvent] = field(default_factory=list)
    most_at_once: int = 0
    failures: list[tuple[AsyncEvent, Failure]] = field(default_factory=list)
    may_end: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    when_released: Callable[[], None] = lambda: None

    def reserve(self) -> bool:
        with self.lock:
            if self.room == 0:
                return False
            self.room -= 1
            return True

    def run(self, event: AsyncEvent) -> Failure | None:
        with self.lock:
            self.begun.append(event)
            self.running.append(event)
            self.most_at_once = max(self.most_at_once, len(self.running))
        assert self.may_end.wait(20)
        with self.lock:
            self.running.remove(event)
            self.room += 1
        self.when_released()
        return self.answer

    def send_failure(self, event: AsyncEvent, failure: Failure) -> None:
        self.failures.append((event, failure))

    def payloads(self) -> list[Any]:
        return [event.payload for event in self.begun]


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Queue:
    """A queue and its functions; `again` is that of the next host."""

    folder: Path
    functions: dict[str, Lambda]
    clock: Clock = field(default_factory=Clock)
    open_queues: list[AsyncEvents] = field(default_factory=list)

    def open(self) -> AsyncEvents:
        find = {f"{ARN}{name}": function for name, function in self.functions.items()}.get
        events = AsyncEvents(self.folder, find, self.clock)
        for function in self.functions.values():
            function.when_released = events.wake
        self.open_queues.append(events)
        return events

    def files(self) -> int:
        return len(list(self.folder.glob("*.json")))


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    made = Queue(tmp_path / "events", {"f": Lambda(), "g": Lambda()})
    first = list(made.functions.values())
    yield made
    for events in made.open_queues:
        events.stop()
    for function in [*first, *made.functions.values()]:
        function.may_end.set()


def test_events_run_in_order_and_never_more_at_once_than_there_is_room(queue: Queue) -> None:
    function = queue.functions["f"]
    function.may_end.set()
    events = queue.open()
    for number in range(20):
        events.accept(f"{ARN}f", {"number": number})

    events.start()

    eventually(lambda: len(events.handled()) == 20)
    assert function.payloads() == [{"number": number} for number in range(20)]
    assert function.most_at_once == 1


def test_function_without_room_keeps_no_other_waiting(queue: Queue) -> None:
    events = queue.open()
    events.start()
    events.accept(f"{ARN}f", 1)
    eventually(lambda: queue.functions["f"].running)
    events.accept(f"{ARN}f", 2)

    events.accept(f"{ARN}g", 3)

    eventually(lambda: queue.functions["g"].payloads() == [3])
    assert queue.functions["f"].payloads() == [1]


def test_waiting_for_room_is_no_attempt(queue: Queue) -> None:
    function = queue.functions["f"]
    function.room = 0
    events = queue.open()
    events.start()
    events.accept(f"{ARN}f", 1)
    function.may_end.set()

    function.room = 1
    events.wake()

    eventually(events.handled)
    assert [event.attempts for event in function.begun] == [1]


def test_failed_event_is_tried_again_and_then_sent_to_its_destination(queue: Queue) -> None:
    function = queue.functions["f"]
    function.max_retries = 2
    function.answer = Failure("RetriesExhausted", {"errorMessage": "on purpose"})
    function.may_end.set()
    events = queue.open()
    events.start()

    events.accept(f"{ARN}f", 1)

    def later() -> bool:
        queue.clock.now += 1
        return bool(events.handled())

    eventually(later)
    assert [event.attempts for event in function.begun] == [1, 2, 3]
    assert len({event.request_id for event in function.begun}) == 1
    [(event, failure)] = function.failures
    assert (event.attempts, event.payload) == (3, 1)
    assert failure == function.answer


def test_event_that_is_too_old_is_not_run_but_sent_to_its_destination(queue: Queue) -> None:
    function = queue.functions["f"]
    events = queue.open()
    events.accept(f"{ARN}f", 1)
    queue.clock.now += 61

    events.start()

    eventually(events.handled)
    [(event, failure)] = function.failures
    assert (event.attempts, failure) == (0, Failure("EventAgeExceeded"))
    assert function.begun == []


def test_event_of_a_function_that_is_gone_ends(queue: Queue) -> None:
    events = queue.open()
    events.start()

    events.accept(f"{ARN}none", 1)

    eventually(events.handled)


def test_next_host_delivers_what_the_killed_one_had_not_handled(queue: Queue) -> None:
    killed = queue.open()
    killed.start()
    for number in range(3):
        killed.accept(f"{ARN}f", number)
        queue.clock.now += 1
    eventually(lambda: queue.functions["f"].running)
    killed.stop()
    cut_off = queue.functions["f"].begun[0]
    queue.functions["f"] = Lambda()
    queue.functions["f"].may_end.set()

    again = queue.open()
    again.start()

    eventually(lambda: len(again.handled()) == 3)
    assert queue.functions["f"].payloads() == [0, 1, 2]
    assert queue.functions["f"].begun[0].request_id == cut_off.request_id


def test_attempts_are_counted_over_a_restart(queue: Queue) -> None:
    function = queue.functions["f"]
    function.max_retries = 1
    function.answer = Failure("RetriesExhausted")
    function.may_end.set()
    first = queue.open()
    first.start()
    first.accept(f"{ARN}f", 1)
    eventually(lambda: '"attempts": 1' in next(queue.folder.glob("*.json")).read_text())
    first.stop()

    queue.open().start()

    eventually(lambda: function.failures)
    assert [event.attempts for event in function.begun] == [1, 2]


def test_handled_event_is_forgotten_only_when_its_work_is_saved(queue: Queue) -> None:
    queue.functions["f"].may_end.set()
    events = queue.open()
    events.start()
    events.accept(f"{ARN}f", 1)
    handled = eventually(events.handled)
    events.accept(f"{ARN}f", 2)
    eventually(lambda: len(events.handled()) == 2)
    assert queue.files() == 2

    events.forget(handled)

    assert queue.files() == 1
    assert len(events.handled()) == 1


def test_file_that_is_no_event_keeps_no_host_from_starting(queue: Queue) -> None:
    queue.folder.mkdir()
    (queue.folder / "1.json").write_text("{")
    (queue.folder / "2.json").write_text('{"other": 1}')
    queue.functions["f"].may_end.set()
    events = queue.open()
    events.start()

    events.accept(f"{ARN}f", 1)

    eventually(events.handled)
