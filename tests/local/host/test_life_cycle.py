"""Starting, finding, restarting and stopping a host."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from autodrop_local import local_aws
from autodrop_local.local_aws import LocalAws, LocalAwsError
from tests.local.host.conftest import Stack, eventually

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home whose host the tests of this module may end."""
    home = tmp_path_factory.mktemp("own") / "home"
    yield home
    local_aws.stop(home)


def keep_something(aws: LocalAws) -> None:
    s3, dynamodb, queues = aws.client("s3"), aws.client("dynamodb"), aws.client("sqs")
    s3.create_bucket(Bucket="kept")
    s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    for body in (b"old", b"new"):
        s3.put_object(Bucket="kept", Key="a b/é+.csv", Body=body, Metadata={"autodrop-target": "y"})
    dynamodb.create_table(
        TableName="kept",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    dynamodb.put_item(TableName="kept", Item={"id": {"S": "1"}})
    queue = queues.create_queue(QueueName="kept")["QueueUrl"]
    queues.send_message(QueueUrl=queue, MessageBody="hello")
    aws.client("events").put_rule(Name="kept", EventPattern=json.dumps({"source": ["autodrop"]}))


def what_was_kept(aws: LocalAws) -> dict[str, object]:
    s3, queues = aws.client("s3"), aws.client("sqs")
    versions = s3.list_object_versions(Bucket="kept")["Versions"]
    queue = queues.get_queue_url(QueueName="kept")["QueueUrl"]
    found = s3.get_object(Bucket="kept", Key="a b/é+.csv")
    depth = queues.get_queue_attributes(
        QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return {
        "versions": [
            s3.get_object(Bucket="kept", Key=v["Key"], VersionId=v["VersionId"])["Body"].read()
            for v in versions
        ],
        "latest": found["Body"].read(),
        "metadata": found["Metadata"],
        "items": aws.client("dynamodb").scan(TableName="kept")["Items"],
        "queue depth": depth["Attributes"]["ApproximateNumberOfMessages"],
        "rules": [rule["Name"] for rule in aws.client("events").list_rules()["Rules"]],
    }


EVERYTHING = {
    "versions": [b"new", b"old"],
    "latest": b"new",
    "metadata": {"autodrop-target": "y"},
    "items": [{"id": {"S": "1"}}],
    "queue depth": "1",
    "rules": ["kept"],
}


def test_host_is_found_stopped_and_restarted_with_what_it_kept(own_home: Path) -> None:
    assert local_aws.find_running(own_home) is None
    first = local_aws.start(own_home, port=0)
    begun = psutil.Process(first.pid).create_time()
    keep_something(first)
    assert local_aws.find_running(own_home) == first
    assert local_aws.start(own_home, port=0) == first

    assert local_aws.stop(own_home)
    assert not local_aws.stop(own_home)
    assert local_aws.find_running(own_home) is None
    second = local_aws.start(own_home, port=0)

    # Its number may be the same: processes get them anew.
    assert psutil.Process(second.pid).create_time() > begun
    assert second.endpoint == first.endpoint
    assert what_was_kept(second) == EVERYTHING


def test_killed_host_comes_back_with_what_it_kept(own_home: Path) -> None:
    aws = local_aws.start(own_home, port=0)
    aws.client("sns").create_topic(Name="made-just-before")
    state = own_home / "state" / "sns.json"
    eventually(lambda: state.exists() and "made-just-before" in state.read_text())

    os.kill(aws.pid, signal.SIGKILL)
    eventually(lambda: local_aws.find_running(own_home) is None)
    again = local_aws.start(own_home, port=0)

    assert what_was_kept(again) == EVERYTHING
    assert len(again.client("sns").list_topics()["Topics"]) == 1


def test_host_keeps_no_file_of_whoever_starts_it(own_home: Path) -> None:
    """A lock that the caller runs under would be held for as long as the host lives."""
    local_aws.stop(own_home)
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)

    local_aws.start(own_home, port=0)
    os.close(writing)

    os.set_blocking(reading, False)
    assert os.read(reading, 1) == b""
    os.close(reading)


def test_start_refuses_other_settings_while_running(own_home: Path) -> None:
    local_aws.start(own_home, port=0)

    with pytest.raises(LocalAwsError, match="sends reliable events"):
        local_aws.start(own_home, unreliable_events=True)


def test_function_processes_are_in_the_group_that_stop_ends(aws: LocalAws, stack: Stack) -> None:
    def process_groups() -> set[str]:
        lines = subprocess.run(
            ["ps", "-A", "-ww", "-o", "pgid=,command="], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        return {line.split()[0] for line in lines if f"{aws.home}/tmp/ministack-lambda" in line}

    assert eventually(process_groups) == {str(aws.pid)}


def test_port_in_use_is_refused_with_the_reason(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(LocalAwsError, match=f"Cannot use port {port} of 127.0.0.1"):
            local_aws.start(tmp_path / "home", port=port)


def test_second_host_for_a_home_is_refused(aws: LocalAws) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "autodrop_local.host", "--home", str(aws.home), "--port", "0"],
        capture_output=True,
        text=True,
        cwd=Path(local_aws.__file__).parent.parent,
    )

    assert second.returncode == 1
    assert second.stderr == f"A local AWS is already running in {aws.home}.\n"
    assert local_aws.find_running(aws.home) == aws


def test_host_does_not_listen_on_all_addresses(tmp_path: Path) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "autodrop_local.host", f"--home={tmp_path}", "--listen=0.0.0.0"],
        capture_output=True,
        text=True,
        cwd=Path(local_aws.__file__).parent.parent,
    )

    assert refused.returncode == 2
    assert "name the address itself" in refused.stderr


def test_home_is_private(aws: LocalAws) -> None:
    assert stat.S_IMODE(aws.home.stat().st_mode) == 0o700
    assert stat.S_IMODE((aws.home / "credentials.json").stat().st_mode) == 0o600


def test_plain_http_is_not_answered(aws: LocalAws) -> None:
    port = int(aws.endpoint.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"GET /_ministack/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert not connection.recv(100).startswith(b"HTTP/")
