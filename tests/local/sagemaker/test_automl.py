from __future__ import annotations

from dataclasses import replace
from typing import Any

from autodrop_local.sagemaker import automl
from autodrop_local.sagemaker.api import shapes
from autodrop_local.sagemaker.state import AutoMLJob
from tests.local.sagemaker.stage import automl_request, candidate

JOB = AutoMLJob(
    "job",
    "arn:aws:sagemaker:us-east-1:111122223333:automl-job/job",
    automl_request(),
    created=100.0,
    modified=100.0,
)


def after(*messages: dict[str, Any], job: AutoMLJob = JOB) -> AutoMLJob:
    for message in messages:
        job = automl.after_message(job, message, now=200.0)
    return job


def found(name: str, value: float, metric: str = "AUC") -> dict[str, Any]:
    return {"subject": "candidate", "candidate": candidate(name, value, metric)}


def test_the_secondary_status_follows_the_process() -> None:
    job = after({"subject": "status", "secondary": "AnalyzingData"})

    assert (job.status, job.secondary, job.modified) == ("InProgress", "AnalyzingData", 200.0)


def test_the_best_candidate_is_the_best_so_far() -> None:
    job = after(found("a", 0.8), found("b", 0.9), found("c", 0.9))

    assert job.best == "b"
    assert automl.described(job)["BestCandidate"]["CandidateName"] == "b"


def test_errors_are_better_when_they_are_smaller() -> None:
    assert after(found("a", 3.0, "MSE"), found("b", 2.0, "MSE")).best == "b"


def test_a_finished_job_is_completed_with_the_status_its_process_gives() -> None:
    job = after(found("a", 0.8), {"subject": "finished", "secondary": "MaxCandidatesReached"})

    assert (job.status, job.secondary, job.ended) == ("Completed", "MaxCandidatesReached", 200.0)


def test_a_failed_job_says_why_and_keeps_its_candidates() -> None:
    job = after(found("a", 0.8), {"subject": "failed", "reason": "because"})
    described = automl.described(job)

    assert described["AutoMLJobStatus"] == described["AutoMLJobSecondaryStatus"] == "Failed"
    assert described["FailureReason"] == "because"
    assert described["BestCandidate"]["CandidateName"] == "a"


def test_a_stopping_job_takes_no_other_status() -> None:
    job = after(
        {"subject": "status", "secondary": "TrainingModels"}, job=automl.stopping(JOB, 150.0)
    )

    assert (job.status, job.secondary) == ("Stopping", "Stopping")


def test_at_most_five_partial_reasons_are_kept() -> None:
    job = after(*({"subject": "partial", "reason": str(n)} for n in range(7)))

    assert job.partial_reasons == ("0", "1", "2", "3", "4")


def test_a_job_out_of_time_completes_with_what_it_has() -> None:
    with_one = automl.out_of_time(after(found("a", 0.8)), 300.0)
    without = automl.out_of_time(JOB, 300.0)

    assert (with_one.status, with_one.secondary) == ("Completed", "MaxAutoMLJobRuntimeReached")
    assert (without.status, without.secondary) == ("Failed", "Failed")


def test_only_the_best_candidate_is_documented() -> None:
    locations = {"Explainability": "s3://b/e", "ModelInsights": "s3://b/m"}
    job = after(
        found("a", 0.8),
        found("b", 0.9),
        {"subject": "documented", "candidate": "b", "locations": locations},
    )

    documented = [
        c["CandidateProperties"].get("CandidateArtifactLocations") for c in job.candidates
    ]
    assert documented == [None, locations]


def test_what_is_described_fits_the_model_in_every_state() -> None:
    resolved = {"subject": "resolved", "problem_type": "Regression", "objective": "MSE"}
    artifacts = {
        "subject": "artifacts",
        "artifacts": {
            "CandidateDefinitionNotebookLocation": "s3://b/c.ipynb",
            "DataExplorationNotebookLocation": "s3://b/d.ipynb",
        },
    }
    running = after(
        resolved, artifacts, found("a", 1.0, "MSE"), {"subject": "partial", "reason": "x"}
    )

    for job in [
        JOB,
        running,
        automl.stopping(running, 300.0),
        automl.ended(running, "Stopped", 300.0),
        automl.ended(running, "Failed", 300.0, "y"),
        after({"subject": "finished", "secondary": "Completed"}, job=running),
    ]:
        assert not shapes.response_problems("DescribeAutoMLJobV2", automl.described(job))
        summaries = {"AutoMLJobSummaries": [automl.summary(job)]}
        assert not shapes.response_problems("ListAutoMLJobs", summaries)


def test_resolved_attributes_fill_in_what_was_not_given() -> None:
    job = after({"subject": "resolved", "problem_type": "Regression", "objective": "MSE"})

    assert automl.described(job)["ResolvedAttributes"] == {
        "AutoMLJobObjective": {"MetricName": "MSE"},
        "CompletionCriteria": {"MaxCandidates": 10},
        "AutoMLProblemTypeResolvedAttributes": {
            "TabularResolvedAttributes": {"ProblemType": "Regression"}
        },
    }


def test_a_job_begun_again_has_no_candidates_and_counts_its_attempts() -> None:
    job = automl.begun_again(after(found("a", 0.8)), 300.0)

    assert (job.candidates, job.best, job.attempts) == ((), None, 2)
    assert replace(job, attempts=1, modified=100.0) == JOB
