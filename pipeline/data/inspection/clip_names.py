"""Clips: consecutive images that belong together, identified by their names.

The names of a clip's frames are equal up to the last hyphen: `003-0001.png`, `003-0002.png`.
"""

from __future__ import annotations


def frame_name(clip: int, frame: int) -> str:
    """Name of a frame, without extension; both numbers count from 1.

    >>> frame_name(clip=3, frame=1)
    '003-0001'
    """
    return f"{clip:03d}-{frame:04d}"


def clip_of(name: str) -> str:
    """The part of a frame's name that identifies its clip; empty if the image is not a frame."""
    return name.rpartition("-")[0]
