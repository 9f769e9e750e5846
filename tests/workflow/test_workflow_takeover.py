"""What a killed workflow left behind is cleared away; what lives is left alone and named."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from support.fixture_types import Tiny
from support.leases import LEASE_S, owners
from support.paths import PUBLISHED
from support.workflow_processes import SLEEP, STUBBORN, dead_pid, lock, owner, running

from pipeline.errors import UserError
from pipeline.lease import hold
from pipeline.workflow import takeover
from pipeline.workflow.jobs import planned_jobs
from pipeline.workflow.owner import LOCKS, MARK, NOTE, is_locked
from pipeline.workflow.processes import end, orphans
from pipeline.workflow.takeover import only_run_here, remove_dead_lock

CONFIG = Path("config/demo.yaml")

# Ends its work properly only if its worker lives on until then.
TRAINING = """
import os, signal, subprocess, sys, time
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
def stop(*_):
    time.sleep(0.3)
    open("saved", "w").write(str(worker.poll()))
    worker.kill()
    worker.wait()
    sys.exit(75)
signal.signal(signal.SIGTERM, stop)
print("ready", flush=True)
time.sleep(300)
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(takeover, "PATIENCE_S", 10.0)
    return tmp_path


def test_orphans_are_ended_and_nobody_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dead = dead_pid()
    with (
        running("snakemake") as snakemake,
        running(mark=owner(dead)) as orphan,
        running(mark=owner(snakemake.pid)) as job,
        running(mark=owner(dead, host="elsewhere")) as other_host,
        running(mark=owner(dead, folder=tmp_path / "other")) as other_folder,
        running() as nobodys,
    ):
        with only_run_here():
            assert orphan.wait(5) == -15
        assert f"processes {orphan.pid})" in capsys.readouterr().err
        for process in (snakemake, job, other_host, other_folder, nobodys):
            assert process.poll() is None


def test_a_training_saves_its_state_while_its_workers_live() -> None:
    with running(code=TRAINING, mark=owner(dead_pid())) as training, only_run_here():
        assert training.wait(5) == 75
        assert Path("saved").read_text() == "None"
        assert orphans() == []


def test_a_shell_does_not_end_before_its_job() -> None:
    command = ["bash", "-c", f'{sys.executable} -c "{SLEEP}"; echo status $?']
    mark = {MARK: owner(dead_pid()).text()}
    with subprocess.Popen(command, env=mark, stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout is not None
        assert shell.stdout.readline() == "ready\n"
        end(orphans, 10)
        assert shell.stdout.readline() == "status 143\n"


@pytest.mark.parametrize("hurry", [False, True])
def test_who_ignores_sigterm_is_killed(hurry: bool) -> None:
    with running(code=STUBBORN, mark=owner(dead_pid())) as process:
        end(orphans, 60 if hurry else 0.5, lambda: hurry)
        assert process.wait(5) == -9


def test_what_a_run_started_does_not_outlive_it() -> None:
    with only_run_here():
        # Inherits the mark of the run.
        command = [sys.executable, "-c", SLEEP]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        with process.stdout:
            process.stdout.readline()
            assert process.poll() is None
    assert process.wait(5) == -15


def test_a_second_run_is_refused() -> None:
    Path(".snakemake").mkdir()
    with hold(takeover._LOCK), pytest.raises(UserError, match="another process runs"):
        only_run_here().__enter__()
    takeover._HOLDER.write_text(owner(4711, host="node7").text())
    with hold(takeover._LOCK), pytest.raises(UserError) as caught:
        only_run_here().__enter__()
    assert "process 4711 on node7 has run the workflow here since" in str(caught.value)
    assert "\n" not in str(caught.value)
    with only_run_here():
        pass


@pytest.mark.parametrize("sign", [True, False])
def test_a_living_snakemake_is_named_and_keeps_its_lock(sign: bool) -> None:
    with running("snakemake") as process:
        lock(owner(process.pid) if sign else None)
        with pytest.raises(UserError) as caught, only_run_here():
            pytest.fail("started")
        assert f"process {process.pid} on {socket.gethostname()}" in str(caught.value)
        assert process.poll() is None
        assert is_locked()


def test_who_does_not_work_here_does_not_hold_the_lock(tmp_path: Path) -> None:
    lock(owner(dead_pid()))
    (tmp_path / "other").mkdir()
    with (
        running("snakemake", folder=tmp_path / "other"),
        running("snakemake", "--dry-run"),
        running("editor", "Snakefile"),
        only_run_here(),
    ):
        assert is_locked()


def test_a_lock_of_another_machine_is_kept_and_the_command_named() -> None:
    lock(owner(4711, host="node7"))
    with pytest.raises(UserError) as caught:
        remove_dead_lock(Path("my file.yaml"))
    assert "process 4711 on node7" in str(caught.value)
    assert str(caught.value).endswith("type: snakemake --unlock --configfile 'my file.yaml'")
    assert is_locked()


def test_a_dead_workflow_of_another_machine_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(takeover, "hold", partial(hold, duration=LEASE_S))
    lock(owner(4711, host="node7"))
    with owners(takeover.LEASE) as make:
        other = make("node7")
        assert other.answer[0] == "held"
        with pytest.raises(UserError, match="process 4711 on node7"):
            remove_dead_lock(CONFIG)
        other.die()
        # Here is no Snakefile.
        with pytest.raises(UserError, match="the lock cannot be removed"):
            remove_dead_lock(CONFIG)


def test_a_lock_that_cannot_be_removed_is_an_error() -> None:
    lock(owner(dead_pid()))
    # Here is no Snakefile.
    with pytest.raises(UserError, match=r"the lock cannot be removed \(.*\); type: snakemake"):
        remove_dead_lock(CONFIG)


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / ".snakemake").write_text("a file")
    with pytest.raises(UserError, match="cannot be written"), only_run_here():
        pytest.fail("started")


def test_a_plan_disturbs_nothing(tmp_path: Path, tiny: Tiny) -> None:
    shutil.copytree(PUBLISHED, tmp_path / "reports" / "published")
    lock(owner(dead_pid()))
    before = {path: path.read_bytes() for path in (NOTE, *LOCKS.iterdir())}
    with running(mark=owner(dead_pid())) as orphan:
        assert planned_jobs(tiny.config, ["data/tiny/manifest.csv"])
        assert orphan.poll() is None
    assert {path: path.read_bytes() for path in (NOTE, *LOCKS.iterdir())} == before
