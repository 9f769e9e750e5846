"""Packs a folder into a zip archive without compression, since PNG files are compressed already.

`python -m benchmarks.pack FOLDER ARCHIVE`; each file is deleted as soon as it is packed, so that
folder and archive together never need twice the space.
"""

from __future__ import annotations

import shutil
import sys
import zipfile
from pathlib import Path


def pack(folder: Path, archive: Path) -> None:
    """Move all files below `folder`, under its name, into a new archive; then remove the folder."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            packed.write(path, path.relative_to(folder.parent))
            path.unlink()
    shutil.rmtree(folder)


if __name__ == "__main__":
    pack(Path(sys.argv[1]), Path(sys.argv[2]))
