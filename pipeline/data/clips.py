"""Clips in a pixel store: consecutive pictures that belong together."""

from __future__ import annotations

from pipeline.data.pixels import PixelStore


def clips_of(store: PixelStore) -> list[list[int]]:
    """Numbers of the training scenes, clip by clip, frames in order.

    The frames of a clip share the name up to its last hyphen: `003-0001.png`, `003-0002.png`. A
    picture without a hyphen is a clip of its own.

    Raises:
        DataError: there is no training scene.
    """
    clips: dict[str, list[int]] = {}
    for number in store.of_split("train"):
        name = store.scenes[number].source
        clip, hyphen, _ = name.rpartition("-")
        clips.setdefault(clip if hyphen else name, []).append(number)
    return list(clips.values())
