"""Clips: consecutive images that belong together, known by their names.

The frames of a clip share the name up to its last hyphen: `003-0001.png`, `003-0002.png`.
"""

from __future__ import annotations


def frame_name(clip: int, frame: int) -> str:
    """Name of a frame, without ending; both numbers count from 1."""
    return f"{clip:03d}-{frame:04d}"


def clip_of(name: str) -> str:
    """What the names of a clip's frames share; empty for an image that is no frame."""
    return name.rpartition("-")[0]
