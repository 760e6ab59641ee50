"""What the host is made of, without a host: certificate, unpacked code, settings, environment."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from cryptography import x509

from autodrop_local import local_aws
from autodrop_local.certificate import ensure_certificate
from autodrop_local.host import CannotStartError, _environment, _listen
from autodrop_local.layout import Credentials, HostRecord, Layout
from autodrop_local.local_aws import DeployError, LocalAws, LocalAwsError
from autodrop_local.unpacked import forget_unused, unpack_once


def some_aws(home: Path, endpoint: str = "https://localhost:1") -> LocalAws:
    return LocalAws(home, endpoint, home / "ca.pem", "us-east-1", Credentials("AK", "SK"), 1)


# Certificate ----------------------------------------------------------------------------------


def names(layout: Layout) -> set[str]:
    certificate = x509.load_pem_x509_certificate(layout.certificate.read_bytes())
    covered = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in covered}


def test_certificate_is_kept_while_it_covers_the_names(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    ensure_certificate(layout, ["localhost", "127.0.0.1"])
    first = layout.certificate.read_bytes()

    ensure_certificate(layout, ["localhost"])

    assert layout.certificate.read_bytes() == first
    assert names(layout) == {"localhost", "127.0.0.1"}


def test_certificate_is_made_anew_for_another_address(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    ensure_certificate(layout, ["localhost"])
    first_authority = layout.ca_bundle.read_bytes()

    ensure_certificate(layout, ["localhost", "172.17.0.1"])

    assert names(layout) == {"localhost", "172.17.0.1"}
    assert layout.ca_bundle.read_bytes() != first_authority


def test_certificate_satisfies_the_strictest_check(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    ensure_certificate(layout, ["localhost"])
    client = ssl.create_default_context(cafile=str(layout.ca_bundle))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(layout.certificate, layout.private_key)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(to_client, to_server, server_hostname="localhost"),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]

    for _ in range(4):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue

    assert sides[0].getpeercert()


# Unpacked code --------------------------------------------------------------------------------


def archive(path: Path, content: str) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("app.py", content)
    return path


def test_same_archive_is_unpacked_once(tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    first = unpack_once(archive(tmp_path / "a.zip", "x"), store)
    (first / "compiled").touch()

    again = unpack_once(archive(tmp_path / "b.zip", "x"), store)
    other = unpack_once(archive(tmp_path / "c.zip", "y"), store)

    assert again == first
    assert (again / "compiled").exists()
    assert (other / "app.py").read_text() == "y"


def test_old_and_half_done_folders_are_forgotten(tmp_path: Path) -> None:
    for name in (".unpacking-x", "old", "new"):
        (tmp_path / name).mkdir()
    os.utime(tmp_path / "old", (0, 0))

    forget_unused(tmp_path)

    assert [folder.name for folder in tmp_path.iterdir()] == ["new"]


# The host's surroundings ----------------------------------------------------------------------


def test_host_and_functions_see_nothing_of_the_users_own_aws(tmp_path: Path) -> None:
    inherited = {
        "AWS_PROFILE": "production",
        "AWS_SESSION_TOKEN": "secret",
        "HTTPS_PROXY": "http://proxy",
        "POWERTOOLS_DEV": "1",
        "HOME": "/home/me",
        "PATH": "/bin",
    }

    environment = _environment(Layout(tmp_path), 4566, inherited)

    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "HTTPS_PROXY", "POWERTOOLS_DEV"} & set(
        environment
    )
    assert environment["PATH"] == "/bin"
    assert environment["AWS_ENDPOINT_URL"] == "https://localhost:4566"
    assert environment["AUTH"] == "true"
    assert environment["DOCKER_HOST"] == f"unix://{tmp_path}/no-docker.sock"


def test_key_of_the_account_is_made_once(tmp_path: Path) -> None:
    first = _environment(Layout(tmp_path), 1, {})
    second = _environment(Layout(tmp_path), 2, {})

    assert first["AWS_SECRET_ACCESS_KEY"] == second["AWS_SECRET_ACCESS_KEY"]


def test_unreadable_record_is_no_record(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert layout.read_record() is None
    record = HostRecord(1, 2, ("172.17.0.1",), True, 3, 4)
    layout.write_record(record)
    assert layout.read_record() == record

    for broken in ("", "[]", '{"pid": 1}'):
        (tmp_path / "host.json").write_text(broken)
        assert layout.read_record() is None


# Talking to it --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "endpoint", ["https://localhost:1", "https://127.0.0.9:1", "https://[::1]:1"]
)
def test_loopback_endpoint_is_fine(tmp_path: Path, endpoint: str) -> None:
    assert some_aws(tmp_path, endpoint).endpoint == endpoint


@pytest.mark.parametrize(
    "endpoint",
    ["https://sagemaker.us-east-1.amazonaws.com", "https://10.0.0.1:4566", "https://localhost.com"],
)
def test_other_endpoint_is_refused(tmp_path: Path, endpoint: str) -> None:
    with pytest.raises(LocalAwsError, match="not on this machine"):
        some_aws(tmp_path, endpoint)


def test_environment_leads_aws_tools_here_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.example.com")
    monkeypatch.setenv("PATH", "/bin")

    environment = some_aws(tmp_path).environment()

    assert "AWS_PROFILE" not in environment
    assert "AWS_ENDPOINT_URL_S3" not in environment
    assert environment["PATH"] == "/bin"
    assert environment["AWS_ENDPOINT_URL"] == "https://localhost:1"
    assert environment["AWS_CONFIG_FILE"] == os.devnull
    assert environment["AWS_EC2_METADATA_DISABLED"] == "true"
    assert environment["SAM_CLI_TELEMETRY"] == "0"


def test_client_ignores_the_users_profile_and_proxies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "does-not-exist")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.example.com")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com")

    client = some_aws(tmp_path).client("s3")

    assert client.meta.endpoint_url == "https://localhost:1"
    assert client.meta.region_name == "us-east-1"
    assert client.meta.config.proxies == {}


def test_nothing_runs_in_a_home_that_does_not_exist(tmp_path: Path) -> None:
    assert local_aws.find_running(tmp_path / "none") is None
    assert not local_aws.stop(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_record_of_a_dead_host_counts_for_nothing(tmp_path: Path) -> None:
    Layout(tmp_path).write_record(HostRecord(os.getpid(), 1, (), False, 4, 4))

    assert local_aws.find_running(tmp_path) is None
    assert not local_aws.stop(tmp_path)


# Deploying ------------------------------------------------------------------------------------


def test_parameters_are_added_to_those_of_samconfig() -> None:
    settings = {"deploy": {"parameters": {"parameter_overrides": ["A=1", "B=from the file"]}}}

    options = local_aws._parameter_overrides(settings, "deploy", {"B": 'say "x y"', "C": ""})

    assert options == ["--parameter-overrides", 'A="1"', 'B="say \\"x y\\""', 'C=""']


def test_global_settings_and_text_hold_too() -> None:
    settings = {"global": {"parameters": {"parameter_overrides": "A=1 'B=2 3'"}}}

    options = local_aws._parameter_overrides(settings, "build", {})

    assert options == ["--parameter-overrides", 'A="1"', 'B="2 3"']


def test_sam_understands_the_quoted_parameters() -> None:
    options = local_aws._parameter_overrides({}, "build", {"A": 'say "x y", é\\.', "B": ""})
    script = (
        "import sys, json; from samcli.cli.types import CfnParameterOverridesType as T;"
        "print(json.dumps(T().convert(tuple(sys.argv[1:]), None, None)))"
    )

    parsed = subprocess.run(
        [sys.executable, "-c", script, *options[1:]], capture_output=True, text=True, check=True
    ).stdout

    assert parsed == '{"A": "say \\"x y\\", \\u00e9\\\\.", "B": ""}\n'


def test_project_without_a_local_stack_is_refused(tmp_path: Path) -> None:
    (tmp_path / "samconfig.toml").write_text("version = 0.1\n")

    with pytest.raises(DeployError, match="no stack_name for the environment `local`"):
        local_aws.deploy(some_aws(tmp_path), tmp_path, report=print)


@pytest.mark.slow
def test_failed_build_says_what_sam_said(tmp_path: Path) -> None:
    Layout(tmp_path).create()
    (tmp_path / "samconfig.toml").write_text(
        'version = 0.1\n[local.global.parameters]\nstack_name = "x"\n'
    )
    (tmp_path / "template.yaml").write_text("Resources: [\n")

    with pytest.raises(DeployError, match=r"(?s)sam build failed:.*template.*sam-build\.log"):
        local_aws.deploy(some_aws(tmp_path), tmp_path, report=lambda _: None)


def test_a_port_that_another_home_takes_in_between_is_left_to_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]

        listening = _listen([taken, 0], [])

        assert listening[0].getsockname()[1] not in (0, taken)
        for each in listening:
            each.close()
        with pytest.raises(CannotStartError, match=f"Cannot use port {taken} of 127.0.0.1"):
            _listen([taken], [])


def test_a_home_asks_for_its_last_port_then_the_usual_one_then_any(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.create()
    assert local_aws._usual_ports(layout) == [4566, 0]

    layout.write_record(HostRecord(1, 4711, (), False, 4, 4))

    assert local_aws._usual_ports(layout) == [4711, 4566, 0]
