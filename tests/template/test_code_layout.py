"""What may import what, what is pinned, and what happens at import."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from autodrop.steps.processing_code import SCRIPT, package_archive
from tests.functions import MODULES
from tests.template.conftest import ROOT

CORE = ROOT / "shared" / "autodrop"
HANDLERS = sorted((ROOT / "functions").glob("*/app.py"))
PINNED = [
    ROOT / "shared" / "requirements.txt",
    *sorted((ROOT / "functions").glob("*/requirements.txt")),
]
# The outside: the steps and the core see it only through ports, values and arguments.
OUTSIDE = {
    *("boto3", "botocore", "datetime.now", "logging", "os", "random", "requests", "secrets"),
    *("socket", "subprocess", "time", "urllib.request", "uuid", "aws_lambda_powertools"),
}

# What no function has but those that ship it.
LIBRARIES = ("duckdb", "numpy", "pandas", "polars", "pyarrow", "yaml", "backports.zstd")


def imports(path: Path) -> Iterator[str]:
    """Yield the full names of the modules that a file imports anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def core_modules() -> list[Path]:
    """Return the modules that touch nothing outside."""
    return [
        path
        for path in sorted(CORE.rglob("*.py"))
        if "aws" not in path.relative_to(CORE).parts and path.name != "observability.py"
    ]


@pytest.mark.parametrize("path", core_modules(), ids=lambda path: str(path.relative_to(CORE)))
def test_the_core_imports_nothing_from_outside(path: Path) -> None:
    reached = {
        name
        for name in imports(path)
        if name in OUTSIDE or name.partition(".")[0] in OUTSIDE or name.startswith("autodrop.aws")
    }

    assert reached == set()


@pytest.mark.parametrize("path", core_modules(), ids=lambda path: str(path.relative_to(CORE)))
def test_the_core_never_asks_the_clock(path: Path) -> None:
    calls = [
        node.func.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]

    assert not {"utcnow", "today"} & set(calls)
    # `services.now()` is the clock that is handed in.
    assert ".now(" not in path.read_text().replace("services.now()", "")


@pytest.mark.parametrize("path", HANDLERS, ids=lambda path: path.parent.name)
def test_a_handler_imports_only_autodrop_powertools_and_the_standard_library(path: Path) -> None:
    packages = {name.partition(".")[0] for name in imports(path)}

    assert packages <= {"autodrop", "aws_lambda_powertools"} | sys.stdlib_module_names


@pytest.mark.parametrize("path", HANDLERS, ids=lambda path: path.parent.name)
def test_a_handler_fits_on_a_screen(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 40


def test_the_script_that_is_deployed_is_the_one_to_be_read() -> None:
    assert (ROOT / "processing" / "prepare_large.py").read_bytes() == SCRIPT


def test_a_processing_job_gets_the_whole_package_and_always_the_same_bytes() -> None:
    archive = package_archive()
    package_archive.cache_clear()

    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        names = set(packed.namelist())
        assert all(packed.getinfo(name).date_time[0] == 1980 for name in names)
    assert package_archive() == archive
    assert names == {f"autodrop/{path.relative_to(CORE)}" for path in CORE.rglob("*.py")}


def test_a_packed_package_can_be_imported(tmp_path: Path) -> None:
    archive = tmp_path / "autodrop.zip"
    archive.write_bytes(package_archive())
    program = (
        f"import sys; sys.path.insert(0, {str(archive)!r})\n"
        "import autodrop.settings\n"
        "print(autodrop.settings.__file__)"
    )

    done = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=False
    )

    assert (done.stdout.strip(), done.stderr) == (f"{archive}/autodrop/settings.py", "")


def test_every_function_folder_is_tested() -> None:
    assert {path.parent.name for path in HANDLERS} == MODULES.keys()


@pytest.mark.slow
def test_importing_the_handlers_reads_no_environment() -> None:
    program = f"""
import sys, os
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "shared")!r}]
import boto3, numpy, pandas, polars, yaml
import aws_lambda_powertools.utilities.batch
from aws_lambda_powertools import Logger, Metrics

class Untouchable:
    def __getattribute__(self, name):
        raise AssertionError("the environment is read at import")
    __getitem__ = __contains__ = __iter__ = __getattribute__

os.environ = Untouchable()
os.getenv = Untouchable
for name in {list(MODULES)!r}:
    __import__(f"functions.{{name}}.app")
print("imported")
"""

    done = subprocess.run(
        [sys.executable, "-I", "-c", program], env={}, capture_output=True, text=True, check=False
    )

    assert (done.stdout.strip(), done.stderr) == ("imported", "")


@pytest.mark.parametrize("path", PINNED, ids=lambda path: path.parent.name)
def test_every_runtime_gets_one_version_of_everything_the_locked_one_where_tests_run(
    path: Path, template: dict[str, Any]
) -> None:
    locked = _locked()
    tested = SpecifierSet(
        tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    )

    for runtime in template["Parameters"]["PythonRuntime"]["AllowedValues"]:
        python = runtime.removeprefix("python")
        pins = _pins(path, python)
        assert len({pin.name for pin in pins}) == len(pins), runtime
        for pin in pins:
            (version,) = pin.specifier
            assert version.operator == "==", pin
            if python in tested:
                assert version.version == locked[pin.name], pin


def test_what_a_runtime_lacks_is_what_its_standard_library_has(template: dict[str, Any]) -> None:
    newest = template["Parameters"]["PythonRuntime"]["AllowedValues"][-1].removeprefix("python")

    for path in PINNED:
        everywhere = {Requirement(line).name for line in _requirements(path)}
        lacking = everywhere - {pin.name for pin in _pins(path, newest)}
        # `compression.zstd` came with Python 3.14.
        assert lacking == everywhere & {"backports-zstd"}


def test_only_the_two_functions_that_need_them_ship_libraries() -> None:
    assert [path.parent.name for path in PINNED] == ["shared", "prepare_dataset", "write_results"]


def test_a_function_that_ships_no_libraries_needs_none_to_start() -> None:
    shipping = {path.parent for path in PINNED}
    lean = [path.parent.name for path in HANDLERS if path.parent not in shipping]
    program = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "shared")!r}]
sys.modules |= dict.fromkeys({LIBRARIES!r})
for name in {lean!r}:
    __import__(f"functions.{{name}}.app")
print("imported")
"""

    done = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=False
    )

    assert (done.stdout.strip(), done.stderr) == ("imported", "")


def _pins(path: Path, python: str) -> list[Requirement]:
    """Return what pip installs from a file of requirements for a Python such as `3.12`."""
    pins = [Requirement(line) for line in _requirements(path)]
    return [
        pin for pin in pins if not pin.marker or pin.marker.evaluate({"python_version": python})
    ]


@cache
def _locked() -> dict[str, str | None]:
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    return {package["name"]: package.get("version") for package in packages}


def _requirements(path: Path) -> list[str]:
    lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line]
