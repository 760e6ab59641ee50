"""Runs jobs: a process each, its messages put into the state and sent out as events."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from autodrop_local.sagemaker import automl, processing, steps, transforms
from autodrop_local.sagemaker.api.rules import model_containers
from autodrop_local.sagemaker.engine.orders import Order
from autodrop_local.sagemaker.events import step_event, transform_event
from autodrop_local.sagemaker.ports import CredentialsForRole, Emit, Place
from autodrop_local.sagemaker.state import (
    TERMINAL,
    AutoMLJob,
    Members,
    State,
    StepJob,
    TransformJob,
)
from autodrop_local.sagemaker.workers import JobProcess, WorkerSource

MAX_ATTEMPTS = 3
GRACE_SECONDS = 30.0
MIN_INSTANCES = 2
CUT_OFF = "InternalServerError: The job's process ended unexpectedly. See the job's log."
TOO_OFTEN = "InternalServerError: The job was cut off by a restart of the host too many times."

AutoMLChange = Callable[[AutoMLJob, float], AutoMLJob]
TransformChange = Callable[[TransformJob, float], TransformJob]
ProcessingChange = Callable[[StepJob, float], StepJob]

logger = logging.getLogger(__name__)


class RoleError(Exception):
    """SageMaker cannot assume the job's role any more."""


class Jobs:
    """The running jobs of one service."""

    def __init__(
        self,
        *,
        home: Path,
        state: State,
        place: Place,
        emit: Emit,
        credentials_for_role: CredentialsForRole,
        workers: WorkerSource,
    ) -> None:
        self._home = home
        self._state = state
        self._place = place
        self._emit = emit
        self._credentials_for_role = credentials_for_role
        self._workers = workers
        self._running: dict[str, JobProcess] = {}
        self._threads: set[threading.Thread] = set()
        self._instances = threading.BoundedSemaphore(max(MIN_INSTANCES, os.cpu_count() or 1))
        self._ending = False

    def start(self) -> None:
        """Warms up, and takes up the jobs that a stop of the host cut off."""
        self._ending = False
        self._workers.start()
        for automl_job in self._state.automl_jobs.all():
            self._take_up_automl(automl_job)
        for transform_job in self._state.transform_jobs.all():
            self._take_up_transform(transform_job)
        for processing_job in self._state.processing_jobs.all():
            if processing_job.request is not None:
                self._take_up_processing(processing_job)

    def stop(self) -> None:
        """Ends all processes; the jobs stay InProgress and go on at the next start."""
        self._ending = True
        self._workers.stop()
        with self._state.lock:
            running = list(self._running.values())
        for process in running:
            process.end()
        for thread in list(self._threads):
            thread.join(timeout=5)

    def run_automl(self, job: AutoMLJob) -> None:
        """Begins the work of an AutoML job that is in the state already."""
        self._in_thread(job.arn, lambda: self._automl(job))

    def run_transform(self, job: TransformJob) -> None:
        """Begins the work of a transform job that is in the state already."""
        self._in_thread(job.arn, lambda: self._transform(job))

    def run_processing(self, job: StepJob) -> None:
        """Begins the work of a processing job of the user's that is in the state already."""
        self._in_thread(job.arn, lambda: self._processing(job, job.request or {}))

    def stop_automl(self, name: str) -> None:
        """Makes a running AutoML job `Stopping`; it is `Stopped` when its process is gone."""
        stopping = self._change_automl(name, automl.stopping)
        if stopping is not None:
            self._end_process(stopping.arn)

    def stop_transform(self, name: str) -> None:
        """Makes a running transform job `Stopping`; it is `Stopped` when its process is gone."""
        stopping = self._change_transform(name, transforms.stopping)
        if stopping is not None:
            self._end_process(stopping.arn)

    def stop_processing(self, name: str) -> None:
        """Makes a running processing job `Stopping`; it is `Stopped` when its process is gone."""
        stopping = self._change_processing(name, processing.stopping)
        if stopping is not None:
            self._end_process(stopping.arn)

    def _in_thread(self, name: str, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name=name, daemon=True)
        self._threads = {alive for alive in self._threads if alive.is_alive()} | {thread}
        thread.start()

    # AutoML jobs

    def _take_up_automl(self, job: AutoMLJob) -> None:
        status = job.status if job.status in TERMINAL else "Stopped"
        self._end_open_steps(job, status)
        if job.status == "Stopping":
            self._change_automl(job.name, _stopped)
        elif job.status == "InProgress" and job.attempts >= MAX_ATTEMPTS:
            self._change_automl(job.name, _failed(TOO_OFTEN))
        elif job.status == "InProgress":
            again = automl.begun_again(job, time.time())
            self.run_automl(self._state.automl_jobs.put(again))

    def _automl(self, job: AutoMLJob) -> None:
        try:
            order = self._order("automl", job, job.request["RoleArn"])
        except RoleError as error:
            self._change_automl(job.name, _failed(str(error)))
            return
        # a job that is taken up again has its whole runtime once more
        order = replace(order, created=job.created if job.attempts == 1 else time.time())
        watchdog = self._watchdog(job, order.created)
        self._work(order, lambda message: self._automl_message(job.name, message))
        watchdog.cancel()
        if not self._ending:
            self._change_automl(job.name, _process_gone)
            gone = self._state.automl_jobs.get(job.name) or job
            self._end_open_steps(gone, gone.status)

    def _watchdog(self, job: AutoMLJob, created: float) -> threading.Timer:
        """Ends the job's process some time after the limit that the process itself keeps to."""

        def end() -> None:
            over = self._change_automl(job.name, automl.out_of_time)
            if over is not None:
                self._end_open_steps(over, "Stopped")
                self._end_process(over.arn)

        limit = automl.max_runtime(job)
        left = threading.TIMEOUT_MAX if limit is None else created + limit - time.time()
        timer = threading.Timer(min(max(left, 0.0) + GRACE_SECONDS, threading.TIMEOUT_MAX), end)
        timer.daemon = True
        timer.start()
        return timer

    def _automl_message(self, name: str, message: Members) -> None:
        if message["subject"] == "step_started":
            job = self._state.automl_jobs.get(name)
            if job is not None and job.status == "InProgress":
                self._put_step(steps.begun(job, message, self._place, time.time()))
        elif message["subject"] == "step_ended":
            step = self._state.steps(message["kind"]).get(message["name"])
            if step is not None and step.status not in TERMINAL:
                self._put_step(steps.ended(step, message["status"], time.time()))
        else:
            self._change_automl(
                name, lambda job, now: automl.after_message(job, message, now), ("InProgress",)
            )

    def _change_automl(
        self,
        name: str,
        change: AutoMLChange,
        only_in: tuple[str, ...] = ("InProgress", "Stopping"),
    ) -> AutoMLJob | None:
        """Changes a job that is in one of these states, and returns it; else nothing.

        When that fails or stops the job, its open child jobs end after it. A job that completes
        still tells of the end of its last child job.
        """
        with self._state.lock:
            job = self._state.automl_jobs.get(name)
            if job is None or job.status not in only_in:
                return None
            job = self._state.automl_jobs.put(change(job, time.time()))
        if job.status in ("Failed", "Stopped"):
            self._end_open_steps(job, job.status)
        return job

    def _end_open_steps(self, job: AutoMLJob, status: str) -> None:
        every = self._state.training_jobs.all() + self._state.processing_jobs.all()
        steps_of_job = [step for step in every if step.automl_job == job.name]
        for step in sorted(steps_of_job, key=lambda step: step.created):
            if step.status not in TERMINAL:
                self._put_step(steps.ended(step, status, time.time(), job.failure_reason))

    def _put_step(self, step: StepJob) -> None:
        self._state.steps(step.kind).put(step)
        self._emit(step_event(step, steps.described(step, self._place)))

    # transform jobs

    def _take_up_transform(self, job: TransformJob) -> None:
        if job.status == "Stopping":
            self._change_transform(job.name, _transform_stopped)
        elif job.status == "InProgress" and job.attempts >= MAX_ATTEMPTS:
            self._change_transform(job.name, _transform_failed(TOO_OFTEN))
        elif job.status == "InProgress":
            again = replace(job, attempts=job.attempts + 1, modified=time.time())
            self.run_transform(self._state.transform_jobs.put(again))

    def _transform(self, job: TransformJob) -> None:
        model = self._state.models.get(job.request["ModelName"])
        if model is None:
            reason = f'ClientError: Could not find model "{job.request["ModelName"]}".'
            self._change_transform(job.name, _transform_failed(reason))
            return
        try:
            order = self._order("transform", job, model.request["ExecutionRoleArn"])
        except RoleError as error:
            self._change_transform(job.name, _transform_failed(str(error)))
            return
        self._change_transform(job.name, transforms.started)
        order = replace(order, containers=model_containers(model.request))
        self._work(
            order,
            lambda message: self._change_transform(
                job.name, lambda found, now: transforms.after_message(found, message, now)
            ),
        )
        if not self._ending:
            self._change_transform(job.name, _transform_process_gone)

    def _change_transform(self, name: str, change: TransformChange) -> TransformJob | None:
        """Changes a job that has not ended, tells the world, and returns it; else nothing."""
        with self._state.lock:
            job = self._state.transform_jobs.get(name)
            if job is None or job.status in TERMINAL:
                return None
            job = self._state.transform_jobs.put(change(job, time.time()))
        self._emit(transform_event(job))
        return job

    # processing jobs of the user's

    def _take_up_processing(self, job: StepJob) -> None:
        if job.status == "Stopping":
            self._change_processing(job.name, _processing_stopped)
        elif job.status == "InProgress" and job.attempts >= MAX_ATTEMPTS:
            self._change_processing(job.name, _processing_failed(TOO_OFTEN))
        elif job.status == "InProgress":
            again = replace(job, attempts=job.attempts + 1, modified=time.time())
            self.run_processing(self._state.processing_jobs.put(again))

    def _processing(self, job: StepJob, request: Members) -> None:
        try:
            order = self._order("processing", job, request["RoleArn"])
        except RoleError as error:
            self._change_processing(job.name, _processing_failed(str(error)))
            return
        self._change_processing(job.name, processing.started)
        # a job that is taken up again has its whole runtime once more
        limit = threading.Timer(processing.max_runtime(job), self.stop_processing, [job.name])
        limit.daemon = True
        limit.start()
        self._work(
            order,
            lambda message: self._change_processing(
                job.name, lambda found, now: processing.after_message(found, message, now)
            ),
        )
        limit.cancel()
        if not self._ending:
            self._change_processing(job.name, _processing_process_gone)

    def _change_processing(self, name: str, change: ProcessingChange) -> StepJob | None:
        """Changes a job that has not ended, tells the world, and returns it; else nothing."""
        with self._state.lock:
            job = self._state.processing_jobs.get(name)
            if job is None or job.status in TERMINAL:
                return None
            job = self._state.processing_jobs.put(change(job, time.time()))
        self._emit(step_event(job, steps.described(job, self._place)))
        return job

    # all of them

    def _order(self, kind: str, job: AutoMLJob | TransformJob | StepJob, role: str) -> Order:
        """What to hand to a job's process.

        Raises:
            RoleError: the role cannot be assumed.
        """
        try:
            credentials = self._credentials_for_role(role)
        except Exception as error:
            logger.warning("role %s cannot be assumed: %s", role, error)
            raise RoleError(f"ClientError: Could not assume role {role}.") from error
        return Order(
            kind=kind,
            name=job.name,
            arn=job.arn,
            request=job.request or {},
            containers=[],
            created=time.time(),
            place=self._place,
            credentials=credentials,
            work=str(self._home / "work" / f"{kind}-{job.name.lower()}"),
            log=str(self._home / "logs" / f"{kind}-{job.name.lower()}.log"),
        )

    def _work(self, order: Order, receive: Callable[[Members], object]) -> None:
        """Has a process do a job, until the process has ended."""
        # An account has few instances for these jobs, too: here as many as there are processors.
        # AutoML jobs have a quota of their own.
        with contextlib.nullcontext() if order.kind == "automl" else self._instances:
            if not self._given_up(order):
                self._work_now(order, receive)

    def _work_now(self, order: Order, receive: Callable[[Members], object]) -> None:
        process = self._workers.take()
        with self._state.lock:
            self._running[order.arn] = process
        try:
            if self._given_up(order):
                process.end()
            else:
                process.give(order)
            for message in process.messages():
                receive(message)
        except BrokenPipeError:
            process.end()
        finally:
            with self._state.lock:
                self._running.pop(order.arn, None)
            shutil.rmtree(order.work, ignore_errors=True)

    def _given_up(self, order: Order) -> bool:
        """Whether the job was stopped before its process had it."""
        job: AutoMLJob | TransformJob | StepJob | None
        match order.kind:
            case "automl":
                job = self._state.automl_jobs.get(order.name)
            case "transform":
                job = self._state.transform_jobs.get(order.name)
            case _:
                job = self._state.processing_jobs.get(order.name)
        return self._ending or job is None or job.status != "InProgress"

    def _end_process(self, arn: str) -> None:
        with self._state.lock:
            process = self._running.get(arn)
        if process is not None:
            process.end()


def _stopped(job: AutoMLJob, now: float) -> AutoMLJob:
    return automl.ended(job, "Stopped", now)


def _failed(reason: str) -> AutoMLChange:
    return lambda job, now: automl.ended(job, "Failed", now, reason)


def _process_gone(job: AutoMLJob, now: float) -> AutoMLJob:
    return _stopped(job, now) if job.status == "Stopping" else _failed(CUT_OFF)(job, now)


def _transform_stopped(job: TransformJob, now: float) -> TransformJob:
    return transforms.ended(job, "Stopped", now)


def _transform_failed(reason: str) -> TransformChange:
    return lambda job, now: transforms.ended(job, "Failed", now, reason)


def _transform_process_gone(job: TransformJob, now: float) -> TransformJob:
    if job.status == "Stopping":
        return _transform_stopped(job, now)
    return _transform_failed(CUT_OFF)(job, now)


def _processing_stopped(job: StepJob, now: float) -> StepJob:
    return processing.ended(job, "Stopped", now)


def _processing_failed(reason: str) -> ProcessingChange:
    return lambda job, now: processing.ended(job, "Failed", now, reason)


def _processing_process_gone(job: StepJob, now: float) -> StepJob:
    if job.status == "Stopping":
        return _processing_stopped(job, now)
    return _processing_failed(CUT_OFF)(job, now)
