"""Builds the pixel store: all training and validation views in one uint16 file, as tiles.

Decoding a 16-bit PNG takes far longer than reading its pixels, so they are decoded once.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.compute.process_pool import spread
from pipeline.data.journal import Journal
from pipeline.data.manifest import ManifestRow, read_manifest, read_scene
from pipeline.data.store.reader import FORMAT, INDEX, PIXELS, STORED_VIEWS, PixelStore, StoredScene
from pipeline.data.store.tiles import scene_elements, tile_rows
from pipeline.errors import DataError
from pipeline.files import need_room, sha256_of, writing
from pipeline.progress_bars import watched

__all__ = ["STORED_VIEWS", "PixelStore", "StoredScene", "build_store", "store_rows", "store_size"]

STORED_SPLITS = ("train", "val")
_JOURNAL = "journal.jsonl"


def store_rows(manifest: Path) -> list[ManifestRow]:
    """The scenes that a store holds: those of training and validation.

    Raises:
        DataError: the manifest cannot be used.
    """
    return [row for row in read_manifest(manifest) if row.split in STORED_SPLITS]


def store_size(rows: Iterable[ManifestRow]) -> int:
    """Bytes that these scenes take in a store."""
    return 2 * sum(scene_elements(row.height, row.width) for row in rows)


def build_store(
    root: Path, manifest: Path, target: Path, workers: int = 1, *, progress: bool = False
) -> None:
    """Decode every training and validation view into `target`, verified against the manifest.

    A killed or failed build is continued by the next one: its work lies in `<target>.partial`
    until it is complete. A complete store of this manifest is left as it is.

    Args:
        root: folder of the images.
        manifest: its manifest.
        target: folder to make: `pixels.u16` and `index.json`. Its bytes don't depend on `workers`.
        workers: processes; each holds one scene in memory.
        progress: whether a progress bar is shown.

    Raises:
        DataError: an image is missing, damaged or not the one in the manifest; the disk is too
            small; `target` holds something else; another process is building the same store, or
            one of ours was killed.
    """
    rows, sha256 = store_rows(manifest), sha256_of(manifest)
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target):
            _check_replaceable(target)
            if not _is_there(target, sha256):
                work = target.with_name(f"{target.name}.partial")
                work.mkdir(exist_ok=True)
                _fill(work, target, root, rows, sha256, workers, progress)
                _put_in_place(work, target)
            # Not before the store is in its place: without it, all would be done again.
            (target / _JOURNAL).unlink(missing_ok=True)


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    try:
        with FileLock(target.with_name(f".{target.name}.lock"), timeout=0):
            yield
    except Timeout as error:
        raise DataError(
            f"{target}: is being built by another process; wait until it has finished"
        ) from error


def _check_replaceable(target: Path) -> None:
    """Refuse to replace what is no store: a mistyped folder must not cost anybody's files."""
    ours = target.is_dir() and ((target / INDEX).is_file() or not any(target.iterdir()))
    if target.exists() and not ours:
        raise DataError(f"{target}: holds something else than a store; choose another folder")


def _is_there(target: Path, manifest_sha256: str) -> bool:
    try:
        PixelStore(target).check_manifest(manifest_sha256)
    except DataError:
        return False
    return True


def _fill(
    work: Path,
    target: Path,
    root: Path,
    rows: list[ManifestRow],
    manifest_sha256: str,
    workers: int,
    progress: bool,
) -> None:
    """Write pixels and index of a whole store into the folder `work`."""
    if not (work / PIXELS).exists():
        (work / _JOURNAL).unlink(missing_ok=True)
    journal = Journal(work / _JOURNAL, [FORMAT, manifest_sha256])
    _reserve(work / PIXELS, store_size(rows))
    offsets = [0]
    for row in rows:
        offsets.append(offsets[-1] + scene_elements(row.height, row.width))
    sums: dict[int, str] = dict(journal.entries)
    jobs = {
        number: (root, row, work / PIXELS, offsets[number])
        for number, row in enumerate(rows)
        if number not in sums
    }
    stored = spread(_store_scene, jobs, workers, target)
    for number, checksum in watched(stored, len(rows), "Storing pixels", progress, len(sums)):
        journal.add([number, checksum])
        sums[number] = checksum
    scenes = [
        StoredScene(row.split, row.source, offsets[number], row.height, row.width, sums[number])
        for number, row in enumerate(rows)
    ]
    index = {
        "format": FORMAT,
        "views": STORED_VIEWS,
        "manifest_sha256": manifest_sha256,
        # Of the scenes' checksums: to take it anew, the whole file need not be read in one go.
        "sha256": hashlib.sha256("".join(scene.sha256 for scene in scenes).encode()).hexdigest(),
        "scenes": [vars(scene) for scene in scenes],
    }
    (work / INDEX).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


def _reserve(pixels: Path, size: int) -> None:
    """Give the file its full length, with all its blocks where the system can."""
    pixels.touch()
    need_room((pixels.parent, size - 512 * pixels.stat().st_blocks))
    os.truncate(pixels, size)
    if size and hasattr(os, "posix_fallocate"):
        with pixels.open("r+b") as stream:
            os.posix_fallocate(stream.fileno(), 0, size)


def _store_scene(root: Path, row: ManifestRow, pixels: Path, offset: int) -> str:
    """Write one scene at its place, for good; its checksum."""
    images, checksum = read_scene(root, row), hashlib.sha256()
    with pixels.open("r+b") as stream:
        stream.seek(2 * offset)
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
