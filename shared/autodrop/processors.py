"""Who does the work on the blocks of a file: the processors of this machine, or a cluster's."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Processors(Protocol):
    """Does the same work on many items, some of them at the same time."""

    def map(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """Yield the results in the order of the items.

        `work` and the items can be sent to another machine, and may be done there more than once.
        """


class Threads:
    """The processors of this machine.

    What takes the time here runs outside of Python's lock. At most one item for each thread is
    being worked on or waiting to be taken: memory does not grow with their number.
    """

    def __init__(self, threads: int | None = None) -> None:
        """Work on as many items at once as Polars has threads, unless it is said."""
        # Not above: functions without Polars import what knows this module.
        import polars as pl

        self._threads = threads or pl.thread_pool_size()

    def map(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """Yield the results in the order of the items."""
        if self._threads == 1 or len(items) == 1:
            yield from map(work, items)
            return
        with ThreadPoolExecutor(self._threads) as pool:
            waiting: deque[Future[Result]] = deque()
            try:
                for item in items:
                    if len(waiting) == self._threads:
                        yield waiting.popleft().result()
                    waiting.append(pool.submit(work, item))
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()
