from __future__ import annotations

from typing import Any

import pytest

from autodrop_local.sagemaker.api import rules
from autodrop_local.sagemaker.errors import ApiError
from tests.local.sagemaker.stage import (
    BUCKET,
    automl_request,
    model_request,
    processing_request,
    transform_request,
)

ENSEMBLING = {"Mode": "ENSEMBLING"}


def algorithms(*names: str) -> dict[str, Any]:
    return {"CandidateGenerationConfig": {"AlgorithmsConfig": [{"AutoMLAlgorithms": list(names)}]}}


def channel(**members: Any) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/train.csv"}
    return {"DataSource": {"S3DataSource": source}, **members}


def automl_refusal(**changes: Any) -> str:
    with pytest.raises(ApiError) as caught:
        rules.check_automl_job(automl_request(**changes))
    assert caught.value.code == "ValidationException"
    return caught.value.message


def test_problem_type_and_objective_come_together_or_not_at_all() -> None:
    binary = {"ProblemType": "BinaryClassification"}
    rules.check_automl_job(automl_request())
    rules.check_automl_job(automl_request(tabular=binary, AutoMLJobObjective={"MetricName": "F1"}))

    assert "both be provided" in automl_refusal(tabular=binary)
    assert "both be provided" in automl_refusal(AutoMLJobObjective={"MetricName": "F1"})


@pytest.mark.parametrize(
    ("problem_type", "metric"),
    [
        ("BinaryClassification", "MSE"),
        ("BinaryClassification", "F1macro"),
        ("MulticlassClassification", "AUC"),
        ("MulticlassClassification", "F1"),
        ("Regression", "Accuracy"),
        ("Regression", "MAPE"),
    ],
)
def test_an_objective_must_fit_the_problem_type(problem_type: str, metric: str) -> None:
    message = automl_refusal(
        tabular={"ProblemType": problem_type}, AutoMLJobObjective={"MetricName": metric}
    )

    assert f"{metric} is not supported for problem type {problem_type}" in message


def test_output_paths_are_shorter_than_elsewhere() -> None:
    path = f"s3://{BUCKET}/" + "x" * 512

    assert "S3OutputPath" in automl_refusal(OutputDataConfig={"S3OutputPath": path})


def test_algorithms_cannot_be_chosen_in_auto_mode() -> None:
    rules.check_automl_job(automl_request(tabular=ENSEMBLING | algorithms("xgboost")))

    assert "Mode is AUTO" in automl_refusal(tabular=algorithms("xgboost"))
    assert "Mode is AUTO" in automl_refusal(tabular={"Mode": "AUTO"} | algorithms("xgboost"))


def test_algorithms_must_fit_the_mode() -> None:
    tuning = {"Mode": "HYPERPARAMETER_TUNING"}
    rules.check_automl_job(automl_request(tabular=tuning | algorithms("mlp")))

    assert "['mlp']" in automl_refusal(tabular=ENSEMBLING | algorithms("mlp", "xgboost"))
    assert "['catboost']" in automl_refusal(tabular=tuning | algorithms("catboost"))


def test_validation_data_comes_from_a_fraction_or_from_a_channel() -> None:
    two = [channel(ChannelType="training"), channel(ChannelType="validation")]
    rules.check_automl_job(automl_request(AutoMLJobInputDataConfig=two))
    rules.check_automl_job(automl_request(DataSplitConfig={"ValidationFraction": 0.3}))

    fraction = {"ValidationFraction": 0.3}
    both = automl_refusal(AutoMLJobInputDataConfig=two, DataSplitConfig=fraction)
    assert "must not be set when a validation channel" in both
    assert "greater than 0" in automl_refusal(DataSplitConfig={"ValidationFraction": 0})
    assert "less than 1" in automl_refusal(DataSplitConfig={"ValidationFraction": 1})
    twice = [channel(), channel()]
    assert "one training channel" in automl_refusal(AutoMLJobInputDataConfig=twice)


def test_only_tabular_content_is_taken() -> None:
    content = [channel(ContentType="image/png")]

    assert "image/png is not supported" in automl_refusal(AutoMLJobInputDataConfig=content)


def test_gzip_goes_with_a_prefix_only() -> None:
    manifest = {"S3DataType": "ManifestFile", "S3Uri": f"s3://{BUCKET}/m"}
    gzipped = {"DataSource": {"S3DataSource": manifest}, "CompressionType": "Gzip"}

    assert "Gzip" in automl_refusal(AutoMLJobInputDataConfig=[gzipped])


def test_other_problem_types_are_refused_by_name() -> None:
    config = {"TextClassificationJobConfig": {"ContentColumn": "a", "TargetLabelColumn": "b"}}

    assert "TextClassificationJobConfig" in automl_refusal(AutoMLProblemTypeConfig=config)


def test_sample_weights_need_ensembling() -> None:
    weights = {"SampleWeightAttributeName": "w"}
    rules.check_automl_job(automl_request(tabular=ENSEMBLING | weights))

    assert "ENSEMBLING" in automl_refusal(tabular=weights)


def test_tag_keys_are_unique_whatever_their_case() -> None:
    tags = [{"Key": "App", "Value": "1"}, {"Key": "app", "Value": "2"}]

    assert "Duplicate tag keys" in automl_refusal(Tags=tags)


def model_refusal(request: dict[str, Any]) -> str:
    with pytest.raises(ApiError) as caught:
        rules.check_model(request)
    assert caught.value.code == "ValidationException"
    return caught.value.message


def test_a_model_has_containers_in_one_of_two_ways() -> None:
    request = model_request()
    rules.check_model(request)
    primary = {**request, "PrimaryContainer": request["Containers"][0]}

    assert "Exactly one" in model_refusal(primary)
    del primary["Containers"]
    rules.check_model(primary)
    del primary["PrimaryContainer"]
    assert "Exactly one" in model_refusal(primary)


def test_the_environment_of_a_container_has_a_size() -> None:
    request = model_request()
    request["Containers"][0]["Environment"] = {f"K{n}": "x" * 1000 for n in range(33)}

    assert "32 KB" in model_refusal(request)


def test_a_model_needs_a_role() -> None:
    request = model_request()
    del request["ExecutionRoleArn"]

    assert "ExecutionRoleArn" in model_refusal(request)


def transform_refusal(**changes: Any) -> str:
    with pytest.raises(ApiError) as caught:
        rules.check_transform_job(transform_request(**changes))
    assert caught.value.code == "ValidationException"
    return caught.value.message


def test_payloads_at_once_are_limited() -> None:
    rules.check_transform_job(transform_request(MaxPayloadInMB=50, MaxConcurrentTransforms=2))

    assert "100 MB" in transform_refusal(MaxPayloadInMB=51, MaxConcurrentTransforms=2)
    assert "100 MB" in transform_refusal(MaxPayloadInMB=101)
    assert "100 MB" in transform_refusal(MaxConcurrentTransforms=17)


def test_joining_needs_lines_of_one_content_type() -> None:
    join = {"JoinSource": "Input"}
    request = transform_request(DataProcessing=join)
    rules.check_transform_job(request)
    wanted, given = request["TransformOutput"], request["TransformInput"]

    json_out = {**wanted, "Accept": "application/json"}
    assert "to be the same" in transform_refusal(DataProcessing=join, TransformOutput=json_out)
    unassembled = {**wanted, "AssembleWith": "None"}
    assert "to be Line" in transform_refusal(DataProcessing=join, TransformOutput=unassembled)
    unsplit = {**given, "SplitType": "None"}
    assert "to be Line" in transform_refusal(
        DataProcessing=join, TransformInput=unsplit, TransformOutput=unassembled
    )


def test_filtering_csv_needs_lines() -> None:
    unsplit = {**transform_request()["TransformInput"], "SplitType": "None"}

    assert "to be Line" in transform_refusal(
        DataProcessing={"InputFilter": "$[1:]"}, TransformInput=unsplit
    )


@pytest.mark.parametrize("path", ["$[1:3]", "$[:3]", "$.a", "$[a]", "$[]", "1", "$[1,,2]"])
def test_filters_that_are_ambiguous_or_no_paths_are_refused(path: str) -> None:
    assert f"Filter {path}" in transform_refusal(DataProcessing={"InputFilter": path})


def test_filters_have_a_length() -> None:
    assert "63" in transform_refusal(DataProcessing={"OutputFilter": "$[" + "1," * 40 + "1]"})


def processing_refusal(**changes: Any) -> str:
    with pytest.raises(ApiError) as caught:
        rules.check_processing_job(processing_request(**changes))
    assert caught.value.code == "ValidationException"
    return caught.value.message


def test_a_processing_job_may_have_neither_inputs_nor_outputs() -> None:
    request = processing_request()
    rules.check_processing_job(request)
    del request["ProcessingInputs"], request["ProcessingOutputConfig"]

    rules.check_processing_job(request)


@pytest.mark.parametrize("end", ["source", "target"])
@pytest.mark.parametrize(
    ("path", "text"),
    [
        (None, "LocalPath must be provided"),
        ("/opt/ml/input", "must begin with /opt/ml/processing/"),
        ("/opt/ml/processing", "must begin with /opt/ml/processing/"),
        ("/opt/ml/processing/../model", "must begin with /opt/ml/processing/"),
    ],
)
def test_local_paths_are_below_one_folder(end: str, path: str | None, text: str) -> None:
    assert text in processing_refusal(**{end: {"LocalPath": path}})


def test_a_local_path_has_one_use() -> None:
    path = {"LocalPath": "/opt/ml/processing/input/job/"}

    assert "one input or output only" in processing_refusal(target=path)


def test_an_input_comes_from_one_place() -> None:
    message = processing_refusal(ProcessingInputs=[{"InputName": "a", "AppManaged": True}])

    assert message == "Exactly one of S3Input and DatasetDefinition must be provided for a."


def test_an_output_goes_to_one_place() -> None:
    def refusal(**output: Any) -> str:
        outputs = [{"OutputName": "a", **output}]
        return processing_refusal(ProcessingOutputConfig={"Outputs": outputs})

    store = {"FeatureStoreOutput": {"FeatureGroupName": "group"}}
    assert "Exactly one of S3Output and FeatureStoreOutput" in refusal()
    assert "only supported with AppManaged" in refusal(**store)
    assert "AppManaged of a is not available" in refusal(**store, AppManaged=True)


def test_inputs_are_unpacked_only_while_they_stream() -> None:
    assert "with S3InputMode Pipe" in processing_refusal(source={"S3CompressionType": "Gzip"})
    assert "S3InputMode must be provided" in processing_refusal(source={"S3InputMode": None})


@pytest.mark.parametrize(
    "changes",
    [
        {"source": {"S3InputMode": "Pipe"}},
        {"source": {"S3DataType": "ManifestFile"}},
        {"target": {"S3UploadMode": "Continuous"}},
        {"ProcessingInputs": [{"InputName": "a", "DatasetDefinition": {}}]},
    ],
)
def test_what_is_not_played_here_is_refused(changes: dict[str, Any]) -> None:
    assert "available here" in processing_refusal(**changes)


def test_the_instances_of_a_processing_job_are_given_in_one_way() -> None:
    def refusal(**cluster: Any) -> str:
        return processing_refusal(
            ProcessingResources={"ClusterConfig": {"VolumeSizeInGB": 1, **cluster}}
        )

    one = "ml.m5.xlarge"
    several = [{"InstanceType": one}]
    both = refusal(InstanceType=one, InstancePreferences=several)
    assert "must not both be provided" in both
    assert "InstanceType must be provided" in refusal(InstancePreferences=several)
    assert "read-only" in refusal(InstanceType=one, SelectedInstanceType=one)
