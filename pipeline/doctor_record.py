"""What the examination of a data set found, as a record."""

from __future__ import annotations

from typing import Literal

from pipeline.record_base import Record


class ImageReport(Record):
    """An image that could be decoded.

    Size in pixels, bits per channel, length in bytes, SHA-256. `correlation` with the combined
    view of its scene (-1 to 1) and `shift` against it (pixels to the right and down, coarse);
    `null` for the combined view and where they cannot be determined.
    """

    width: int
    height: int
    bit_depth: int
    bytes: int
    sha256: str
    correlation: float | None
    shift: tuple[float, float] | None


class DoctorReport(Record):
    """What `dmtbench doctor` found in a data set.

    `layout`: name of the layout and its folder. `labels`: source of the labels indoor and outdoor.
    `ground_truth`: whether there are sharp images. `scenes`: their number by split. `images`: by
    path relative to `root`. `unjudged`: number of views too small or too flat to compare with
    their scene. `seconds`: duration of the examination. `problems`, `notes`: one line each.
    """

    kind: Literal["doctor"] = "doctor"
    root: str
    layout: str
    labels: str
    ground_truth: bool
    scenes: dict[str, int]
    unjudged: int
    seconds: float
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    images: dict[str, ImageReport]
