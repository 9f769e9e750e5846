"""Finished runs: a run that is replaced is moved aside with its record, never deleted.

Snakemake deletes the outputs of a job before it starts the job, and a new run folder replaces the
earlier one. So the files of each finished run have hard links in `<runs>/.finished/<run>-<hash>/`,
made before the run appears in `<runs>/<run>/`. When another result of the same run is finished, the
links to the earlier one move to `<runs>/superseded-<hash>/`. `<hash>` is the first 8 hexadecimal
digits of the SHA-256 of the record. Links take no extra disk space.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.artifacts import RECORD, WEIGHTS
from pipeline.errors import RecordError
from pipeline.files import link_or_copy, sha256_of, writing
from pipeline.records import RunRecord, read_record

SUPERSEDED = "superseded-"
_FINISHED = ".finished"
_HASH_LENGTH = 8


@dataclass(frozen=True)
class FinishedRun:
    """The folder of a run and its record; `bytes`: total size of its files."""

    folder: Path
    record: RunRecord
    bytes: int

    @property
    def superseded(self) -> bool:
        """Whether another result has replaced it."""
        return self.folder.name.startswith(SUPERSEDED)

    @property
    def awaits_successor(self) -> bool:
        """Whether its outputs were deleted for a training that has not finished."""
        return self.folder.parent.name == _FINISHED


def keep_finished(folder: Path, target: Path) -> None:
    """Link the files of a finished run, and move aside the result that it replaces.

    Call it before `folder` is renamed to `target`, so that a finished run always has a name.

    Args:
        folder: holds all files of the run.
        target: the run folder that will hold them.

    Raises:
        DataError: the folder of runs is read-only or full.
    """
    finished = target.parent / _FINISHED
    kept = finished / f"{target.name}-{_digest(folder)}"
    with writing(kept):
        finished.mkdir(parents=True, exist_ok=True)
        if (target / WEIGHTS).exists() and (target / RECORD).exists():
            # Possibly without links: copied by hand, say.
            _link(target, finished / f"{target.name}-{_digest(target)}")
        _link(folder, kept)
        for earlier in _of_run(finished, target.name):
            if earlier != kept:
                aside = target.parent / f"{SUPERSEDED}{earlier.name[-_HASH_LENGTH:]}"
                shutil.rmtree(aside, ignore_errors=True)
                earlier.replace(aside)


def finished_runs(runs: Path) -> list[FinishedRun]:
    """Finished runs of a data set, sorted by method and folder; superseded runs come last.

    A run whose outputs Snakemake deleted for a training that has not finished is found by its
    links.

    Args:
        runs: folder of the runs, such as `runs/synthetic`.

    Raises:
        RecordError: a record is damaged.
    """
    found = []
    waiting = [
        path
        for path in runs.glob(f"{_FINISHED}/*/{RECORD}")
        if not (runs / path.parent.name[: -_HASH_LENGTH - 1] / RECORD).exists()
    ]
    for path in [*runs.glob(f"*/{RECORD}"), *waiting]:
        folder = path.parent
        size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
        try:
            found.append(FinishedRun(folder, read_record(path, RunRecord), size))
        except RecordError as error:
            raise RecordError(f"{error}; or remove {folder}") from error
    return sorted(found, key=lambda run: (run.superseded, run.record.method, run.folder.name))


def _digest(folder: Path) -> str:
    """Distinguishes results, even those with the same weights: each has its own record."""
    return sha256_of(folder / RECORD)[:_HASH_LENGTH]


def _of_run(finished: Path, name: str) -> Iterator[Path]:
    """Folders with the links of one run."""
    # Not a match by prefix: the name of another run may begin with this name.
    return (path for path in finished.iterdir() if path.name[: -_HASH_LENGTH - 1] == name)


def _link(folder: Path, target: Path) -> None:
    """Make `target` with the files of `folder`: hard links, or copies where links fail."""
    if target.exists():
        shutil.rmtree(target)
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=".tmp-"))
    try:
        temporary.chmod(0o755)
        for path in folder.iterdir():
            if path.is_file():
                link_or_copy(path, temporary / path.name)
        temporary.replace(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
