"""JPEG photographs; of a file with several images, as some phones write them, the first."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from pipeline.data.photographs.metadata import read_exif
from pipeline.data.photographs.photograph import Metadata, Photograph, check_size, damaged
from pipeline.data.photographs.samples import to_rgb
from pipeline.errors import DataError


def decode(path: Path, content: bytes) -> Photograph:
    """Decode a JPEG file; `path` is for messages.

    Raises:
        DataError: the file is damaged or too large, or has other colors than gray or RGB.
    """
    try:
        image = Pillow.open(io.BytesIO(content), formats=["JPEG", "MPO"])
        check_size(path, *image.size)
        if image.mode not in ("L", "RGB"):
            raise DataError(f"{path}: {image.mode} colors; export it as RGB or gray")
        pixels = np.asarray(image)
    except DataError:
        raise
    except Pillow.DecompressionBombError:
        raise DataError(
            f"{path}: claims too many pixels; check where this file came from, or reduce it"
        ) from None
    except Exception:  # Pillow raises errors of many types on damaged files.
        damaged(path, "it is truncated or its data are not those of a JPEG file")
    orientation, exif, problem = read_exif(image.info.get("exif", b""))
    metadata = Metadata(exif, image.info.get("icc_profile"), (), orientation)
    notes = tuple(filter(None, [problem]))
    return Photograph(to_rgb(path, pixels), "jpeg", 8, image.mode == "L", metadata, notes)
