"""Rules between the members of a request, which the service model does not hold.

Every function returns nothing, or raises `ApiError` with AWS's `ValidationException`.
"""

from __future__ import annotations

import posixpath
from typing import Any

from autodrop_local.sagemaker.engine.filters import check_filters
from autodrop_local.sagemaker.errors import invalid
from autodrop_local.sagemaker.objectives import ALLOWED

Members = dict[str, Any]

ENSEMBLING_ALGORITHMS = [
    "catboost",
    "extra-trees",
    "fastai",
    "lightgbm",
    "linear-learner",
    "nn-torch",
    "randomforest",
    "xgboost",
]
TUNING_ALGORITHMS = ["linear-learner", "mlp", "xgboost"]
TABULAR_CONTENT_TYPES = ["text/csv;header=present", "x-application/vnd.amazon+parquet"]

MAX_OUTPUT_PATH = 512
MAX_PAYLOAD_IN_MB = 100
MAX_TRANSFORM_INSTANCES = 100
MAX_MODEL_ENVIRONMENT_BYTES = 32 * 1024
PROCESSING_FOLDER = "/opt/ml/processing/"


def check_tags(tags: list[Members]) -> None:
    """Tag keys of one resource are unique without regard to case."""
    keys = [tag["Key"].lower() for tag in tags]
    if len(set(keys)) < len(keys):
        raise invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")


def check_automl_job(request: Members) -> None:
    """The rules of `CreateAutoMLJobV2` for tabular data."""
    check_tags(request.get("Tags", []))
    tabular = request["AutoMLProblemTypeConfig"].get("TabularJobConfig")
    if tabular is None:
        kind = next(iter(request["AutoMLProblemTypeConfig"]))
        raise invalid(f"{kind} is not available here; only TabularJobConfig is.")
    if len(request["OutputDataConfig"]["S3OutputPath"]) > MAX_OUTPUT_PATH:
        raise invalid(f"S3OutputPath must have length less than or equal to {MAX_OUTPUT_PATH}.")
    if request.get("ModelDeployConfig") is not None:
        raise invalid("ModelDeployConfig is not available here: there are no endpoints.")
    _check_objective(tabular, request.get("AutoMLJobObjective"))
    _check_channels(request)
    _check_algorithms(tabular)
    if tabular.get("SampleWeightAttributeName") and tabular.get("Mode") != "ENSEMBLING":
        raise invalid("SampleWeightAttributeName is only supported in ENSEMBLING mode.")
    if tabular.get("SampleWeightAttributeName") == tabular["TargetAttributeName"]:
        raise invalid("SampleWeightAttributeName must not be the target attribute.")


def _check_objective(tabular: Members, objective: Members | None) -> None:
    problem_type = tabular.get("ProblemType")
    if (problem_type is None) != (objective is None):
        raise invalid(
            "ProblemType and AutoMLJobObjective must both be provided, or neither of them."
        )
    if problem_type is None or objective is None:
        return
    metric, allowed = objective["MetricName"], ALLOWED[problem_type]
    if metric not in allowed:
        raise invalid(
            f"Objective metric {metric} is not supported for problem type {problem_type}. "
            f"Supported metrics: {allowed}"
        )


def _check_channels(request: Members) -> None:
    channels = request["AutoMLJobInputDataConfig"]
    kinds = [channel.get("ChannelType", "training") for channel in channels]
    if sorted(kinds) not in (["training"], ["training", "validation"]):
        raise invalid(
            "AutoMLJobInputDataConfig must hold one training channel and at most one "
            "validation channel."
        )
    fraction = request.get("DataSplitConfig", {}).get("ValidationFraction")
    if fraction is not None and len(channels) > 1:
        raise invalid("ValidationFraction must not be set when a validation channel is given.")
    if fraction is not None and not 0 < fraction < 1:
        raise invalid("ValidationFraction must be greater than 0 and less than 1.")
    for channel in channels:
        _check_channel(channel)


def _check_channel(channel: Members) -> None:
    source = channel.get("DataSource", {}).get("S3DataSource")
    if source is None:
        raise invalid("DataSource must be provided for each channel.")
    if source["S3DataType"] == "AugmentedManifestFile":
        raise invalid("AugmentedManifestFile is not supported for tabular data.")
    content_type = channel.get("ContentType", TABULAR_CONTENT_TYPES[0])
    if content_type.replace(" ", "") not in TABULAR_CONTENT_TYPES:
        raise invalid(
            f"ContentType {content_type} is not supported for tabular data. "
            f"Supported content types: {TABULAR_CONTENT_TYPES}"
        )
    gzip = channel.get("CompressionType", "None") == "Gzip"
    if gzip and source["S3DataType"] != "S3Prefix":
        raise invalid("CompressionType Gzip is only supported with S3DataType S3Prefix.")


def _check_algorithms(tabular: Members) -> None:
    chosen = tabular.get("CandidateGenerationConfig", {}).get("AlgorithmsConfig")
    if not chosen:
        return
    mode = tabular.get("Mode", "AUTO")
    if mode == "AUTO":
        raise invalid("AlgorithmsConfig must not be set when Mode is AUTO.")
    allowed = ENSEMBLING_ALGORITHMS if mode == "ENSEMBLING" else TUNING_ALGORITHMS
    algorithms = chosen[0]["AutoMLAlgorithms"]
    refused = [name for name in algorithms if name not in allowed]
    if refused or not algorithms:
        raise invalid(
            f"Algorithms {refused} are not supported in {mode} mode. Supported: {allowed}"
        )


def check_model(request: Members) -> None:
    """The rules of `CreateModel`."""
    check_tags(request.get("Tags", []))
    primary, containers = request.get("PrimaryContainer"), request.get("Containers")
    if (primary is None) == (not containers):
        raise invalid("Exactly one of PrimaryContainer and Containers must be provided.")
    if request.get("ExecutionRoleArn") is None:
        raise invalid("ExecutionRoleArn must be provided for a model with containers.")
    for container in model_containers(request):
        _check_container(container)


def model_containers(request: Members) -> list[Members]:
    """The containers of a model in their order, however they were given."""
    containers: list[Members] = request.get("Containers") or [request["PrimaryContainer"]]
    return containers


def _check_container(container: Members) -> None:
    if (container.get("Image") is None) == (container.get("ModelPackageName") is None):
        raise invalid("Exactly one of Image and ModelPackageName must be provided.")
    if container.get("ModelDataUrl") and container.get("ModelDataSource"):
        raise invalid("ModelDataUrl and ModelDataSource must not both be provided.")
    environment = container.get("Environment", {})
    size = sum(len(key.encode()) + len(value.encode()) for key, value in environment.items())
    if size > MAX_MODEL_ENVIRONMENT_BYTES:
        raise invalid("The combined size of the environment variables must be at most 32 KB.")


def check_transform_job(request: Members) -> None:
    """The rules of `CreateTransformJob`."""
    check_tags(request.get("Tags", []))
    concurrent = request.get("MaxConcurrentTransforms") or 1
    payload = request.get("MaxPayloadInMB", 6)
    if payload > MAX_PAYLOAD_IN_MB or concurrent * payload > MAX_PAYLOAD_IN_MB:
        raise invalid(
            "MaxConcurrentTransforms * MaxPayloadInMB must be at most 100 MB; "
            f"it is {concurrent} * {payload}."
        )
    if request["TransformResources"]["InstanceCount"] > MAX_TRANSFORM_INSTANCES:
        raise invalid("InstanceCount must be less than or equal to 100.")
    source = request["TransformInput"]["DataSource"]["S3DataSource"]
    if source["S3DataType"] not in ("S3Prefix", "ManifestFile"):
        raise invalid(f"S3DataType {source['S3DataType']} is not supported here.")
    _check_data_processing(request)


def _check_data_processing(request: Members) -> None:
    processing = request.get("DataProcessing")
    if processing is None:
        return
    check_filters(processing.get("InputFilter", "$"), processing.get("OutputFilter", "$"))
    given, wanted = request["TransformInput"], request["TransformOutput"]
    content_type, accept = given.get("ContentType"), wanted.get("Accept")
    split, assemble = given.get("SplitType", "None"), wanted.get("AssembleWith", "None")
    if processing.get("JoinSource", "None") == "Input":
        if content_type is None or content_type != accept:
            raise invalid("JoinSource Input needs ContentType and Accept to be the same.")
        if split != assemble or split != "Line":
            raise invalid("JoinSource Input needs SplitType and AssembleWith to be Line.")
    elif content_type == accept == "text/csv" and not split == assemble == "Line":
        raise invalid("DataProcessing of text/csv needs SplitType and AssembleWith to be Line.")


def check_processing_job(request: Members) -> None:
    """The rules of `CreateProcessingJob`."""
    check_tags(request.get("Tags") or [])
    cluster = request["ProcessingResources"]["ClusterConfig"]
    if cluster.get("SelectedInstanceType") or cluster.get("SelectedInstanceCount"):
        raise invalid("SelectedInstanceType and SelectedInstanceCount are read-only.")
    if cluster.get("InstanceType") and cluster.get("InstancePreferences"):
        raise invalid("InstanceType and InstancePreferences must not both be provided.")
    if not cluster.get("InstanceType"):
        raise invalid("InstanceType must be provided; InstancePreferences is not available here.")
    inputs = request.get("ProcessingInputs") or []
    outputs = (request.get("ProcessingOutputConfig") or {}).get("Outputs", [])
    taken: set[str] = set()
    for path in [*map(_input_path, inputs), *map(_output_path, outputs)]:
        if path in taken:
            raise invalid(f"LocalPath {path} must be used by one input or output only.")
        taken.add(path)


def _input_path(given: Members) -> str:
    """The local path of a processing job's input, which is checked."""
    name, source = given["InputName"], given.get("S3Input")
    if (source is None) == (given.get("DatasetDefinition") is None):
        raise invalid(f"Exactly one of S3Input and DatasetDefinition must be provided for {name}.")
    if source is None:
        raise invalid(f"DatasetDefinition of {name} is not available here; only S3Input is.")
    mode, compression = source.get("S3InputMode"), source.get("S3CompressionType", "None")
    if compression == "Gzip" and mode != "Pipe":
        raise invalid(f"S3CompressionType Gzip of {name} is only supported with S3InputMode Pipe.")
    if given.get("AppManaged"):
        raise invalid(f"AppManaged of {name} is not available here.")
    path = _local_path(name, source.get("LocalPath"))
    if mode is None:
        raise invalid(f"S3InputMode must be provided for {name}.")
    if mode != "File" or source["S3DataType"] != "S3Prefix":
        raise invalid(f"Only S3InputMode File and S3DataType S3Prefix are available here: {name}.")
    return path


def _output_path(given: Members) -> str:
    """The local path of a processing job's output, which is checked."""
    name, target = given["OutputName"], given.get("S3Output")
    if (target is None) == (given.get("FeatureStoreOutput") is None):
        raise invalid(
            f"Exactly one of S3Output and FeatureStoreOutput must be provided for {name}."
        )
    if target is None and not given.get("AppManaged"):
        raise invalid(f"FeatureStoreOutput of {name} is only supported with AppManaged.")
    if target is None or given.get("AppManaged"):
        raise invalid(f"AppManaged of {name} is not available here.")
    path = _local_path(name, target.get("LocalPath"))
    if target["S3UploadMode"] != "EndOfJob":
        raise invalid(f"Only S3UploadMode EndOfJob is available here: {name}.")
    return path


def _local_path(name: str, given: str | None) -> str:
    if not given:
        raise invalid(f"LocalPath must be provided for {name}.")
    path = posixpath.normpath(given)
    if not path.startswith(PROCESSING_FOLDER):
        raise invalid(f"LocalPath {given} of {name} must begin with {PROCESSING_FOLDER}.")
    return path
