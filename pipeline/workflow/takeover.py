"""What a killed workflow leaves behind in its folder, jobs and locks, and how a new run resumes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from pipeline.errors import UserError
from pipeline.lease import Taken, hold, was_held
from pipeline.workflow.owner import (
    LEASE,
    MARK,
    Owner,
    is_locked,
    is_program,
    runs_in,
    signed,
    unlock_command,
)
from pipeline.workflow.processes import end, orphans, say

PATIENCE_S = 120.0
"""Seconds that orphaned jobs get to finish a step and save their state."""

_LOCK = Path(".snakemake/dmtbench.lock")
_HOLDER = Path(".snakemake/dmtbench.json")
_DRY = {"-n", "--dry-run", "--dryrun", "--unlock", "--lint", "--summary"}


@contextlib.contextmanager
def only_run_here() -> Iterator[None]:
    """Keep other `dmtbench run` out of the current folder, and end what a killed one left running.

    Afterwards, nothing that this run started is left either.

    Raises:
        UserError: someone runs a workflow here, or the folder cannot be written; the message
            names the process.
    """
    with contextlib.ExitStack() as held:
        try:
            _LOCK.parent.mkdir(exist_ok=True)
            held.enter_context(hold(_LOCK))
        except Taken as error:
            raise UserError(_taken(_read_holder())) from error
        except OSError as error:
            raise UserError(f"{_LOCK.parent.absolute()}: cannot be written ({error})") from error
        held.callback(end_orphans)
        held.callback(os.environ.pop, MARK, None)
        owner = Owner.this_process()
        _HOLDER.write_text(owner.text(), encoding="utf-8")
        end_orphans()
        living = _living_workflow()
        if living is not None:
            raise UserError(_taken(living))
        os.environ[MARK] = owner.text()
        yield


def remove_dead_lock(config: Path) -> None:
    """Remove the lock that a killed Snakemake left; nobody runs a workflow here on this machine.

    Args:
        config: the experiment file.

    Raises:
        UserError: a workflow on another machine may hold the lock, or it cannot be removed.
    """
    if not is_locked():
        return
    owner, command = signed(), unlock_command(str(config))
    if owner is not None and owner.host != Owner.this_process().host and not _is_dead():
        raise UserError(f"{_taken(owner)}; if it was killed, type: {command}")
    say("A killed workflow left its lock; removing it")
    given = [sys.executable, "-m", "snakemake", "--unlock", "--configfile", str(config.absolute())]
    done = subprocess.run(given, capture_output=True, text=True, check=False)
    if is_locked():
        reason = " ".join((done.stdout + done.stderr).split())[-300:]
        raise UserError(f"{Path.cwd()}: the lock cannot be removed ({reason}); type: {command}")


def _is_dead() -> bool:
    """Whether the Snakemake that signed, on another machine, has not given a sign of life since."""
    if not was_held(LEASE):
        return False
    try:
        with hold(LEASE):
            return True
    except Taken:
        return False


def end_orphans() -> None:
    """End all processes that a workflow of this folder started and that outlived it."""
    found = orphans()
    if found:
        numbers = ", ".join(str(process.pid) for process in found)
        say(
            f"A workflow ended before its jobs; stopping them (processes {numbers}). "
            "Trainings save their state and resume"
        )
        end(orphans, PATIENCE_S)


def _living_workflow() -> Owner | None:
    owner = signed()
    if owner is not None and owner.is_here and owner.is_alive:
        return owner
    if not is_locked():
        return None
    # It may have locked the folder, and not signed yet.
    here = Owner.this_process()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            works = is_program(process, "snakemake") and not _DRY & {*process.cmdline()}
            if works and runs_in(process, here.folder) and process not in _ancestors():
                return Owner(here.host, process.pid, process.create_time(), here.folder)
    return None


def _ancestors() -> list[psutil.Process]:
    try:
        return list(psutil.Process().parents())
    except psutil.Error:
        return []


def _read_holder() -> Owner | None:
    try:
        return Owner.parse(_HOLDER.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _taken(owner: Owner | None) -> str:
    if owner is None:
        return (
            f"{Path.cwd()}: another process runs the workflow here; wait for it, or stop it first"
        )
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(owner.since))
    who = f"process {owner.pid} on {owner.host}"
    return (
        f"{Path.cwd()}: {who} has run the workflow here since {since}; wait for it, or stop it "
        "first"
    )
