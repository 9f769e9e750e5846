"""Folders that the workflow writes to: checked before it starts, and for space after a failure.

Snakemake ends with a traceback if one of them is read-only or full.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.filesize import decimal

from pipeline.files import free_bytes, is_writable, need_room, need_writable
from pipeline.workflow.experiment import Workflow
from pipeline.workflow.jobs import Job, planned_jobs

_ALWAYS = (Path(".snakemake"), Path("logs"))
_ARTIFACTS = Path("mlartifacts")
_OF_JOBS = (*map(Path, ("data", "runs", "state", "results", "reports")), _ARTIFACTS)
# For the notes of Snakemake and the messages of jobs.
_NOTES_BYTES = 10**6
# A job that fails on a full disk removes what it had begun, so the disk is no longer quite full.
_LITTLE_BYTES = 20 * 10**6


def check_folders(config: Path, targets: list[str]) -> None:
    """Check that everything that a run of the workflow would write can be written.

    Raises:
        ConfigError: the experiment file or a target cannot be used.
        DataError: a folder is read-only or its disk is full, or a file has its name.
    """
    for folder in _ALWAYS:
        for path in (folder, *_subfolders(folder)):
            need_writable(path)
        need_room((folder, _NOTES_BYTES))
    if is_writable(Path.cwd()) and all(map(_is_open, _OF_JOBS)):
        return
    # A folder may be read-only if nothing in it has to be made: shared images, for instance.
    workflow = Workflow(config)
    for folder in dict.fromkeys(_written(workflow, planned_jobs(config, targets))):
        need_writable(folder)


def short_of_space() -> list[str]:
    """For each disk that is almost full, and that the workflow writes to, a line with the remedy.

    Where a disk is full, the message of a job that says so cannot be written either.
    """
    lines: dict[int, str] = {}
    for folder in (Path(), *_ALWAYS, *_OF_JOBS):
        if folder.exists() and (free := free_bytes(folder)) < _LITTLE_BYTES:
            lines.setdefault(
                folder.stat().st_dev,
                f"{folder.absolute()}: its disk is almost full ({decimal(free)} left); free some "
                "space and run the command again",
            )
    return list(lines.values())


def _is_open(folder: Path) -> bool:
    return all(is_writable(path) for path in (folder, *_subfolders(folder)))


def _subfolders(folder: Path) -> Iterator[Path]:
    for pattern in ("*", "*/*"):
        yield from (path for path in folder.glob(pattern) if path.is_dir())


def _written(workflow: Workflow, jobs: Iterable[Job]) -> Iterator[Path]:
    for job in jobs:
        yield from (Path(path).parent for path in job.output)
        if job.rule == "train":
            yield workflow.places.states
        if job.rule == "track":
            # The database lies in the current folder.
            yield from (Path(), _ARTIFACTS)
