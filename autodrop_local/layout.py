"""Where the local AWS keeps what: every path below one home folder, and the record of its host."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

REGION = "us-east-1"
ACCOUNT_ID = "000000000000"
DEFAULT_PORT = 4566
DEFAULT_AUTOML_JOB_QUOTA = 4


def default_function_concurrency() -> int:
    """How many functions run at once: what this machine's processors can do in reasonable time."""
    return max(4, 2 * (os.cpu_count() or 1))


@dataclass(frozen=True)
class HostRecord:
    """What a host says about itself in `host.json`."""

    pid: int
    port: int
    listen: tuple[str, ...]
    unreliable_events: bool
    automl_job_quota: int
    function_concurrency: int

    @property
    def endpoint(self) -> str:
        """The address under which the host's certificate is valid."""
        return f"https://localhost:{self.port}"


@dataclass(frozen=True)
class Credentials:
    """The key of the local account's root user, made once for each home."""

    access_key: str
    secret_key: str


@dataclass(frozen=True)
class Layout:
    """The paths of one local AWS."""

    home: Path

    @property
    def logs(self) -> Path:
        """What the host and sam say."""
        return self.home / "logs"

    @property
    def host_log(self) -> Path:
        """The host's log, with what the functions print."""
        return self.logs / "host.log"

    @property
    def host_output(self) -> Path:
        """What the host prints before its log is open, or when it crashes."""
        return self.logs / "host.out"

    @property
    def decisions(self) -> Path:
        """What the roles were allowed and denied: see `autodrop_local.decisions`."""
        return self.logs / "decisions.jsonl"

    @property
    def state(self) -> Path:
        """MiniStack's state."""
        return self.home / "state"

    @property
    def objects(self) -> Path:
        """S3's objects."""
        return self.home / "s3"

    @property
    def async_events(self) -> Path:
        """Events that functions have not handled yet."""
        return self.home / "events"

    @property
    def scratch(self) -> Path:
        """Temporary files of the host and of all that it starts."""
        return self.home / "tmp"

    @property
    def code(self) -> Path:
        """Unpacked code of the functions and layers."""
        return self.home / "code"

    @property
    def lambda_runtime(self) -> Path:
        """Links to the packages that Lambda itself provides."""
        return self.home / "lambda-runtime"

    @property
    def sam(self) -> Path:
        """What sam builds and keeps."""
        return self.home / "sam"

    @property
    def certificate(self) -> Path:
        """The host's certificate."""
        return self.home / "tls" / "server.pem"

    @property
    def private_key(self) -> Path:
        """The certificate's key."""
        return self.home / "tls" / "server.key"

    @property
    def ca_bundle(self) -> Path:
        """The authority to trust when talking to the host."""
        return self.home / "tls" / "ca.pem"

    @property
    def lock(self) -> Path:
        """Locked by the host for as long as it lives."""
        return self.home / "host.lock"

    def create(self) -> None:
        """Makes the folders that a host writes to, for their owner only."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.home.chmod(0o700)
        for folder in (
            self.logs,
            self.state,
            self.objects,
            self.async_events,
            self.scratch,
            self.code,
            self.sam,
        ):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o700)

    def read_record(self) -> HostRecord | None:
        """The last host's record, or None when there is none that can be read."""
        try:
            raw = json.loads((self.home / "host.json").read_text())
            return HostRecord(**{**raw, "listen": tuple(raw["listen"])})
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write_record(self, record: HostRecord) -> None:
        """Replaces the record in one step, so that a reader never sees half of it."""
        replace_text(self.home / "host.json", json.dumps(asdict(record)))

    def read_credentials(self) -> Credentials:
        """The root user's key; raises OSError before the first host made it."""
        return Credentials(**json.loads((self.home / "credentials.json").read_text()))

    def write_credentials(self, credentials: Credentials) -> None:
        """Keeps the root user's key for later hosts of this home."""
        replace_text(self.home / "credentials.json", json.dumps(asdict(credentials)))


def replace_text(path: Path, text: str) -> None:
    """Writes a private file that is either the old or the new one for every reader."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    staged.touch(mode=0o600)
    staged.write_text(text)
    staged.replace(path)
