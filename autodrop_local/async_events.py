"""Lambda's queue of asynchronous events: in order, within limits, and on disk until handled.

AWS keeps an event that it accepted until the function handled it, its retries are used up or it is
too old; while there is no room to run the function the event waits, and no attempt is counted:
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html. So does this
queue, also when the host is killed: at its next start it delivers again what was not handled.
Attempts are a second or two apart where AWS waits for a minute or two.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from autodrop_local.layout import replace_text

logger = logging.getLogger(__name__)

_FIRST_RETRY_SECONDS = 1.0
# A function without room becomes free, or an event due, without anybody saying so.
_LONGEST_SLEEP_SECONDS = 1.0


@dataclass(frozen=True)
class AsyncEvent:
    """One event on its way to a function: AWS keeps the request id over all attempts."""

    request_id: str
    function_arn: str
    payload: Any
    accepted: float
    attempts: int = 0

    @property
    def file_name(self) -> str:
        """Names in their order are events in the order in which they were accepted."""
        return f"{self.accepted:020.6f}-{self.request_id}.json"


@dataclass(frozen=True)
class Failure:
    """What a failed attempt, or none at all, leaves for the function's OnFailure destination."""

    condition: str
    response: Any = None


class Function(Protocol):
    """A function as its events need it."""

    max_retries: int
    max_age_seconds: float

    def reserve(self) -> bool:
        """Takes one unit of concurrency; False when the function or the account has none left."""

    def run(self, event: AsyncEvent) -> Failure | None:
        """Runs the function and gives its unit back; None when it handled the event."""

    def send_failure(self, event: AsyncEvent, failure: Failure) -> None:
        """Sends the event to the function's OnFailure destination, if it has one."""


FindFunction = Callable[[str], Function | None]


@dataclass(frozen=True)
class _Waiting:
    event: AsyncEvent
    due: float


class AsyncEvents:
    """The events of all functions. Safe to use from any thread."""

    def __init__(
        self, folder: Path, find_function: FindFunction, clock: Callable[[], float] = time.time
    ) -> None:
        self._folder = folder
        self._find_function = find_function
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._handled: set[str] = set()
        self._ended = False
        folder.mkdir(exist_ok=True)
        for file in sorted(folder.glob("*.json")):
            event = _read(file)
            if event:
                self._waiting.append(_Waiting(event, due=0.0))

    def accept(self, function_arn: str, payload: Any) -> None:
        """Puts an event into the queue: when this returns, the event is not lost any more."""
        event = AsyncEvent(str(uuid.uuid4()), function_arn, payload, self._clock())
        self._write(event)
        with self._changed:
            self._waiting.append(_Waiting(event, event.accepted))
            self._changed.notify_all()

    def start(self) -> None:
        """Begins to run functions, with the events first that an earlier host left behind."""
        threading.Thread(target=self._dispatch, name="async-events", daemon=True).start()

    def stop(self) -> None:
        """Runs nothing any more; what is cut off from now on counts as not handled."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wake(self) -> None:
        """Says that a function may have room again."""
        with self._changed:
            self._changed.notify_all()

    def handled(self) -> frozenset[str]:
        """The events that need no further attempt and are still on disk."""
        with self._changed:
            return frozenset(self._handled)

    def forget(self, handled: Iterable[str]) -> None:
        """Removes handled events from the disk.

        To be called when what their functions did is saved: an event that is older than the saved
        state must be delivered again after a kill.
        """
        for name in handled:
            (self._folder / name).unlink(missing_ok=True)
            with self._changed:
                self._handled.discard(name)

    def _dispatch(self) -> None:
        with self._changed:
            while not self._ended:
                if not self._begin_next():
                    self._changed.wait(_LONGEST_SLEEP_SECONDS)

    def _begin_next(self) -> bool:
        """Begins the first event whose time has come and whose function has room."""
        now = self._clock()
        full: set[str] = set()
        for waiting in self._waiting:
            event = waiting.event
            if waiting.due > now or event.function_arn in full:
                continue
            function = self._find_function(event.function_arn)
            if function and now - event.accepted <= function.max_age_seconds:
                if not function.reserve():
                    full.add(event.function_arn)
                    continue
                work = self._attempt
            else:
                work = self._give_up
            self._waiting.remove(waiting)
            threading.Thread(target=work, args=(function, event), daemon=True).start()
            return True
        return False

    def _attempt(self, function: Function, event: AsyncEvent) -> None:
        started = self._clock()
        event = replace(event, attempts=event.attempts + 1)
        failure = function.run(event)
        if self._ended:
            return
        logger.info(
            "%s, attempt %d of event %s: %s after %.2f s, waited %.2f s",
            event.function_arn.rpartition(":")[2],
            event.attempts,
            event.request_id,
            "failed" if failure else "handled",
            self._clock() - started,
            started - event.accepted,
        )
        if failure is None:
            self._end(event)
            return
        delay = _FIRST_RETRY_SECONDS * 2 ** (event.attempts - 1)
        too_old = self._clock() + delay - event.accepted > function.max_age_seconds
        if event.attempts > function.max_retries or too_old:
            function.send_failure(event, failure)
            self._end(event)
            return
        self._write(event)
        with self._changed:
            self._waiting.append(_Waiting(event, self._clock() + delay))
            self._changed.notify_all()

    def _give_up(self, function: Function | None, event: AsyncEvent) -> None:
        if function is None:
            logger.warning("The function of an event is gone: %s", event.function_arn)
        else:
            logger.warning("An event waited too long for %s", event.function_arn)
            function.send_failure(event, Failure("EventAgeExceeded"))
        self._end(event)

    def _end(self, event: AsyncEvent) -> None:
        with self._changed:
            self._handled.add(event.file_name)

    def _write(self, event: AsyncEvent) -> None:
        replace_text(self._folder / event.file_name, json.dumps(asdict(event)))


def _read(file: Path) -> AsyncEvent | None:
    try:
        return AsyncEvent(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        logger.exception("%s is no event", file)
        return None
