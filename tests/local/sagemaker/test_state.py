from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from autodrop_local.sagemaker.state import AutoMLJob, Collection, State


def job(name: str = "Job-1") -> AutoMLJob:
    return AutoMLJob(name, f"arn:{name}", {"RoleArn": "r"}, 1.0, 1.0, candidates=({"a": 1},))


def test_records_are_there_again_after_a_restart(tmp_path: Path) -> None:
    State(tmp_path).automl_jobs.put(job())

    assert State(tmp_path).automl_jobs.all() == [job()]


def test_names_are_the_same_whatever_their_case(tmp_path: Path) -> None:
    jobs = Collection(tmp_path, AutoMLJob)
    jobs.put(job("Job-1"))

    assert jobs.get("jOB-1") == job("Job-1")
    jobs.put(replace(job("Job-1"), status="Failed"))
    assert len(jobs.all()) == 1
    jobs.remove("JOB-1")
    assert Collection(tmp_path, AutoMLJob).all() == []


def test_a_half_written_record_is_not_read(tmp_path: Path) -> None:
    jobs = Collection(tmp_path, AutoMLJob)
    jobs.put(job())
    (tmp_path / "job-2.123.partial").write_text('{"name": "jo')

    assert Collection(tmp_path, AutoMLJob).all() == [job()]


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    Collection(tmp_path, AutoMLJob).remove("never")
