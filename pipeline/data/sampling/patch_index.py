"""The patch index as a file: every window of the training images, and which of them are kept.

Patches are places in whole images, not files: the store holds the pixels once, though windows
overlap.
"""

from __future__ import annotations

import csv
import io
import math
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline.config.blocks import Patches
from pipeline.data.journal import Journal
from pipeline.data.sampling.sharpness import (
    KERNELS,
    discarded,
    gradient_energies,
    kept_windows,
    sharpness_scores,
)
from pipeline.data.sampling.windows import Window, index_windows
from pipeline.data.store.reader import PixelStore
from pipeline.errors import DataError, one_line
from pipeline.files import write_text, writing
from pipeline.progress_bars import watched

COLUMNS = ("source", "top", "left", "size", "kept", "score", *(f"e{size}" for size in KERNELS))
"""`score` and the energies are empty for images of which no window is left out."""

Energies = list[list[float]]


def write_patch_index(
    store: PixelStore,
    patches: Patches,
    target: Path,
    workers: int = 1,
    *,
    progress: bool = False,
) -> int:
    """Find the windows of every training image and leave out the least sharp of each.

    The next run resumes a killed one, whose measurements are in `<target>.partial`.

    Args:
        store: the pixel store.
        patches: size, overlap and share to leave out.
        target: CSV file to write, atomically; its bytes don't depend on `workers`.
        workers: threads.
        progress: whether a progress bar is shown.

    Returns:
        How many windows are kept.

    Raises:
        DataError: a window does not fit, there is no training scene, or no space left.
    """
    scenes = _by_scene(index_windows(store, patches))
    header = _header(store, patches)
    partial = target.with_name(f"{target.name}.partial")
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        journal = Journal(partial, header)
        energies: dict[int, Energies] = dict(journal.entries)
        todo = {
            number: windows
            for number, windows in scenes.items()
            if number not in energies and discarded(len(windows), patches.discard)
        }
        done = len(scenes) - len(todo)
        measured = _measure(store, todo, workers)
        for entry in watched(measured, len(scenes), "Measuring sharpness", progress, done):
            journal.add(entry)
            energies[entry[0]] = entry[1]
    table = io.StringIO()
    table.write(header + "\n")
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(COLUMNS)
    count = 0
    for number, windows in scenes.items():
        rows = _rows(store.scenes[number].source, windows, energies.get(number), patches)
        count += sum(row[4] for row in rows)
        writer.writerows(rows)
    write_text(target, table.getvalue())
    partial.unlink()
    return count


def read_patch_index(path: Path, store: PixelStore, patches: Patches) -> list[Window]:
    """The windows that are kept, in the order of the file.

    Raises:
        DataError: the file is missing or damaged, or belongs to another store or other settings.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}); make it with patches") from error
    if lines[:1] != [_header(store, patches)]:
        raise DataError(
            f"{path}: belongs to another store or to other patches settings; make it again"
        )
    try:
        header, *cells = csv.reader(lines[1:], strict=True)
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in cells]
        if tuple(header) != COLUMNS:
            raise ValueError("other columns")
        kept = _kept(_by_scene(index_windows(store, patches)), rows, store, patches)
    except (csv.Error, ValueError) as error:
        raise DataError(
            f"{path}: does not hold the windows of its store ({one_line(str(error))}); "
            "make it again"
        ) from error
    return kept


def _kept(
    scenes: dict[int, list[Window]], rows: list[dict[str, str]], store: PixelStore, patches: Patches
) -> list[Window]:
    """The windows that are kept; `ValueError` if the rows contradict the store or themselves."""
    expected = [window for windows in scenes.values() for window in windows]
    places = [tuple(row.get(name) for name in COLUMNS[:4]) for row in rows]
    if places != [_place(store, window) for window in expected]:
        raise ValueError("other windows")
    found, left = list[Window](), iter(rows)
    for windows in scenes.values():
        own = [*islice(left, len(windows))]
        flags = [True] * len(windows)
        if discarded(len(windows), patches.discard):
            scores = [float(row["score"]) for row in own]
            if not all(map(math.isfinite, scores)):
                raise ValueError("a score that is not finite")
            flags = [bool(flag) for flag in kept_windows(np.array(scores), patches.discard)]
        if [row["kept"] for row in own] != [str(int(flag)) for flag in flags]:
            raise ValueError("kept windows that are not the sharpest")
        found += [window for window, flag in zip(windows, flags, strict=True) if flag]
    return found


def _header(store: PixelStore, patches: Patches) -> str:
    settings = ", ".join(f"{name} {value}" for name, value in patches.model_dump().items())
    return f"# Windows of the store with sha256 {store.sha256}: {settings}"


def _by_scene(windows: list[Window]) -> dict[int, list[Window]]:
    scenes: dict[int, list[Window]] = {}
    for window in windows:
        scenes.setdefault(window.scene, []).append(window)
    return scenes


def _place(store: PixelStore, window: Window) -> tuple[str, ...]:
    return (store.scenes[window.scene].source, *map(str, window[1:]))


def _measure(
    store: PixelStore, scenes: dict[int, list[Window]], workers: int
) -> Iterator[tuple[int, Energies]]:
    """Energies of the windows of each scene, in order."""

    def energies(number: int, windows: list[Window]) -> tuple[int, Energies]:
        target = store.read(number, views=("target",))["target"]
        return number, [
            list(gradient_energies(target[top : top + size, left : left + size]))
            for _, top, left, size in windows
        ]

    # OpenCV releases Python's lock, so threads can share the mapped store.
    threads, waiting = cv2.getNumThreads(), deque[Future[Any]]()
    cv2.setNumThreads(1)
    try:
        with ThreadPoolExecutor(workers) as pool:
            for job in scenes.items():
                waiting.append(pool.submit(energies, *job))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
    finally:
        cv2.setNumThreads(threads)


def _rows(
    source: str, windows: list[Window], energies: Energies | None, patches: Patches
) -> list[tuple[Any, ...]]:
    """Rows of the table for one scene."""
    if energies is None:
        blank = ("",) * (1 + len(KERNELS))
        return [(source, *window[1:], 1, *blank) for window in windows]
    scores = sharpness_scores(np.array(energies))
    kept = kept_windows(scores, patches.discard)
    return [
        (source, *window[1:], int(keep), float(score), *energy)
        for window, keep, score, energy in zip(windows, kept, scores, energies, strict=True)
    ]
