"""Builds the pixel store: all training and validation views in one uint16 file, as tiles.

Decoding a 16-bit PNG takes far longer than reading its pixels, so every image is decoded only once.
`build_store` takes a lock, reserves the pixel file in a work folder, fills it scene by scene, each
recorded in a journal, writes the index, and renames the work folder to the store.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pipeline.compute.process_pool import map_processes
from pipeline.data.journal import Journal
from pipeline.data.manifest import ManifestRow, read_manifest, read_scene
from pipeline.data.store.reader import (
    FORMAT,
    INDEX,
    PIXELS,
    STORED_VIEWS,
    PixelStore,
    StoredScene,
    sha256_of_scenes,
)
from pipeline.data.store.tiles import scene_elements, tile_rows
from pipeline.errors import DataError
from pipeline.files import need_room, sha256_of, writing
from pipeline.lease import Lease, Taken, hold
from pipeline.progress_bars import watched

__all__ = ["STORED_VIEWS", "PixelStore", "StoredScene", "build_store", "store_rows", "store_size"]

STORED_SPLITS = ("train", "val")
_JOURNAL = "journal.jsonl"


class _Job(NamedTuple):
    """A scene and its offset in the pixel file, in elements."""

    row: ManifestRow
    offset: int


def store_rows(manifest: Path) -> list[ManifestRow]:
    """The scenes that a store contains: those for training and validation.

    Raises:
        DataError: the manifest cannot be used.
    """
    return [row for row in read_manifest(manifest) if row.split in STORED_SPLITS]


def store_size(rows: Iterable[ManifestRow]) -> int:
    """Size of these scenes in a store, in bytes."""
    return 2 * sum(scene_elements(row.height, row.width) for row in rows)


def build_store(
    root: Path, manifest: Path, target: Path, workers: int = 1, *, progress: bool = False
) -> None:
    """Decode every training and validation view into `target`, verified against the manifest.

    A killed or failed build is resumed by the next one from `<target>.partial`. A complete store of
    this manifest is left unchanged.

    Args:
        root: folder of the images.
        manifest: its manifest.
        target: folder to create, with `pixels.u16` and `index.json`. Its bytes don't depend on
            `workers`.
        workers: number of processes; each holds one scene in memory.
        progress: whether a progress bar is shown.

    Raises:
        DataError: an image is missing, damaged or differs from the manifest; the disk is too small;
            `target` holds something else; another process is building the same store; a worker
            process was killed.
    """
    rows, sha256 = store_rows(manifest), sha256_of(manifest)
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target) as lease:
            _check_replaceable(target)
            if not _is_there(target, sha256):
                work = target.with_name(f"{target.name}.partial")
                work.mkdir(exist_ok=True)
                _fill(
                    work,
                    root=root,
                    rows=rows,
                    manifest_sha256=sha256,
                    target=target,
                    workers=workers,
                    progress=progress,
                )
                if not lease.is_held:
                    raise DataError(f"{target}: another process builds it now; wait for its end")
                _put_in_place(work, target)
            # Only now that the store is in place: without the journal, a build would start over.
            (target / _JOURNAL).unlink(missing_ok=True)


@contextmanager
def _alone(target: Path) -> Iterator[Lease]:
    try:
        with hold(target.with_name(f".{target.name}.lock")) as lease:
            yield lease
    except Taken as error:
        raise DataError(
            f"{target}: is being built by {error}; wait until it has finished"
        ) from error


def _check_replaceable(target: Path) -> None:
    """Refuse to replace anything but a store: a mistyped folder must not destroy other files."""
    ours = target.is_dir() and ((target / INDEX).is_file() or not any(target.iterdir()))
    if target.exists() and not ours:
        raise DataError(f"{target}: holds something other than a store; choose another folder")


def _is_there(target: Path, manifest_sha256: str) -> bool:
    try:
        PixelStore(target).check_manifest(manifest_sha256)
    except DataError:
        return False
    return True


def _fill(
    work: Path,
    *,
    root: Path,
    rows: list[ManifestRow],
    manifest_sha256: str,
    target: Path,
    workers: int,
    progress: bool,
) -> None:
    """Write pixels and index of a complete store into `work`, resuming from its journal."""
    if not (work / PIXELS).exists():
        (work / _JOURNAL).unlink(missing_ok=True)
    journal = Journal(work / _JOURNAL, [FORMAT, manifest_sha256])
    _reserve(work / PIXELS, store_size(rows))
    offsets = [0]
    for row in rows:
        offsets.append(offsets[-1] + scene_elements(row.height, row.width))
    sums: dict[int, str] = dict(journal.entries)
    jobs = {
        number: _Job(row, offsets[number]) for number, row in enumerate(rows) if number not in sums
    }
    store_scene = partial(_store_scene, root, work / PIXELS)
    stored = map_processes(store_scene, jobs, workers, target)
    for number, checksum in watched(stored, len(rows), "Storing pixels", progress, len(sums)):
        journal.add([number, checksum])
        sums[number] = checksum
    scenes = [
        StoredScene(
            split=row.split,
            source=row.source,
            offset=offsets[number],
            height=row.height,
            width=row.width,
            sha256=sums[number],
        )
        for number, row in enumerate(rows)
    ]
    index = {
        "format": FORMAT,
        "views": STORED_VIEWS,
        "manifest_sha256": manifest_sha256,
        # Hash of the scenes' checksums, so that scenes can be verified one at a time.
        "sha256": sha256_of_scenes(scenes),
        "scenes": [vars(scene) for scene in scenes],
    }
    (work / INDEX).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


def _reserve(pixels: Path, size: int) -> None:
    """Extend the file to its full length and allocate its blocks if the system supports it."""
    pixels.touch()
    need_room((pixels.parent, size - 512 * pixels.stat().st_blocks))
    os.truncate(pixels, size)
    if size and hasattr(os, "posix_fallocate"):
        with pixels.open("r+b") as stream:
            os.posix_fallocate(stream.fileno(), 0, size)


def _store_scene(root: Path, pixels: Path, job: _Job) -> str:
    """Write one scene at its offset and flush it to disk; return its checksum."""
    images, checksum = read_scene(root, job.row), hashlib.sha256()
    with pixels.open("r+b") as stream:
        stream.seek(2 * job.offset)
        for tiles in tile_rows(images):
            stream.write(tiles.data)
            checksum.update(tiles.data)
        stream.flush()
        os.fsync(stream.fileno())
    return checksum.hexdigest()


def _put_in_place(work: Path, target: Path) -> None:
    earlier = target.with_name(f".{target.name}.earlier")
    shutil.rmtree(earlier, ignore_errors=True)
    if target.exists():
        target.replace(earlier)
    work.replace(target)
    shutil.rmtree(earlier, ignore_errors=True)
