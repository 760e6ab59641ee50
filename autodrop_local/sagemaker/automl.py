"""AutoML jobs as pure functions: what a request makes, what a message changes, what is shown."""

from __future__ import annotations

from dataclasses import replace

from autodrop_local.sagemaker.engine.candidates import DEFAULT_MAX_CANDIDATES
from autodrop_local.sagemaker.objectives import better
from autodrop_local.sagemaker.state import AutoMLJob, Members

MAX_PARTIAL_REASONS = 5


def objective_value(candidate: Members) -> float:
    """The value of a candidate's objective."""
    return float(candidate["FinalAutoMLJobObjectiveMetric"]["Value"])


def best_of(candidates: tuple[Members, ...]) -> str | None:
    """The name of the best finished candidate, the earlier of equals."""
    best: Members | None = None
    for candidate in candidates:
        metric = candidate["FinalAutoMLJobObjectiveMetric"]["MetricName"]
        if best is None or better(metric, objective_value(candidate), objective_value(best)):
            best = candidate
    return best["CandidateName"] if best else None


def after_message(job: AutoMLJob, message: Members, now: float) -> AutoMLJob:
    """The job after what its process has told; messages about steps change nothing in it."""
    job = replace(job, modified=now)
    match message:
        case {"subject": "status", "secondary": secondary}:
            return replace(job, secondary=secondary) if job.status == "InProgress" else job
        case {"subject": "resolved", "problem_type": problem_type, "objective": objective}:
            return replace(job, resolved=_resolved(job, problem_type, objective))
        case {"subject": "artifacts", "artifacts": artifacts}:
            return replace(job, artifacts=artifacts)
        case {"subject": "partial", "reason": reason}:
            reasons = (*job.partial_reasons, reason)[:MAX_PARTIAL_REASONS]
            return replace(job, partial_reasons=reasons)
        case {"subject": "candidate", "candidate": candidate}:
            candidates = (*job.candidates, candidate)
            return replace(job, candidates=candidates, best=best_of(candidates))
        case {"subject": "documented", "candidate": name, "locations": locations}:
            return replace(job, candidates=_documented(job.candidates, name, locations))
        case {"subject": "finished", "secondary": secondary}:
            return replace(job, status="Completed", secondary=secondary, ended=now)
        case {"subject": "failed", "reason": reason}:
            return ended(job, "Failed", now, reason)
    return job


def stopping(job: AutoMLJob, now: float) -> AutoMLJob:
    """The job after it was asked to stop."""
    return replace(job, status="Stopping", secondary="Stopping", modified=now)


def max_runtime(job: AutoMLJob) -> int | None:
    """The seconds that the whole job may take, if there is a limit."""
    tabular = job.request["AutoMLProblemTypeConfig"]["TabularJobConfig"]
    seconds: int | None = tabular.get("CompletionCriteria", {}).get("MaxAutoMLJobRuntimeInSeconds")
    return seconds


def ended(job: AutoMLJob, status: str, now: float, reason: str | None = None) -> AutoMLJob:
    """The job ended as `Failed` or `Stopped`; finished candidates stay."""
    return replace(
        job, status=status, secondary=status, ended=now, modified=now, failure_reason=reason
    )


def out_of_time(job: AutoMLJob, now: float) -> AutoMLJob:
    """The job after its runtime is over: completed with what is finished, failed without."""
    if not job.candidates:
        return ended(job, "Failed", now, "No candidate finished within the job's runtime.")
    return replace(
        job,
        status="Completed",
        secondary="MaxAutoMLJobRuntimeReached",
        ended=now,
        modified=now,
    )


def begun_again(job: AutoMLJob, now: float) -> AutoMLJob:
    """The job as it is retrained from the start after the host was restarted."""
    return replace(
        job,
        secondary="Starting",
        modified=now,
        candidates=(),
        best=None,
        artifacts=None,
        partial_reasons=(),
        attempts=job.attempts + 1,
    )


def candidate_of(job: AutoMLJob, name: str) -> Members | None:
    """A finished candidate by its name."""
    return next((found for found in job.candidates if found["CandidateName"] == name), None)


def described(job: AutoMLJob) -> Members:
    """`DescribeAutoMLJobV2`."""
    request = job.request
    shown = {
        "AutoMLJobName": job.name,
        "AutoMLJobArn": job.arn,
        "AutoMLJobInputDataConfig": request["AutoMLJobInputDataConfig"],
        "OutputDataConfig": request["OutputDataConfig"],
        "RoleArn": request["RoleArn"],
        "AutoMLJobObjective": request.get("AutoMLJobObjective"),
        "AutoMLProblemTypeConfig": request["AutoMLProblemTypeConfig"],
        "AutoMLProblemTypeConfigName": "Tabular",
        "CreationTime": job.created,
        "EndTime": job.ended,
        "LastModifiedTime": job.modified,
        "FailureReason": job.failure_reason,
        "PartialFailureReasons": _partial_reasons(job),
        "BestCandidate": candidate_of(job, job.best) if job.best else None,
        "AutoMLJobStatus": job.status,
        "AutoMLJobSecondaryStatus": job.secondary,
        "AutoMLJobArtifacts": job.artifacts,
        "ResolvedAttributes": job.resolved,
        "DataSplitConfig": request.get("DataSplitConfig"),
        "SecurityConfig": request.get("SecurityConfig"),
        "AutoMLComputeConfig": request.get("AutoMLComputeConfig"),
    }
    return {name: value for name, value in shown.items() if value is not None}


def summary(job: AutoMLJob) -> Members:
    """The job's entry in `ListAutoMLJobs`."""
    shown = {
        "AutoMLJobName": job.name,
        "AutoMLJobArn": job.arn,
        "AutoMLJobStatus": job.status,
        "AutoMLJobSecondaryStatus": job.secondary,
        "CreationTime": job.created,
        "EndTime": job.ended,
        "LastModifiedTime": job.modified,
        "FailureReason": job.failure_reason,
        "PartialFailureReasons": _partial_reasons(job),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _partial_reasons(job: AutoMLJob) -> list[Members] | None:
    return [{"PartialFailureMessage": text[:1024]} for text in job.partial_reasons] or None


def _resolved(job: AutoMLJob, problem_type: str, objective: str) -> Members:
    tabular = job.request["AutoMLProblemTypeConfig"]["TabularJobConfig"]
    criteria = {"MaxCandidates": DEFAULT_MAX_CANDIDATES, **tabular.get("CompletionCriteria", {})}
    return {
        "AutoMLJobObjective": {"MetricName": objective},
        "CompletionCriteria": criteria,
        "AutoMLProblemTypeResolvedAttributes": {
            "TabularResolvedAttributes": {"ProblemType": problem_type}
        },
    }


def _documented(
    candidates: tuple[Members, ...], name: str, locations: Members
) -> tuple[Members, ...]:
    return tuple(
        {
            **candidate,
            "CandidateProperties": {
                **candidate["CandidateProperties"],
                "CandidateArtifactLocations": locations,
            },
        }
        if candidate["CandidateName"] == name
        else candidate
        for candidate in candidates
    )
