"""Opens every image of a data set exactly once: reads, hashes, checks, decodes, compares it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipeline.compute.process_pool import map_processes
from pipeline.data.inspection.registration import Gray, Registration, misplaced, register, shrink
from pipeline.data.journal import Journal
from pipeline.data.png import decode_png, read_bytes
from pipeline.errors import DataError
from pipeline.files import writing
from pipeline.progress_bars import byte_bar

# Incremented whenever a scan reports more, or something else, about the same files.
_VERSION = 1

Files = Mapping[str, str]


class FileFacts(BaseModel):
    """An image: width and height in pixels, bits per channel, length in bytes, SHA-256."""

    width: int
    height: int
    bit_depth: int
    bytes: int
    sha256: str


class SceneFacts(BaseModel):
    """What the files of a scene hold, by view; unusable files are omitted.

    `registration`: alignment of each view with the combined one; `None` if it cannot be judged.
    `problems`: one line each.
    """

    files: dict[str, FileFacts]
    registration: dict[str, Registration | None]
    problems: list[str]


def examine(root: Path, files: Files) -> SceneFacts:
    """Read and decode the files of one scene and compare them with each other.

    Args:
        root: root of the data set.
        files: path of each view, relative to the root.
    """
    facts: dict[str, FileFacts] = {}
    problems: list[str] = []
    small: dict[str, Gray] = {}
    for view, name in files.items():
        path = root / name
        try:
            content = read_bytes(path)
            image = decode_png(path, content)
        except DataError as error:
            problems.append(str(error))
            continue
        width, height, depth, _ = image.header
        facts[view] = FileFacts(
            width=width,
            height=height,
            bit_depth=depth,
            bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )
        small[view] = shrink(image.pixels)
    registration: dict[str, Registration | None] = {}
    first = facts.get("combined")
    for view, image_facts in facts.items():
        if first is None or image_facts is first:
            continue
        if (image_facts.width, image_facts.height) != (first.width, first.height):
            problems.append(
                f"{root / files[view]}: is {image_facts.width}x{image_facts.height}, its combined "
                f"view {first.width}x{first.height}; copy or download the set again"
            )
            continue
        alignment = register(small["combined"], small[view], (first.height, first.width))
        registration[view] = alignment
        problem = alignment and misplaced(view, alignment)
        if problem:
            problems.append(f"{root / files[view]}: {problem}; copy or download the set again")
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
        workers: number of processes; the result doesn't depend on it.
        journal: file that records each scene without problems, from which a killed scan resumes;
            the caller removes it.
        progress: whether a progress bar is shown.

    Returns:
        The facts, in the order of `scenes`.

    Raises:
        DataError: the journal cannot be read or written, or a process was killed.
    """
    known, notes = dict[str, Any](), None
    if journal is not None:
        with writing(journal):
            notes = Journal(journal, [_VERSION, str(root.resolve())])
        known = dict(notes.entries)
    keys = [_key(root, files) for files in scenes]
    scanned = {
        number: SceneFacts.model_validate(known[key])
        for number, key in enumerate(keys)
        if key in known
    }
    jobs = {number: files for number, files in enumerate(scenes) if number not in scanned}
    sizes = [sum(_size(root / name) for name in files.values()) for files in scenes]
    with byte_bar(progress) as bar:
        task = bar.add_task("checking images", total=sum(sizes))
        bar.advance(task, sum(sizes[number] for number in scanned))
        for number, facts in map_processes(partial(examine, root), jobs, workers, root):
            scanned[number] = facts
            if journal is not None and notes is not None and not facts.problems:
                with writing(journal):
                    notes.add([keys[number], facts.model_dump(mode="json")])
            bar.advance(task, sizes[number])
    return [scanned[number] for number in range(len(scenes))]


def _key(root: Path, files: Files) -> str:
    """Identify the current state of files by names, sizes and modification times."""
    parts: list[Any] = []
    for view, name in files.items():
        status = (root / name).stat() if (root / name).exists() else None
        parts.append([view, name, status and [status.st_size, status.st_mtime_ns]])
    return json.dumps(parts)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
