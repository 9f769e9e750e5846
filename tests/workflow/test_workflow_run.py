"""`dmtbench run`: what it reads while Snakemake works, and that elsewhere it only passes on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.paths import REPOSITORY

from pipeline.compute import visible_gpus
from pipeline.errors import ConfigError
from pipeline.progress_bars import training_bar
from pipeline.training.progress import State, read_state
from pipeline.workflow import run as watch
from pipeline.workflow.experiment import Workflow
from pipeline.workflow.first_result import FirstResult
from pipeline.workflow.run import run_workflow
from pipeline.workflow.stop import StopSignals

STATE = State("dmtnet-b", 8, 80, 0.25, None, 12.5)


WRONG = [
    json.dumps({**STATE._asdict(), **change}).encode()
    for change in (
        *({"samples": "8"}, {"samples": -1}, {"samples": 10**30}, {"total": 0.5}, {"loss": "x"}),
        # Rich would take this for markup.
        *({"name": "[/]"}, {"name": "a\nb"}, {"name": ["a"]}, {"rate": None}, {"psnr": {}}),
    )
]


def write(path: Path, state: State) -> None:
    path.write_text(json.dumps(state._asdict()))


def test_states_are_read_back(tmp_path: Path) -> None:
    write(tmp_path / "file", STATE)
    assert read_state(tmp_path / "file") == STATE


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b'{"name": "x"}', b"\xff", *WRONG])
def test_states_that_cannot_be_read_are_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    assert read_state(tmp_path / "file") is None
    assert read_state(tmp_path / "gone") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (0, None)),
        ("Building DAG of jobs...\nUsing shell: /usr/bin/bash\n", (0, None)),
        ("3 of 47 steps (6%) done\n", (3, 47)),
        ("3 of 47 steps (6%) done\nFinished job 5.\n11 of 47 steps (23%) done\n", (11, 47)),
        ("47 of 47 steps (100%) done\nComplete log: somewhere\n", (47, 47)),
    ],
)
def test_steps_of_the_workflow(tmp_path: Path, text: str, expected: tuple[int, int | None]) -> None:
    (tmp_path / "log").write_text(text)
    assert watch._steps(tmp_path / "log") == expected


def test_bars_come_and_go_with_their_files(tmp_path: Path) -> None:
    bar, known = training_bar(shown=False), dict[str, int]()
    one, two = (tmp_path / f"{name}.progress.json" for name in ("one", "two"))
    watch._update(bar, known, tmp_path)
    assert not bar.tasks
    write(one, STATE)
    write(two, STATE._replace(name="dmtnet-t", psnr=20.5))
    watch._update(bar, known, tmp_path)
    assert [(task.description, task.completed) for task in bar.tasks] == [
        ("dmtnet-b", 8),
        ("dmtnet-t", 8),
    ]
    assert bar.tasks[1].fields["psnr"] == "20.50"
    one.unlink()
    write(two, STATE._replace(name="dmtnet-t", samples=80))
    watch._update(bar, known, tmp_path)
    assert [(task.description, task.completed, task.total) for task in bar.tasks] == [
        ("dmtnet-t", 80, 80)
    ]
    # Half written: as if it were not there.
    two.write_text("{")
    watch._update(bar, known, tmp_path)
    assert not bar.tasks
    assert not known


def test_a_workflow_that_ends_at_once_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        workflow = Workflow(REPOSITORY / "config" / "demo.yaml")
        watch._show(process, StopSignals(), tmp_path, FirstResult(workflow))


def test_an_unusable_experiment_is_an_error_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch.subprocess, "Popen", lambda *_, **__: pytest.fail("started"))
    with pytest.raises(ConfigError, match="cannot be read"):
        run_workflow([], tmp_path / "gone.yaml", "1")


def test_another_folder_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="has no Snakefile; run the command in the project's"):
        run_workflow([], REPOSITORY / "config" / "demo.yaml", "1")
    assert not any(tmp_path.iterdir())


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the workflow needs of this repository, in a folder of its own."""
    folder = tmp_path / "copy"
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("pipeline", "dmtnet", "baselines", "config"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=ignore)
    shutil.copytree(REPOSITORY / "reports" / "published", folder / "reports" / "published")
    for name in ("Snakefile", "environment.yml"):
        shutil.copy(REPOSITORY / name, folder / name)
    shutil.copy(REPOSITORY / "tests" / "e2e" / "tiny.yaml", folder / "tiny.yaml")
    monkeypatch.chdir(folder)
    return folder


def test_elsewhere_messages_are_passed_through(
    copy: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = sorted(path.name for path in copy.iterdir())
    # The option stands where targets do: a plan is enough, the jobs have tests of their own.
    status = run_workflow(["--dry-run", "reports/table1.csv"], Path("tiny.yaml"), "1")
    out, err = capfd.readouterr()
    assert status == 0, err
    assert "reports/table1.csv" in out + err
    methods = yaml.safe_load((copy / "config" / "methods.yaml").read_text())["methods"]
    left_out = yaml.safe_load((copy / "tiny.yaml").read_text())["not_run"]
    # It runs with published weights only.
    left_out.append("dmenet")
    for name in methods:
        planned = f"results/tiny/{name}-seed0/record.json" in out + err
        assert planned == (name not in left_out)
    made = {path.name for path in copy.iterdir()} - set(before)
    assert made <= {".snakemake", "logs"}
    assert "logs" not in made or not any((copy / "logs").iterdir())


@pytest.mark.usefixtures("copy")
def test_the_status_of_the_workflow_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_workflow(["--dry-run", "no/such/target"], Path("tiny.yaml"), "1") != 0
    assert "no/such/target" in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("given", "visible", "options"),
    [
        (None, "0,1", ["--cores", "6", "--resources", "gpu=2"]),
        ("4", "0,1", ["--cores", "4", "--resources", "gpu=2"]),
        (None, "", ["--cores", "6"]),
    ],
)
@pytest.mark.usefixtures("copy")
def test_all_of_the_machine_is_used(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    given: str | None,
    visible: str,
    options: list[str],
) -> None:
    started: list[list[str]] = []
    start = subprocess.Popen

    def recorded(command: list[str], **more: Any) -> subprocess.Popen[bytes]:
        started.append(command)
        return start([sys.executable, "-c", ""], **more)

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr(visible_gpus, "_listed", list)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)))
    monkeypatch.setattr(watch, "estimate", lambda *_: None)
    monkeypatch.setattr(watch.subprocess, "Popen", recorded)
    assert run_workflow(["reports/table1.csv"], Path("tiny.yaml"), given) == 0
    (command,) = started
    assert command[1:] == [
        *("-m", "snakemake", "reports/table1.csv", *options),
        *("--configfile", str(Path("tiny.yaml").absolute())),
    ]
    assert f"Snakemake gets {' '.join(options)}\n" in capfd.readouterr().err
