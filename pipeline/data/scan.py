"""Opens every picture of a data set exactly once: reads, hashes, checks, decodes and compares."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import cv2
from pydantic import BaseModel
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from pipeline.data.image_io import decode_png, read_bytes
from pipeline.data.journal import Journal
from pipeline.data.registration import Grey, Registration, misplaced, register, shrink
from pipeline.errors import DataError

Files = Mapping[str, str]


class FileFacts(BaseModel):
    """A picture: width and height in pixels, bits per channel, length in bytes, SHA-256."""

    width: int
    height: int
    bit_depth: int
    bytes: int
    sha256: str


class SceneFacts(BaseModel):
    """What the files of a scene hold, by view; a file that cannot be used is left out.

    `registration`: how each view lies on the combined one; `None` where it cannot be judged.
    `problems`: what is wrong, one line each.
    """

    files: dict[str, FileFacts]
    registration: dict[str, Registration | None]
    problems: list[str]


def examine(root: Path, files: Files) -> SceneFacts:
    """Read and decode the files of one scene and compare them with one another.

    Args:
        root: root of the data set.
        files: path of each view, relative to the root.
    """
    facts: dict[str, FileFacts] = {}
    problems: list[str] = []
    small: dict[str, Grey] = {}
    for view, name in files.items():
        path = root / name
        try:
            content = read_bytes(path)
            picture = decode_png(path, content)
        except DataError as error:
            problems.append(str(error))
            continue
        width, height, depth, _ = picture.header
        facts[view] = FileFacts(
            width=width,
            height=height,
            bit_depth=depth,
            bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )
        small[view] = shrink(picture.pixels)
    registration: dict[str, Registration | None] = {}
    first = facts.get("combined")
    for view, one in facts.items():
        if first is None or one is first:
            continue
        if (one.width, one.height) != (first.width, first.height):
            problems.append(
                f"{root / files[view]}: is {one.width}x{one.height}, its combined view "
                f"{first.width}x{first.height}; copy or download the set again"
            )
            continue
        found = register(small["combined"], small[view], (first.height, first.width))
        registration[view] = found
        wrong = found and misplaced(view, found)
        if wrong:
            problems.append(f"{root / files[view]}: {wrong}; copy or download the set again")
    return SceneFacts(files=facts, registration=registration, problems=problems)


def scan(
    root: Path,
    scenes: Sequence[Files],
    workers: int,
    *,
    journal: Path | None = None,
    progress: bool = False,
) -> list[SceneFacts]:
    """Examine scenes in parallel.

    Args:
        root: root of the data set.
        scenes: the files of each scene, by view, relative to the root.
        workers: processes; the result doesn't depend on them.
        journal: file that notes each sound scene, so that a killed scan goes on; the caller
            removes it.
        progress: whether a progress bar is shown.

    Returns:
        The facts, in the order of `scenes`.

    Raises:
        DataError: the journal cannot be written, or a process was killed.
    """
    notes = None if journal is None else Journal(journal, root, SceneFacts)
    keys = [None if notes is None else notes.key(files) for files in scenes]
    known = [None if notes is None else notes.known(key) for key in keys]
    found = {number: facts for number, facts in enumerate(known) if facts is not None}
    todo = [number for number in range(len(scenes)) if number not in found]
    sizes = [sum(_size(root / name) for name in files.values()) for files in scenes]
    with _bar(progress) as bar:
        task = bar.add_task("checking pictures", total=sum(sizes))
        bar.advance(task, sum(sizes[number] for number in found))
        for number, facts in _spread(root, {n: scenes[n] for n in todo}, workers):
            found[number] = facts
            if notes is not None and not facts.problems:
                notes.add(keys[number], facts)
            bar.advance(task, sizes[number])
    return [found[number] for number in range(len(scenes))]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _bar(progress: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not progress,
        transient=True,
    )


def _spread(
    root: Path, scenes: Mapping[int, Files], workers: int
) -> Iterator[tuple[int, SceneFacts]]:
    if min(workers, len(scenes)) <= 1:
        for number, files in scenes.items():
            yield number, examine(root, files)
        return
    # Forking a process that already runs threads (PyTorch's, say) can deadlock.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(scenes)), context, initializer=_prepare_worker)
    try:
        jobs = {pool.submit(examine, root, files): number for number, files in scenes.items()}
        for job in as_completed(jobs):
            yield jobs[job], job.result()
    except BrokenProcessPool as error:
        raise DataError(
            f"{root}: a checking process was killed; use fewer workers, memory may have run out"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _prepare_worker() -> None:
    cv2.setNumThreads(1)
    # An interrupt ends the parent, which ends its workers: no need for their tracebacks.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A killed parent says no goodbye: without this its workers would wait for ever.
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
