"""Unpack archives into a folder, safely, and resume after an interruption."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from pipeline.errors import DataError
from pipeline.fetch.containers import Listing, list_archive, reader
from pipeline.fetch.members import Member, check_together
from pipeline.fetch.tree import SPLITS, remove_others, tell_skipped
from pipeline.files import need_room, writing
from pipeline.progress_bars import byte_bar

_PACKED = re.compile(r"\.(zip|tar|tgz|tbz2?|txz|gz|bz2|xz|7z|rar|zst|\d{3}|z\d\d)$", re.IGNORECASE)
_SHOWN = 3


def unpack(archives: Sequence[Path], work: Path, *, progress: bool) -> Path:
    """Unpack archives into one folder.

    Nothing is written before the name, kind and size of every member are checked. A member is
    written under a temporary name, checked (length; checksum in zip archives and compressed tar
    archives) and renamed. After an interruption, a file is kept if it has exactly the bytes of its
    member. An archive named after a split unpacks into a folder of that name.

    Args:
        archives: zip or tar archives.
        work: working folder; kept between runs.
        progress: whether to show a progress bar.

    Returns:
        The folder of the members, within `work`.

    Raises:
        DataError: an archive cannot be read, is damaged or holds a forbidden member; or there is no
            space or permission to write.
    """
    members = _list_all(archives)
    tree, incoming = work / "tree", work / "incoming"
    with writing(work):
        tree.mkdir(parents=True, exist_ok=True)
        remove_others(tree, [tree / member.path for member in members])
        need_room((work, sum(member.size for member in members if not _has_size(tree, member))))
        with byte_bar(progress) as bar:
            task = bar.add_task("unpacking", total=sum(member.size for member in members))
            for archive in archives:
                with reader(archive) as read:
                    for member in members:
                        if member.archive != archive:
                            continue
                        target = tree / member.path
                        if not (_has_size(tree, member) and _same(target, read(member))):
                            _write(target, read(member), incoming)
                        bar.advance(task, member.size)
    return tree


def _list_all(archives: Sequence[Path]) -> list[Member]:
    members: list[Member] = []
    folders: list[tuple[Path, PurePosixPath]] = []
    for archive in archives:
        listing = list_archive(archive)
        tell_skipped(archive, listing.skipped)
        _check_nested(archive, listing)
        below = _split_folder(archive, listing)
        members += [member._replace(path=below / member.path) for member in listing.files]
        folders += [(archive, below / folder) for folder in listing.folders]
    check_together(folders, members)
    return members


def _check_nested(archive: Path, listing: Listing) -> None:
    """Refuse an archive of archives, which would leave a set without images."""
    inner = [str(member.path) for member in listing.files if _PACKED.search(member.path.name)]
    if inner and len(inner) == len(listing.files):
        raise DataError(
            f"{archive}: holds other archives ({', '.join(map(ascii, inner[:_SHOWN]))}); unpack it "
            "and name each of them with --source"
        )


def _split_folder(archive: Path, listing: Listing) -> PurePosixPath:
    name = archive.name.partition(".")[0]
    tops = {member.path.parts[0] for member in listing.files}
    return PurePosixPath(name if name in SPLITS and tops != {name} else "")


def _has_size(tree: Path, member: Member) -> bool:
    path = tree / member.path
    return path.is_file() and path.stat().st_size == member.size


def _same(path: Path, chunks: Iterator[bytes]) -> bool:
    with path.open("rb") as stream:
        return all(stream.read(len(chunk)) == chunk for chunk in chunks)


def _write(target: Path, chunks: Iterator[bytes], incoming: Path) -> None:
    with incoming.open("wb") as stream:
        for chunk in chunks:
            stream.write(chunk)
    target.parent.mkdir(parents=True, exist_ok=True)
    incoming.replace(target)
