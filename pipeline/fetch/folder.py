"""Use an existing folder: link it, or copy it to another file system."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import DataError
from pipeline.fetch.tree import is_junk, remove_others, tell_skipped
from pipeline.files import need_room, writing
from pipeline.progress_bars import byte_bar


def link_folder(source: Path, work: Path, *, progress: bool) -> Path:
    """Recreate a folder from hard links or, on another file system, from copies.

    The source is neither moved nor changed. Hard links share their bytes, so changing a file in
    place later changes it on both sides. After an interruption, a copy is kept if its size and
    modification time match, since it gets its name only when complete.

    Args:
        source: the folder.
        work: working folder; kept between runs.
        progress: whether to show a progress bar.

    Returns:
        The new folder, within `work`.

    Raises:
        DataError: the source cannot be read, or holds a link that leaves it, a linked folder or a
            device; or there is no space or permission to write.
    """
    skipped: list[Path] = []
    files = {path.relative_to(source): real for path, real in _files(source, skipped)}
    tell_skipped(source, skipped)
    tree, incoming = work / "tree", work / "incoming"
    with writing(work):
        tree.mkdir(parents=True, exist_ok=True)
        remove_others(tree, [tree / name for name in files])
        missing = {name: real for name, real in files.items() if not _there(tree / name, real)}
        sizes = {name: real.stat().st_size for name, real in missing.items()}
        if source.stat().st_dev != work.stat().st_dev:
            need_room((work, sum(sizes.values())))
        with byte_bar(progress) as bar:
            task = bar.add_task("linking", total=sum(sizes.values()))
            for name, real in missing.items():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                _take(real, tree / name, incoming)
                bar.advance(task, sizes[name])
    return tree


def _files(source: Path, skipped: list[Path]) -> Iterator[tuple[Path, Path]]:
    """Files below `source`, each with its resolved path; by-products are put into `skipped`."""
    root = source.resolve()
    for folder, folders, names in os.walk(source, onerror=_unreadable):
        for name in folders:
            if Path(folder, name).is_symlink():
                raise DataError(
                    f"{Path(folder, name)}: is a link to a folder; put the folder itself there"
                )
        for name in sorted(names):
            path = Path(folder, name)
            if is_junk(path.relative_to(source)):
                skipped.append(path)
                continue
            real = path.resolve()
            if not real.is_relative_to(root):
                raise DataError(
                    f"{path}: is a link that leaves {source}; put the file itself there"
                )
            if not real.is_file() or not os.access(real, os.R_OK):
                raise DataError(
                    f"{path}: is not a readable file; check its permissions or remove it"
                )
            yield path, real


def _unreadable(error: OSError) -> None:
    raise DataError(
        f"{error.filename}: cannot be read ({error.strerror}); check the path and its permissions"
    ) from error


def _there(target: Path, real: Path) -> bool:
    if not target.is_file():
        return False
    mine, theirs = target.stat(), real.stat()
    return (mine.st_size, mine.st_mtime_ns) == (theirs.st_size, theirs.st_mtime_ns)


def _take(real: Path, target: Path, incoming: Path) -> None:
    incoming.unlink(missing_ok=True)
    try:
        incoming.hardlink_to(real)
    except OSError:
        # Another file system, or no support for hard links.
        shutil.copy2(real, incoming)
    incoming.replace(target)
