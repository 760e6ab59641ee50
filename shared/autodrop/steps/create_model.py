"""A completed AutoML job → the model of its best candidate, and a batch transform with it."""

from __future__ import annotations

from autodrop.errors import AlreadyExists, JobFailed, NotFound, QuotaExceeded, Rejected
from autodrop.outcome import JSON, conclude, name_taken, refused, rejection, to_json
from autodrop.ports import Services
from autodrop.report import Report
from autodrop.requests import asking_for_probabilities, model_request, transform_job_request
from autodrop.results.candidates import autopilot_record
from autodrop.run import Outcome, RunState
from autodrop.steps.run_folder import read_dataset, unusable_dataset


def create_model(services: Services, run_id: str) -> Report:
    """Record the candidates, create the best one's model and start the transform.

    So it does for a job that failed after training, with a warning in the results.

    Each of the three is there already when the event comes again, and is left as it is.
    """
    run = services.ledger.find(run_id)
    if run is None or run.state.is_end:
        return Report("Run is not waiting for a model", {"run_id": run_id})
    job = services.sagemaker.describe_automl_job(run_id)
    if job is None or job.result_status != "Completed":
        return Report("Autopilot job is not completed", {"run_id": run_id})
    best = job.best_candidate
    if best is None or not best.containers:
        return conclude(services, run, _no_candidate(job.secondary_status))
    try:
        dataset = read_dataset(services, run)
        services.ceilings.check(dataset)
    except (NotFound, JobFailed) as problem:
        return conclude(services, run, unusable_dataset(problem))
    except Rejected as problem:
        return conclude(services, run, rejection(problem))
    containers = asking_for_probabilities(best.containers)
    candidates = services.sagemaker.list_candidates(run_id)
    record = autopilot_record(job, candidates, containers)
    services.bucket.write(run.folder.autopilot, to_json(record), JSON)
    try:
        services.sagemaker.create_model(
            model_request(dataset, containers, services.execution_role_arn)
        )
    except AlreadyExists:
        model = services.sagemaker.describe_model(run_id)
        ours = [container.model_data_url for container in containers]
        if model is None or [each.model_data_url for each in model.containers] != ours:
            return conclude(services, run, name_taken("model", run_id))
    except QuotaExceeded as error:
        return _waits_for_room(services, run_id, error)
    except JobFailed as refusal:
        return conclude(services, run, refused("model", refusal))
    try:
        services.sagemaker.create_transform_job(transform_job_request(dataset, containers))
    except AlreadyExists:
        transform = services.sagemaker.describe_transform_job(run_id)
        if transform is None or transform.input_uri != dataset.test_uri:
            return conclude(services, run, name_taken("transform job", run_id))
    except QuotaExceeded as error:
        return _waits_for_room(services, run_id, error)
    except JobFailed as refusal:
        return conclude(services, run, refused("batch transform", refusal))
    services.ledger.advance(run_id, RunState.TRANSFORMING, services.now())
    return Report("Batch transform started", {"run_id": run_id, "candidate": best.name})


def _waits_for_room(services: Services, run_id: str, error: QuotaExceeded) -> Report:
    # The run stays where it is: `watch_runs` tells of the completed job again.
    services.ledger.note(run_id, waiting_for=f"SageMaker: {error}")
    return Report("Run waits for room", {"run_id": run_id})


def _no_candidate(secondary_status: str) -> Outcome:
    return Outcome(
        RunState.FAILED,
        "NO_CANDIDATE",
        f"Autopilot completed without a best candidate ({secondary_status}).",
        "Raise `autopilot.max_runtime_minutes` and drop the file again.",
    )
