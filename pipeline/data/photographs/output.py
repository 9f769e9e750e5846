"""Where a result goes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pipeline.data.photographs.photograph import SUFFIXES
from pipeline.errors import DataError
from pipeline.files import need_writable


def output_file(output: str, images: Mapping[str, Path], *, force: bool = False) -> Path:
    """The file that `--output` means; nothing is made.

    Args:
        output: a file, or a folder (one that exists, or any name that ends with a slash), in which
            the file is named after the first image.
        images: the images to deblur, by view; none of them is ever replaced.
        force: whether another file of that name may be replaced.

    Raises:
        DataError: the file is an image to deblur, or exists, or cannot be written, or its name
            ends in no known way.
    """
    if not output:
        raise DataError("--output is empty; name a file or a folder")
    target = Path(output)
    if output.endswith(os.sep) or target.is_dir():
        first = next(iter(images.values()), Path("sharp.png"))
        suffix = first.suffix if first.suffix.lower() in SUFFIXES else ".png"
        target = target / f"{first.stem}{suffix}"
    if target.exists():
        for view, path in images.items():
            if path.exists() and target.samefile(path):
                raise DataError(f"{target}: is the {view} image itself; name another output")
        if not target.is_file():
            raise DataError(f"{target}: is not a regular file; name another output")
        if not force:
            raise DataError(f"{target}: exists; name another output, or replace it with --force")
    if target.suffix.lower() not in SUFFIXES:
        raise DataError(
            f"{target}: its name does not say how to store it; end it with {', '.join(SUFFIXES)}"
        )
    need_writable(target.parent)
    return target
