"""Runs jobs: a process each, its messages put into the state and sent out as events."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from autodrop_local.sagemaker import automl, steps, transforms
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
from autodrop_local.sagemaker.workers import Worker, Workers

MAX_ATTEMPTS = 3
GRACE_SECONDS = 30.0
ENDED_EARLY = "InternalServerError: The job's process ended unexpectedly. See the job's log."
TOO_OFTEN = "InternalServerError: The job was cut off by a restart of the host too many times."

logger = logging.getLogger(__name__)


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
    ) -> None:
        self._home = home
        self._state = state
        self._place = place
        self._emit = emit
        self._credentials_for_role = credentials_for_role
        self._workers = Workers(home)
        self._running: dict[str, Worker] = {}
        self._threads: set[threading.Thread] = set()
        self._ending = False

    def start(self) -> None:
        """Warms up, and takes up the jobs that a stop of the host cut off."""
        self._ending = False
        self._workers.start()
        for automl_job in self._state.automl_jobs.all():
            self._take_up_automl(automl_job)
        for transform_job in self._state.transform_jobs.all():
            self._take_up_transform(transform_job)

    def stop(self) -> None:
        """Ends all processes; the jobs stay InProgress and go on at the next start."""
        self._ending = True
        self._workers.stop()
        with self._state.lock:
            running = list(self._running.values())
        for worker in running:
            worker.end()
        for thread in list(self._threads):
            thread.join(timeout=5)

    def run_automl(self, job: AutoMLJob) -> None:
        """Begins the work of an AutoML job that is in the state already."""
        self._in_thread(job.arn, lambda: self._automl(job))

    def run_transform(self, job: TransformJob) -> None:
        """Begins the work of a transform job that is in the state already."""
        self._in_thread(job.arn, lambda: self._transform(job))

    def stop_automl(self, job: AutoMLJob) -> None:
        """Ends an AutoML job: `Stopping` now, `Stopped` when its process is gone."""
        now = time.time()
        with self._state.lock:
            self._state.automl_jobs.put(
                replace(job, status="Stopping", secondary="Stopping", modified=now)
            )
        self._end_process(job.arn)

    def stop_transform(self, job: TransformJob) -> None:
        """Ends a transform job: `Stopping` now, `Stopped` when its process is gone."""
        with self._state.lock:
            stopping = replace(job, status="Stopping", modified=time.time())
            self._state.transform_jobs.put(stopping)
        self._emit(transform_event(stopping))
        self._end_process(job.arn)

    def _in_thread(self, name: str, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name=name, daemon=True)
        self._threads = {alive for alive in self._threads if alive.is_alive()} | {thread}
        thread.start()

    def _end_process(self, arn: str) -> None:
        with self._state.lock:
            worker = self._running.get(arn)
        if worker is not None:
            worker.end()

    # AutoML jobs

    def _take_up_automl(self, job: AutoMLJob) -> None:
        for step in self._steps_of(job):
            if step.status not in TERMINAL and job.status in TERMINAL:
                self._put_step(steps.ended(step, job.status, time.time()))
        if job.status == "Stopping":
            self._end_automl(job.name, lambda found, now: automl.ended(found, "Stopped", now))
        elif job.status == "InProgress" and job.attempts >= MAX_ATTEMPTS:
            self._end_automl(
                job.name, lambda found, now: automl.ended(found, "Failed", now, TOO_OFTEN)
            )
        elif job.status == "InProgress":
            again = automl.begun_again(job, time.time())
            self.run_automl(self._state.automl_jobs.put(again))

    def _automl(self, job: AutoMLJob) -> None:
        order = self._order("automl", job.name, job.arn, job.request, job.request["RoleArn"])
        if isinstance(order, str):
            reason = order
            self._end_automl(
                job.name, lambda found, now: automl.ended(found, "Failed", now, reason)
            )
            return
        criteria = job.request["AutoMLProblemTypeConfig"]["TabularJobConfig"].get(
            "CompletionCriteria", {}
        )
        # a job that is taken up again has its whole runtime once more
        order = replace(order, created=job.created if job.attempts == 1 else time.time())
        runtime = criteria.get("MaxAutoMLJobRuntimeInSeconds")
        watchdog = self._watchdog(job, order.created, runtime) if runtime else None
        self._work(order, lambda message: self._automl_message(job.name, message))
        if watchdog is not None:
            watchdog.cancel()
        if self._ending:
            return
        self._end_automl(job.name, _cut_off)

    def _watchdog(self, job: AutoMLJob, created: float, runtime: int) -> threading.Timer:
        """Ends the job's process some time after the limit that the process itself keeps to."""
        timer = threading.Timer(
            max(created + runtime + GRACE_SECONDS - time.time(), 0.0),
            lambda: self._end_automl(job.name, automl.out_of_time, and_process=job.arn),
        )
        timer.daemon = True
        timer.start()
        return timer

    def _automl_message(self, name: str, message: Members) -> None:
        now = time.time()
        with self._state.lock:
            job = self._state.automl_jobs.get(name)
            if job is None:
                return
            if message["subject"] == "step_started":
                changed = steps.begun(job, message, self._place, now)
            elif message["subject"] == "step_ended":
                step = self._state.steps(message["kind"]).get(message["name"])
                if step is None or step.status in TERMINAL:
                    return
                changed = steps.ended(step, message["status"], now)
            elif job.status == "InProgress" and message["subject"] != "failed":
                self._state.automl_jobs.put(automl.after_message(job, message, now))
                return
            elif job.status == "InProgress":
                self._end_automl(name, lambda found, at: automl.after_message(found, message, at))
                return
            else:
                return
        self._put_step(changed)

    def _end_automl(
        self,
        name: str,
        end: Callable[[AutoMLJob, float], AutoMLJob],
        and_process: str | None = None,
    ) -> None:
        """Ends a job that has not ended, and after that its open child jobs, the last one last."""
        now = time.time()
        with self._state.lock:
            job = self._state.automl_jobs.get(name)
            if job is None or job.status in TERMINAL:
                return
            job = self._state.automl_jobs.put(end(job, now))
        for step in sorted(self._steps_of(job), key=lambda step: step.created):
            if step.status not in TERMINAL:
                status = "Stopped" if job.status == "Completed" else job.status
                self._put_step(steps.ended(step, status, now, job.failure_reason))
        if and_process is not None:
            self._end_process(and_process)

    def _steps_of(self, job: AutoMLJob) -> list[StepJob]:
        every = self._state.training_jobs.all() + self._state.processing_jobs.all()
        return [step for step in every if step.automl_job == job.name]

    def _put_step(self, step: StepJob) -> None:
        self._state.steps(step.kind).put(step)
        self._emit(step_event(step, steps.described(step, self._place)))

    # transform jobs

    def _take_up_transform(self, job: TransformJob) -> None:
        if job.status == "Stopping":
            self._end_transform(
                job.name, lambda found, now: transforms.ended(found, "Stopped", now)
            )
        elif job.status == "InProgress" and job.attempts >= MAX_ATTEMPTS:
            self._end_transform(
                job.name, lambda found, now: transforms.ended(found, "Failed", now, TOO_OFTEN)
            )
        elif job.status == "InProgress":
            again = replace(job, attempts=job.attempts + 1, modified=time.time())
            self.run_transform(self._state.transform_jobs.put(again))

    def _transform(self, job: TransformJob) -> None:
        model = self._state.models.get(job.request["ModelName"])
        if model is None:
            self._end_transform(
                job.name,
                lambda found, now: transforms.ended(
                    found, "Failed", now, f'Could not find model "{job.request["ModelName"]}".'
                ),
            )
            return
        order = self._order(
            "transform", job.name, job.arn, job.request, model.request["ExecutionRoleArn"]
        )
        if isinstance(order, str):
            reason = order
            self._end_transform(
                job.name, lambda found, now: transforms.ended(found, "Failed", now, reason)
            )
            return
        with self._state.lock:
            current = self._state.transform_jobs.get(job.name) or job
            if current.status == "InProgress":
                started = replace(current, started=time.time())
                self._emit(transform_event(self._state.transform_jobs.put(started)))
        order = replace(order, containers=model_containers(model.request))
        self._work(order, lambda message: self._transform_message(job.name, message))
        if self._ending:
            return
        self._end_transform(
            job.name,
            lambda found, now: (
                transforms.ended(found, "Stopped", now)
                if found.status == "Stopping"
                else transforms.ended(found, "Failed", now, ENDED_EARLY)
            ),
        )

    def _transform_message(self, name: str, message: Members) -> None:
        job = self._state.transform_jobs.get(name)
        if job is not None and job.status == "InProgress":
            self._end_transform(
                name, lambda found, now: transforms.after_message(found, message, now)
            )

    def _end_transform(self, name: str, end: Callable[[TransformJob, float], TransformJob]) -> None:
        with self._state.lock:
            job = self._state.transform_jobs.get(name)
            if job is None or job.status in TERMINAL:
                return
            job = self._state.transform_jobs.put(end(job, time.time()))
        self._emit(transform_event(job))

    # both

    def _order(self, kind: str, name: str, arn: str, request: Members, role: str) -> Order | str:
        """What to hand to a process, or why there is nothing to hand over."""
        try:
            credentials = self._credentials_for_role(role)
        except Exception as error:  # noqa: BLE001 - the host's own exceptions, whatever they are
            logger.info("role %s cannot be assumed: %s", role, error)
            return f"ClientError: Could not assume role {role}."
        return Order(
            kind=kind,
            name=name,
            arn=arn,
            request=request,
            containers=[],
            created=time.time(),
            place=self._place,
            credentials=credentials,
            work=str(self._home / "work" / f"{kind}-{name.lower()}"),
            log=str(self._home / "logs" / f"{kind}-{name.lower()}.log"),
        )

    def _work(self, order: Order, receive: Callable[[Members], None]) -> None:
        """Has a process do a job, until the process has ended."""
        worker = self._workers.take()
        with self._state.lock:
            self._running[order.arn] = worker
        try:
            if not self._given_up(order):
                worker.give(order)
            else:
                worker.end()
            for message in worker.messages():
                receive(message)
        except BrokenPipeError:
            worker.end()
        finally:
            with self._state.lock:
                self._running.pop(order.arn, None)

    def _given_up(self, order: Order) -> bool:
        """Whether the job was stopped before its process had it."""
        jobs = self._state.automl_jobs if order.kind == "automl" else self._state.transform_jobs
        job = jobs.get(order.name)
        return self._ending or job is None or job.status != "InProgress"


def _cut_off(job: AutoMLJob, now: float) -> AutoMLJob:
    """How a job ends whose process is gone: stopped if that was asked for, else failed."""
    if job.status == "Stopping":
        return automl.ended(job, "Stopped", now)
    return automl.ended(job, "Failed", now, ENDED_EARLY)
