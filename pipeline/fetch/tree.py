"""The working folder: which files belong in it, and which of its folders is the data set."""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path, PurePath

SPLITS = ("train", "val", "test")

_SHOWN = 3

_JUNK_NAMES = {
    # macOS.
    "__macosx", ".ds_store", "icon\r", ".appledouble", ".apdisk", ".localized", ".trashes",
    ".fseventsd", ".spotlight-v100", ".temporaryitems", ".documentrevisions-v100",
    # Windows.
    "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information",
    # Linux and network drives.
    ".directory", "@eadir", ".dropbox", "lost+found",
}  # fmt: skip


def is_junk(path: PurePath) -> bool:
    """Whether a file is a by-product of a file manager, which no system needs."""
    return path.name.startswith("._") or any(part.lower() in _JUNK_NAMES for part in path.parts)


def tell_skipped(place: Path, skipped: Collection[PurePath]) -> None:
    """Say in one line, on standard error, which files of a place are left out."""
    if skipped:
        names = sorted({ascii(path.name)[1:-1] for path in skipped})
        shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
        files = "1 file" if len(skipped) == 1 else f"{len(skipped)} files"
        print(f"{place}: skipped {files} of file managers ({shown})", file=sys.stderr, flush=True)


def remove_others(tree: Path, wanted: Collection[Path]) -> None:
    """Remove everything below `tree` except the files `wanted` and their folders.

    An interrupted run leaves files behind, which must not mix with those of another archive.
    """
    files = set(wanted)
    folders = {parent for path in files for parent in path.parents}
    # In reverse, so that a folder comes after its contents.
    for path in sorted(tree.rglob("*"), reverse=True):
        if path.is_symlink() or not path.is_dir():
            if path not in files or path.is_symlink():
                path.unlink()
        elif path not in folders:
            path.rmdir()


def data_root(tree: Path) -> Path:
    """The data set within `tree`: archives may wrap it in folders that hold nothing else."""
    while True:
        children = list(tree.iterdir())
        wraps = len(children) == 1 and children[0].is_dir()
        if not wraps or children[0].name.partition("_")[0] in SPLITS:
            return tree
        tree = children[0]
