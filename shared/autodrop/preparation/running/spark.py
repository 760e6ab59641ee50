"""The executors of Spark as processors: any number of machines that read and write blocks.

Nothing is imported above that a bare executor lacks: the libraries that the work needs are made
importable before it is unpickled.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from autodrop.errors import Rejected
from autodrop.preparation.running.libraries import Libraries

if TYPE_CHECKING:
    from pyspark import SparkConf, SparkContext

Item = TypeVar("Item")
Result = TypeVar("Result")

# Tasks for each core that are asked for together: few enough for the driver's memory, enough that
# no core waits long for the slowest of them.
_TASKS_PER_CORE = 8
# What Spark itself needs for tasks that hold bytes only: the rest is for the Python workers.
_HEAP_MB = 2048
# One worker for each core: more threads in it would only stand in each other's way.
_ONE_THREAD = ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class SparkProcessors:
    """The Python workers of Spark's executors.

    A task that fails is repeated by Spark, on another machine if it must be.
    """

    def __init__(self, context: SparkContext, libraries: Libraries | None = None) -> None:
        self._context = context
        self._libraries = libraries

    def map(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """Yield the results in the order of the items.

        Raises:
            Rejected: As `work` did.
        """
        task = _Task(pickle.dumps(work), self._libraries)
        size = max(1, _TASKS_PER_CORE * self._context.defaultParallelism)
        waves = [items[start : start + size] for start in range(0, len(items), size)]
        # While the results of a wave are merged here, the next one is under way.
        with ThreadPoolExecutor(1) as ahead:
            asked = [ahead.submit(self._collected, task, wave) for wave in waves[:1]]
            for next_wave in [*waves[1:], []]:
                if not asked:
                    return
                results = asked.pop().result()
                if next_wave:
                    asked.append(ahead.submit(self._collected, task, next_wave))
                for each in results:
                    is_done, result = pickle.loads(each)  # noqa: S301 - of our own workers
                    if not is_done:
                        raise Rejected.of(*result)
                    yield result

    def _collected(self, task: _Task, items: Sequence[Any]) -> list[bytes]:
        packed = list(map(pickle.dumps, items))
        return self._context.parallelize(packed, len(packed)).map(task).collect()


@dataclass(frozen=True)
class _Task:
    """Work on one item, all of it pickled, so that it can be sent where nothing is importable yet.

    Attributes:
        work: The work.
        libraries: What it needs; None where all of it is importable.
    """

    work: bytes
    libraries: Libraries | None

    def __call__(self, item: bytes) -> bytes:
        """Return whether the work is done, and its result, or how it refuses the file."""
        if self.libraries is not None:
            self.libraries.use()
        work = _unpickled(self.work)
        try:
            answer = True, work(pickle.loads(item))  # noqa: S301 - of our own driver
        except Rejected as problem:
            answer = False, (problem.finding, problem.others)
        return pickle.dumps(answer)


@lru_cache(maxsize=1)
def _unpickled(work: bytes) -> Callable[[Any], Any]:
    loaded: Callable[[Any], Any] = pickle.loads(work)  # noqa: S301 - of our own driver
    return loaded


def configure(conf: SparkConf) -> SparkConf:
    """Return a configuration with the memory and the threads that fit this work.

    The container gives nearly all memory of an instance to Spark's heap; here the Python workers
    need it. Heap and overhead together stay what they are: the limit of YARN.
    https://github.com/aws/sagemaker-spark-container (src/smspark/bootstrapper.py)
    """
    for name in _ONE_THREAD:
        conf.setExecutorEnv(name, "1")
    heap = _megabytes(conf.get("spark.executor.memory"))
    overhead = _megabytes(conf.get("spark.executor.memoryOverhead"))
    if heap is not None and overhead is not None and heap > _HEAP_MB:
        conf.set("spark.executor.memory", f"{_HEAP_MB}m")
        conf.set("spark.executor.memoryOverhead", f"{heap + overhead - _HEAP_MB}m")
    return conf


def _megabytes(said: str | None) -> int | None:
    """Return an amount of memory as the container writes it, None for any other."""
    number = (said or "").removesuffix("m")
    return int(number) if number.isdecimal() and number != said else None
