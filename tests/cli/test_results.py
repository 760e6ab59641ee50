"""`autodrop results`."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from autodrop.results.words import interval, metric_name
from autodrop.run import RunState
from autodrop_cli.downloading import place_inside
from autodrop_cli.plots import place
from autodrop_cli.problems import Problem
from autodrop_cli.results_view import render_failure, render_summary
from autodrop_cli.terminal import open_console
from tests.cli.stage import Stage, summary_of
from tests.report import examples


def test_the_summary_of_a_completed_run_is_printed(stage: Stage) -> None:
    run = stage.new_run(RunState.TRAINING)
    stage.complete(run)

    result = stage.run_command("results", run.run_id, "--all")

    assert result.exit_code == 0
    for said in (
        "COMPLETED: ROC AUC 0.953 on 8,238 held-out rows",
        "y (binary, positive class yes)",
        "41,188: 32,950 to train, 8,238 held out (random, seed 200)",
        "F1 0.6234",
        "1 min 23 s (prepare 4.2 s, training 1 min 05 s)",
        "CatBoost",
        "ROC AUC",
        "0.9531",
        "not available",
        "TARGET_MISSING: 3 rows have no target.",
        f"s3://data-bucket/runs/iris/{run.run_id}/results/report.html",
        "s3://data-bucket/candidates.ipynb",
    ):
        assert said in result.stdout
    matrix = [line.split() for line in result.stdout.splitlines() if "310" in line]
    assert matrix == [["no", "7,000", "310"]]


def test_json_is_the_summary_as_it_is(stage: Stage) -> None:
    run = stage.new_run(RunState.TRAINING)
    stage.complete(run)

    result = stage.run_command("results", run.run_id, "--json")

    assert json.loads(result.stdout) == summary_of(run)


def test_a_summary_of_version_2_is_printed_with_its_plots(stage: Stage) -> None:
    run = stage.new_run(RunState.TRAINING)
    summary = examples.binary()
    auc = summary["held_out"]["metrics"]["roc_auc"]
    stage.complete(run, summary)

    result = stage.run_command("results", run.run_id, "--all")

    assert result.exit_code == 0
    for said in (
        *(answer["text"] for answer in summary["verdict"].values()),
        str(interval(auc)),
        "Mistakes worth looking at",
        "SHAP values from Autopilot's explainability report",
        "within noise",
        "autogluon",
        "KNOWN_TOO_LATE: 'duration' may be known only after the answer is. Leave it out",
        summary["files"]["index"],
    ):
        assert said in result.stdout
    of_auc = next(line for line in printed(summary).splitlines() if line.startswith(" ROC AUC "))
    assert of_auc.count("●") == of_auc.count("│") == 1
    found = next(line for line in result.stdout.splitlines() if "by rows looked at" in line)
    assert "▁▂▄▄▅" in found
    assert found.rstrip().endswith("█  0 % to 100 %")


@pytest.mark.parametrize(
    ("example", "said"),
    [
        (partial(examples.multiclass, 3), "Confusion matrix"),
        (partial(examples.multiclass, 30), "The largest confusions"),
        (examples.regression, "rows, by error"),
        (examples.hopeless, "No better than the baseline"),
    ],
)
def test_every_kind_of_problem_is_printed(
    stage: Stage, example: Callable[[], dict[str, Any]], said: str
) -> None:
    run = stage.new_run(RunState.TRAINING)
    stage.complete(run, example())

    result = stage.run_command("results", run.run_id, "--all")

    assert result.exit_code == 0
    assert said in result.stdout
    assert "None" not in result.stdout


def test_the_three_answers_are_the_last_lines_and_tables_only_come_when_asked_for(
    stage: Stage,
) -> None:
    run = stage.new_run(RunState.TRAINING)
    summary = examples.binary()
    stage.complete(run, summary)

    result = stage.run_command("results", run.run_id)

    lines = result.stdout.splitlines()
    for line, answer in zip(lines[-3:], summary["verdict"].values(), strict=True):
        assert line.endswith(answer["text"])
    assert f"autodrop results {summary['run_id']} --all" in result.stdout
    assert "Mistakes worth looking at" not in result.stdout
    assert len(lines) <= 24


def test_a_file_gets_no_line_that_is_wider_than_its_names(stage: Stage) -> None:
    run = stage.new_run(RunState.TRAINING)
    stage.complete(run, examples.regression())

    result = stage.run_command("results", run.run_id, "--all")

    of_tables = [line for line in result.stdout.splitlines() if line.startswith(" ")]
    assert max(map(len, of_tables)) <= 120
    assert "1,155,585" in result.stdout


def test_candidates_that_are_all_of_one_algorithm_are_not_told_so_one_by_one() -> None:
    summary = copy.deepcopy(examples.binary())
    for candidate in summary["candidates"]:
        candidate["algorithm"] = "autogluon"

    assert "autogluon" not in printed(summary)
    assert "xgboost" in printed(examples.binary())


def printed(summary: dict[str, Any], width: int = 140) -> str:
    """Return what is printed of a summary."""
    file = io.StringIO()
    console = Console(file=file, width=width, markup=False)
    for block in render_summary(summary, with_tables=True):
        console.print(block)
    return file.getvalue()


def test_a_best_candidate_without_an_objective_is_said_to_have_none() -> None:
    summary = copy.deepcopy(examples.binary())
    for holder in (summary, summary["best_candidate"]):
        holder["objective"] = None

    line = next(each for each in printed(summary).splitlines() if "objective " in each)

    assert "not available" in line
    assert "validation" not in line


def test_a_narrow_terminal_has_the_numbers_without_the_pictures() -> None:
    text = printed(examples.binary(), width=90)

    assert str(interval(examples.binary()["held_out"]["metrics"]["roc_auc"])) in text
    assert "●" not in text


@pytest.mark.parametrize("example", [examples.binary, partial(examples.multiclass, 3)])
def test_80_columns_break_no_name_of_a_metric(example: Callable[[], dict[str, Any]]) -> None:
    summary = example()
    text = printed(summary, width=80)

    words = set(text.split())
    for name in summary["held_out"]["metrics"]:
        assert set(metric_name(name).split()) <= words
    assert all(len(line) <= 80 for line in text.splitlines() if line.startswith(" "))


def test_the_command_writes_numbers_as_the_pages_do() -> None:
    summary = copy.deepcopy(examples.regression())
    summary["headline"] = "rmse 3.679e-06 on 300 held-out rows"
    summary["held_out"]["metrics"]["rmse"] |= {"value": 3.679e-06, "baseline": 0.5}
    summary["candidates"][0]["training_seconds"] = 0.41

    text = printed(summary)

    assert "COMPLETED: RMSE 3.679\u00a0\u00d7\u00a010⁻⁶ on 300 held-out rows" in text
    assert " 0.5 " in text
    assert "0.5000" not in text
    assert "0.41 s" in text


def test_notes_come_after_warnings_and_are_called_so() -> None:
    summary = copy.deepcopy(examples.binary())
    summary["warnings"][0]["level"] = "note"

    text = printed(summary)

    assert text.index("Warning KNOWN_TOO_LATE") < text.index("Note DUPLICATE_ROWS")


@pytest.mark.parametrize(
    ("split", "said"),
    [
        ({"file": "june test.csv"}, "(test file june test.csv)"),
        ({"file": None}, "(random, seed 200)"),
        ({"file": None, "method": "file"}, "(test file)"),
    ],
)
def test_a_test_file_of_the_user_is_named(split: dict[str, Any], said: str) -> None:
    summary = copy.deepcopy(examples.binary())
    summary["split"] |= split

    assert said in printed(summary)


def test_columns_that_the_model_does_not_use_have_no_bars() -> None:
    summary = copy.deepcopy(examples.binary())
    for each in summary["importance"]["features"]:
        each["value"] = 0.0

    text = printed(summary)

    assert "The importance of every column is 0" in text
    assert "What drives the model" not in text


def test_a_summary_of_a_later_version_asks_for_a_later_autodrop(stage: Stage) -> None:
    run = stage.new_run(RunState.TRAINING)
    stage.complete(run, summary_of(run, schema_version=3))

    result = stage.run_command("results", run.run_id)

    assert result.exit_code == 1
    assert "schema version 3; this autodrop reads versions 1 and 2." in result.stderr


@pytest.fixture(autouse=True)
def _cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def test_open_shows_a_copy_of_the_report_at_one_place(stage: Stage) -> None:
    run = stage.new_run(RunState.TRAINING)
    stage.complete(run)
    stage.write(run.folder.result("report.html"), b"<p>")

    stage.run_command("results", run.run_id, "--open")
    result = stage.run_command("results", run.run_id, "--open")

    assert result.exit_code == 0
    [address] = set(stage.pages)
    report = Path(url2pathname(urlsplit(address).path))
    assert report.read_bytes() == b"<p>"
    assert f"The report is {report}" in result.stdout


def test_open_shows_the_report_among_the_downloaded_files(stage: Stage, tmp_path: Path) -> None:
    run = stage.new_run(RunState.TRAINING)
    stage.complete(run)
    stage.write(run.folder.result("report.html"), b"<p>")

    result = stage.run_command("results", run.run_id, "--open", "--to", tmp_path, "--json")

    assert stage.pages == [(tmp_path / "report.html").as_uri()]
    assert json.loads(result.stdout) == summary_of(run)


def test_without_a_browser_open_says_where_the_report_is(stage: Stage, tmp_path: Path) -> None:
    run = stage.new_run(RunState.TRAINING)
    stage.complete(run)
    stage.write(run.folder.result("report.html"), b"<p>")
    stage.has_browser = False

    result = stage.run_command("results", run.run_id, "--open", "--to", tmp_path)

    assert result.exit_code == 0
    assert "There is no browser here." in result.stdout
    assert f"The report is {tmp_path / 'report.html'}" in result.stdout


@pytest.mark.parametrize("with_folder", [True, False])
def test_a_report_that_is_not_there_cannot_be_opened(
    stage: Stage, tmp_path: Path, with_folder: bool
) -> None:
    run = stage.new_run(RunState.TRAINING)
    stage.complete(run)
    to = ("--to", tmp_path) if with_folder else ()

    result = stage.run_command("results", run.run_id, "--open", *to)

    assert result.exit_code == 1
    assert "The run has no report" in result.stderr
    assert stage.pages == []


def test_a_rejected_run_has_no_report_to_open(stage: Stage) -> None:
    run = stage.new_run()
    stage.reject(run)

    result = stage.run_command("results", run.run_id, "--open")

    assert result.exit_code == 3
    assert "There is no report to open" in result.stdout
    assert stage.pages == []


def test_to_brings_the_files_of_the_results(stage: Stage, tmp_path: Path) -> None:
    run = stage.new_run(RunState.TRAINING)
    stage.complete(run)
    stage.write(run.folder.result("report.html"), b"<p>")
    stage.write(run.folder.result("plots/roc.svg"), b"<svg>")
    stage.write(run.folder.train, b"not a result")

    result = stage.run_command("results", run.run_id, "--to", tmp_path / "new" / "folder")

    assert result.exit_code == 0
    found = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(path.relative_to(tmp_path / "new" / "folder").as_posix() for path in found) == [
        "plots/roc.svg",
        "report.html",
        "summary.json",
    ]


@pytest.mark.parametrize(
    "name", ["../evil.html", "a/../../evil", "/evil", "a//b", "C:evil", "a\\b"]
)
def test_a_key_that_leads_elsewhere_is_refused_and_nothing_is_written(
    stage: Stage, tmp_path: Path, name: str
) -> None:
    run = stage.new_run(RunState.TRAINING)
    stage.complete(run)
    stage.write(run.folder.result(name), b"evil")

    result = stage.run_command("results", run.run_id, "--to", tmp_path / "folder")

    assert result.exit_code == 1
    assert "unsafe name" in result.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_link_in_the_folder_is_not_followed_out_of_it(stage: Stage, tmp_path: Path) -> None:
    run = stage.new_run(RunState.TRAINING)
    stage.complete(run)
    stage.write(run.folder.result("plots/roc.svg"), b"<svg>")
    (tmp_path / "outside").mkdir()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "plots").symlink_to(tmp_path / "outside")

    result = stage.run_command("results", run.run_id, "--to", tmp_path / "folder")

    assert result.exit_code == 1
    assert list((tmp_path / "outside").iterdir()) == []


@given(st.text(alphabet="ab./\\:\x00", max_size=12))
def test_every_place_is_inside_the_folder_or_refused(key: str) -> None:
    folder = Path("/somewhere/folder")

    try:
        place = place_inside(folder, key)
    except Problem:
        return
    assert place.resolve().is_relative_to(folder)
    assert place != folder


def test_a_folder_that_cannot_be_made_is_said_in_a_sentence(stage: Stage, tmp_path: Path) -> None:
    run = stage.new_run(RunState.TRAINING)
    stage.complete(run)
    (tmp_path / "taken").write_bytes(b"")

    result = stage.run_command("results", run.run_id, "--to", tmp_path / "taken")

    assert result.exit_code == 1
    assert "taken" in result.stderr


def test_a_rejected_run_says_why_and_brings_its_failure_file(stage: Stage, tmp_path: Path) -> None:
    run = stage.new_run()
    stage.reject(run)

    result = stage.run_command("results", run.run_id, "--to", tmp_path)

    assert result.exit_code == 3
    assert "REJECTED: RAGGED_ROW" in result.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["failure.json"]


def test_a_run_at_work_has_no_results_yet(stage: Stage) -> None:
    run = stage.new_run(RunState.TRAINING)

    result = stage.run_command("results", run.run_id)

    assert result.exit_code == 1
    assert "is not finished, it is TRAINING" in result.stderr


def test_an_unknown_run_exits_2(stage: Stage) -> None:
    result = stage.run_command("results", "ad-iris-0123456789ab")

    assert result.exit_code == 2
    assert "There is no run ad-iris-0123456789ab" in result.stderr


def test_a_summary_that_somebody_removed_is_said_to_be_gone(stage: Stage) -> None:
    run = stage.new_run(RunState.TRAINING)
    stage.complete(run)
    stage.connection.bucket.delete_all_versions(run.folder.prefix)

    result = stage.run_command("results", run.run_id)

    assert result.exit_code == 1
    assert "summary.json is not there" in result.stderr


def test_names_in_a_summary_are_only_text(stage: Stage) -> None:
    run = stage.new_run(RunState.TRAINING)
    evil = "[red]\x1b[31m\u202ecol\nnext[/]"
    stage.complete(
        run,
        summary_of(
            run,
            target=evil,
            headline=evil,
            positive_class=evil,
            held_out={
                "rows": 1,
                "metrics": {evil: 0.5},
                "confusion_matrix": {"labels": [evil, "b"], "counts": [[1, 2], [3, 4]]},
            },
            candidates=[{"rank": 1, "name": evil, "objective_metric": evil}],
            warnings=[{"code": evil, "message": evil}],
            files={"folder": evil},
        ),
    )

    result = stage.run_command("results", run.run_id)

    assert result.exit_code == 0
    assert "[red][31mcol next[/]" in result.stdout
    assert all(each.isprintable() or each == "\n" for each in result.stdout)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
summary_names = [
    "candidates",
    "held_out",
    "split",
    "best_candidate",
    "timings",
    "warnings",
    "files",
    "verdict",
    "importance",
    "mistakes",
    "comparison",
]
inner_names = ["metrics", "confusion_matrix", "rows", "objective", "labels", "counts", "name"]
inner_names += ["curves", "roc", "false_positive_rate", "features", "value", "low", "quality"]
inner_names += ["calibration", "residuals", "edges", "largest_confusions", "previous", "roc_auc"]
inner = st.dictionaries(st.sampled_from(inner_names), anything)


@pytest.mark.slow
@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(summary_names), anything | inner | st.lists(inner)))
def test_whatever_a_summary_holds_can_be_shown(summary: dict[str, Any]) -> None:
    console = Console(file=None, quiet=True, markup=False, width=100)

    for block in [
        *render_summary(summary, with_tables=True),
        *render_failure(RunState.FAILED, summary),
    ]:
        console.print(block)


def paths_in(value: Any, *before: str | int) -> Iterator[tuple[str | int, ...]]:
    """Yield where something stands in a JSON value, in its lists only at the first places."""
    if before:
        yield before
    if isinstance(value, dict):
        for key, each in value.items():
            yield from paths_in(each, *before, key)
    elif isinstance(value, list):
        for i, each in enumerate(value[:2]):
            yield from paths_in(each, *before, i)


@pytest.mark.slow
@settings(max_examples=100)
@given(st.deferred(lambda: st.sampled_from(list(paths_in(examples.binary())))), anything)
def test_whatever_stands_in_the_place_of_something_the_rest_is_shown(
    path: tuple[str | int, ...], junk: Any
) -> None:
    summary = copy.deepcopy(examples.binary())
    inside: Any = summary
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = junk
    console = Console(file=None, quiet=True, markup=False, width=140)

    for block in render_summary(summary, with_tables=True):
        console.print(block)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=4, max_size=4))
def test_a_number_has_its_place_however_far_the_others_are(numbers: list[float]) -> None:
    value, low, high, baseline = numbers

    assert len(place(value, low, high, baseline, 40)) == 40
    assert place(value, low, high, baseline, 40).count("●") == 1


def test_a_console_takes_markup_literally(capsys: pytest.CaptureFixture[str]) -> None:
    open_console().print("[red]:smile:[/red]")

    assert capsys.readouterr().out == "[red]:smile:[/red]\n"
