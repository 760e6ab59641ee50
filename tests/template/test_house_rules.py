"""What every resource of this template has, beyond what CloudFormation asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from autodrop.ceilings import DEFAULT_CEILINGS, Ceilings
from autodrop.naming import RUN_ID_PREFIX
from autodrop.settings import MODES, Settings, parse_settings
from docs.policies import as_list
from tests.conftest import EVENTS
from tests.functions import MODULES

FAILURE_QUEUE = {"Fn::GetAtt": ["FailureQueue", "Arn"]}
EXECUTION_ROLE = {"Fn::GetAtt": ["SageMakerExecutionRole", "Arn"]}
# Statements that may say `Resource: "*"`, and why nothing narrower exists.
ANY_RESOURCE = {
    "ListCandidates": "sagemaker:ListCandidatesForAutoMLJob knows no resources",
    "WriteMetrics": "cloudwatch:PutMetricData knows no resources",
    "PullContainers": "ecr:GetAuthorizationToken knows no resources, and the images of Autopilot "
    "lie in accounts of AWS that differ by region",
}
# Two stacks in one account must not fight for a name.
NAMES = {
    *("BucketName", "FunctionName", "LayerName", "LogGroupName", "Name", "QueueName"),
    *("RoleName", "ScheduleName", "TableName", "TopicName"),
}

Resources = dict[str, dict[str, Any]]


def of_type(resources: Resources, kind: str) -> Resources:
    """Return the resources of one type."""
    return {name: each for name, each in resources.items() if each["Type"] == kind}


def statements(resources: Resources) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every statement of every policy, with the resource that it is in."""
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        documents = [properties.get("PolicyDocument")]
        documents += [each.get("PolicyDocument") for each in properties.get("Policies", [])]
        for document in documents:
            for statement in (document or {}).get("Statement", []):
                yield name, statement


def test_there_is_a_function_for_every_folder(resources: Resources) -> None:
    functions = of_type(resources, "AWS::Lambda::Function")

    wanted = {"".join(word.title() for word in name.split("_")) + "Function" for name in MODULES}
    assert functions.keys() == wanted


def test_every_function_leaves_what_it_cannot_handle_in_the_failure_queue(
    resources: Resources,
) -> None:
    configs = of_type(resources, "AWS::Lambda::EventInvokeConfig").values()

    assert len(configs) == len(MODULES)
    for config in configs:
        destination = config["Properties"]["DestinationConfig"]["OnFailure"]["Destination"]
        assert destination == FAILURE_QUEUE


def test_every_event_that_carries_a_run_on_is_retried_for_a_day_and_then_kept(
    resources: Resources,
) -> None:
    for name, rule in of_type(resources, "AWS::Events::Rule").items():
        if name.startswith("WatchRuns"):
            continue
        (target,) = rule["Properties"]["Targets"]
        assert target["DeadLetterConfig"] == {"Arn": FAILURE_QUEUE}, name
        assert target["RetryPolicy"] == {
            "MaximumRetryAttempts": 185,
            "MaximumEventAgeInSeconds": 86400,
        }, name


def test_every_function_logs_json_to_a_group_with_an_end(resources: Resources) -> None:
    for name, function in of_type(resources, "AWS::Lambda::Function").items():
        logging = function["Properties"]["LoggingConfig"]
        group = resources[logging["LogGroup"]["Ref"]]

        assert logging["LogFormat"] == "JSON", name
        assert group["Type"] == "AWS::Logs::LogGroup"
        assert group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_lambda_traces_every_function_itself(resources: Resources) -> None:
    for function in of_type(resources, "AWS::Lambda::Function").values():
        assert function["Properties"]["TracingConfig"] == {"Mode": "Active"}


def test_no_two_functions_share_a_log_group(resources: Resources) -> None:
    functions = of_type(resources, "AWS::Lambda::Function").values()
    groups = [each["Properties"]["LoggingConfig"]["LogGroup"]["Ref"] for each in functions]

    assert len(groups) == len(set(groups))


def test_nothing_is_allowed_by_a_wildcard_action(resources: Resources) -> None:
    for name, statement in statements(resources):
        if statement["Effect"] == "Allow":
            for action in as_list(statement["Action"]):
                assert re.fullmatch(r"[a-z0-9]+:[A-Za-z0-9]+", action), f"{name}: {action}"


def test_any_resource_is_only_allowed_where_there_is_a_reason(resources: Resources) -> None:
    unlimited = {
        statement.get("Sid")
        for _, statement in statements(resources)
        if statement["Effect"] == "Allow" and "*" in as_list(statement["Resource"])
    }

    assert unlimited == ANY_RESOURCE.keys()


def test_only_the_execution_role_is_handed_on_and_only_to_sagemaker(resources: Resources) -> None:
    passing = [
        statement
        for _, statement in statements(resources)
        if "iam:PassRole" in as_list(statement["Action"])
    ]

    assert passing
    for statement in passing:
        assert statement["Action"] == "iam:PassRole"
        assert statement["Resource"] == EXECUTION_ROLE
        assert statement["Condition"] == {
            "StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}
        }


def test_every_statement_of_ours_says_what_it_is_for(template: dict[str, Any]) -> None:
    found = list(_written_statements(template["Resources"]))

    assert len(found) > 40
    for statement in found:
        assert re.fullmatch(r"([A-Z][a-z]*)+", statement.get("Sid", "")), statement


def test_no_policy_has_two_statements_of_one_name(resources: Resources) -> None:
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        for policy in [properties, *properties.get("Policies", [])]:
            written = policy.get("PolicyDocument", {}).get("Statement", [])
            sids = [each["Sid"] for each in written if "Sid" in each]
            assert len(sids) == len(set(sids)), name


def test_functions_touch_only_sagemaker_things_of_ours(resources: Resources) -> None:
    for name, statement in statements(resources):
        actions = as_list(statement["Action"])
        if name.endswith("FunctionRole") and any(a.startswith("sagemaker:") for a in actions):
            for resource in as_list(statement["Resource"]):
                is_ours = resource != "*" and resource["Fn::Sub"].endswith(f"/{RUN_ID_PREFIX}*")
                assert is_ours or statement["Sid"] in ANY_RESOURCE, statement["Sid"]


def test_sagemaker_makes_and_deletes_only_models_and_endpoints_that_autopilot_names(
    resources: Resources,
) -> None:
    changing = [
        resource["Fn::Sub"].rpartition(":")[2]
        for name, statement in statements(resources)
        if name == "SageMakerExecutionPolicy"
        and any(
            re.match("sagemaker:(Create|Delete|Invoke|AddTags)", action)
            for action in as_list(statement["Action"])
        )
        for resource in as_list(statement["Resource"])
    ]

    assert sorted(changing) == [
        f"endpoint-config/{RUN_ID_PREFIX}*",
        "endpoint-config/sm-clarify-*",
        f"endpoint/{RUN_ID_PREFIX}*",
        "endpoint/sm-clarify-*",
        f"model/{RUN_ID_PREFIX}*",
    ]


def test_the_bucket_is_private_encrypted_versioned_and_tells_eventbridge(
    resources: Resources,
) -> None:
    ((name, bucket),) = of_type(resources, "AWS::S3::Bucket").items()
    properties = bucket["Properties"]

    encryption = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption == [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    eventbridge = properties["NotificationConfiguration"]["EventBridgeConfiguration"]
    assert eventbridge == {"EventBridgeEnabled": True}
    assert any(
        "AbortIncompleteMultipartUpload" in rule
        for rule in properties["LifecycleConfiguration"]["Rules"]
    )
    assert _tls_only_resources(resources, "AWS::S3::BucketPolicy") == [
        {"Fn::GetAtt": [name, "Arn"]},
        {"Fn::Sub": f"${{{name}.Arn}}/*"},
    ]


def test_queues_are_encrypted_and_take_tls_only(resources: Resources) -> None:
    queues = of_type(resources, "AWS::SQS::Queue")

    assert all(queue["Properties"]["SqsManagedSseEnabled"] for queue in queues.values())
    assert _tls_only_resources(resources, "AWS::SQS::QueuePolicy") == [
        {"Fn::GetAtt": [name, "Arn"]} for name in queues
    ]


def test_the_failure_queue_waits_six_times_as_long_as_its_function_may_run(
    resources: Resources,
) -> None:
    timeout = resources["RecordFailureFunction"]["Properties"]["Timeout"]

    assert resources["FailureQueue"]["Properties"]["VisibilityTimeout"] >= 6 * timeout


def test_data_outlives_the_stack(resources: Resources) -> None:
    for kind in ("AWS::S3::Bucket", "AWS::DynamoDB::Table"):
        for resource in of_type(resources, kind).values():
            # A first deployment that fails leaves nothing behind; a stack that is deleted does.
            assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
            assert resource["UpdateReplacePolicy"] == "Retain"


def test_no_resource_has_a_name_of_its_own(resources: Resources) -> None:
    for name, resource in resources.items():
        for property_name in NAMES & resource.get("Properties", {}).keys():
            # SAM gives the layer's versions a name, and refers to the functions by theirs.
            is_reference = isinstance(resource["Properties"][property_name], dict)
            is_layer = resource["Type"] == "AWS::Lambda::LayerVersion"
            assert is_reference or is_layer, f"{name}: {property_name}"


def test_every_parameter_and_output_is_described_in_full_sentences(
    template: dict[str, Any],
) -> None:
    for section in ("Parameters", "Outputs"):
        for name, each in template[section].items():
            description = each["Description"]
            assert description.endswith("."), name
            assert description[0].isupper(), name
            assert len(description.split()) >= 4, name


def test_every_parameter_has_a_default_and_a_place_in_the_console(
    template: dict[str, Any],
) -> None:
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]

    assert all("Default" in each for each in template["Parameters"].values())
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(
        template["Parameters"]
    )


def test_every_parameter_is_used(template: dict[str, Any]) -> None:
    used = json.dumps({**template, "Parameters": {}, "Metadata": {}})

    for name in template["Parameters"]:
        assert f'{{"Ref": "{name}"}}' in used or f"${{{name}}}" in used, name


def test_modes_are_those_that_settings_know(template: dict[str, Any]) -> None:
    assert template["Parameters"]["AutopilotMode"]["AllowedValues"] == list(MODES)


def test_default_settings_of_the_template_are_the_defaults_of_the_settings(
    template: dict[str, Any],
) -> None:
    assert parse_settings(_by_default(template, "DEFAULT_SETTINGS")) == Settings()


def test_default_ceilings_of_the_template_are_those_that_the_code_knows(
    template: dict[str, Any],
) -> None:
    assert Ceilings.from_json(_by_default(template, "CEILINGS")) == DEFAULT_CEILINGS


def _by_default(template: dict[str, Any], variable: str) -> Any:
    """Return what a variable of the functions holds where no parameter is set."""
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    written = variables[variable]["Fn::Sub"]
    for name, parameter in template["Parameters"].items():
        written = written.replace(f"${{{name}}}", str(parameter["Default"]))
    return json.loads(written)


def test_env_json_has_every_variable_of_every_function(template: dict[str, Any]) -> None:
    env = json.loads((EVENTS / "env.json").read_text())
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    functions = of_type(template["Resources"], "AWS::Serverless::Function")

    assert env.keys() == functions.keys()
    for function in env.values():
        assert function.keys() == variables.keys()
        assert all(isinstance(value, str) for value in function.values())


@pytest.mark.parametrize("alarm", ["FailureAlarm", "UnrecordedFailureAlarm"])
def test_alarms_reach_people(alarm: str, resources: Resources) -> None:
    assert resources[alarm]["Properties"]["AlarmActions"] == [{"Ref": "OutcomeTopic"}]


def _tls_only_resources(resources: Resources, kind: str) -> list[Any]:
    """Return what the one policy of this kind denies to everybody without TLS."""
    (policy,) = of_type(resources, kind).values()
    (tls_only,) = (
        statement
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
    )
    assert tls_only["Principal"] == "*"
    assert tls_only["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    return as_list(tls_only["Resource"])


def _written_statements(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "Effect" in value and "Action" in value:
            yield value
        for each in value.values():
            yield from _written_statements(each)
    elif isinstance(value, list):
        for each in value:
            yield from _written_statements(each)
