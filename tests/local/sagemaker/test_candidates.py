from __future__ import annotations

import pytest

from autodrop_local.sagemaker.engine import candidates
from autodrop_local.sagemaker.engine.automl_process import Limits
from autodrop_local.sagemaker.engine.failure import JobFailedError, reason_of
from autodrop_local.sagemaker.objectives import better


@pytest.mark.parametrize("wanted", [1, 2, 3, 5, 10])
def test_at_most_as_many_candidates_as_asked_for(wanted: int) -> None:
    models, ensemble = candidates.chosen(wanted, None)

    assert len(models) + ensemble == wanted
    assert ensemble == (wanted >= 3)


def test_only_chosen_algorithms_are_tried() -> None:
    models, ensemble = candidates.chosen(10, ["xgboost", "mlp"])

    assert {model.algorithm for model in models} == {"xgboost"}
    assert ensemble
    assert candidates.skipped(["xgboost", "mlp", "fastai"]) == ["mlp", "fastai"]


def test_classifiers_stop_on_log_loss() -> None:
    model = candidates.PLAN[0]

    settings = candidates.hyperparameters(model, "BinaryClassification", 60)[model.key][0]

    assert settings["ag_args_fit"] == {"stopping_metric": "log_loss", "max_time_limit": 60}
    settings = candidates.hyperparameters(model, "Regression", None)[model.key][0]
    assert settings["ag_args_fit"] == {}


def test_training_ends_early_enough_for_the_reports() -> None:
    limits = Limits.of({"MaxAutoMLJobRuntimeInSeconds": 100}, created=1000.0)

    assert limits.training_seconds(1000.0) == pytest.approx(94.0)
    assert limits.seconds(1095.0, at_most=60.0) == pytest.approx(5.0)
    assert Limits.of({}, 0.0).training_seconds(1e9) is None


def test_better_is_smaller_for_errors_only() -> None:
    assert better("MSE", 1.0, 2.0)
    assert better("R2", 2.0, 1.0)


def test_unexpected_failures_do_not_quote_data() -> None:
    assert reason_of(JobFailedError("x" * 2000)) == "x" * 1024
    assert "secret" not in reason_of(ValueError("could not convert 'secret'"))
