"""Generates the companion set: clips of scenes filmed by a panning dual-pixel camera."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.config.blocks import Clips
from pipeline.data.inspection.clip_names import frame_name
from pipeline.data.inspection.layout import SPLITS
from pipeline.data.png import MAX_PIXELS
from pipeline.data.synthetic.camera import check_camera, draw_camera
from pipeline.data.synthetic.scenes import CATEGORIES, leaves_scene
from pipeline.data.synthetic.writer import SCENE_COLUMNS, Row, write_scene, write_set
from pipeline.errors import ConfigError

CLIP_COLUMNS = (*SCENE_COLUMNS, "top", "left")
"""Columns of `scenes.csv`; the last two give the position of a frame in its clip's scene."""

MAX_CLIPS = 999
"""Clip numbers have three digits."""

MAX_STEP = 4
"""Largest motion from frame to frame, in pixels, along each axis."""

# Whole pixels: every frame's sharp image is a crop of the scene, not softened by resampling. The
# motion is never zero: identical frames would be copies of one image.
_STEPS = [
    (down, right)
    for down in range(-MAX_STEP, MAX_STEP + 1)
    for right in range(-MAX_STEP, MAX_STEP + 1)
    if (down, right) != (0, 0)
]


class Pan(NamedTuple):
    """Camera motion over a scene, in pixels from frame to frame; negative is up or left."""

    down: int
    right: int

    def scene_size(self, size: tuple[int, int], frames: int) -> tuple[int, int]:
        """Height and width of the scene that is needed for frames of this size."""
        last = frames - 1
        return size[0] + last * abs(self.down), size[1] + last * abs(self.right)

    def corner(self, frame: int, frames: int) -> tuple[int, int]:
        """Top and left edge, in that scene, of a frame (counted from 0)."""
        top, left = (step * frame - min(0, step * (frames - 1)) for step in self)
        return top, left


def synthesize_clips(spec: Clips, seed: int, root: Path, workers: int, progress: bool) -> None:
    """Make the companion set: dual-pixel views and sharp targets of every frame.

    Each clip is one generated scene, larger than a frame, over which one camera moves at a constant
    speed. Blur does not depend on the position in the image, so the scene is blurred as a whole and
    then cropped; content beyond a frame's border blurs into it. Radial distortion belongs to the
    camera and is applied frame by frame.

    The folder appears atomically once everything is done. It contains
    `train_{c,l,r}/source/001-0001[_L|_R].png` (clip and frame, from 1), `train_c/target` with the
    names of the sources (16-bit RGB), and `scenes.csv`. The bytes depend
    only on `spec` and `seed`, not on `workers`.

    Args:
        spec: contents of the set.
        seed: main seed; each clip derives its own from it and its number.
        root: folder to write; an earlier generated set is replaced.
        workers: number of processes.
        progress: show a progress bar even if standard error is not a terminal.

    Raises:
        ConfigError: too many clips, or an impossible size, length, blur or focus.
        DataError: `root` holds something else, cannot be written, or a worker process died.
    """
    check_camera(spec, "companion")
    height, width = Pan(MAX_STEP, MAX_STEP).scene_size(spec.size, spec.frames)
    if height * width > MAX_PIXELS:
        raise ConfigError(
            f"companion: frames: {spec.frames} of {spec.size[0]}x{spec.size[1]} may need a scene "
            f"of {height}x{width}, more than {MAX_PIXELS} pixels; use fewer frames and more clips"
        )
    if spec.clips > MAX_CLIPS:
        raise ConfigError(f"companion: clips: {spec.clips} exceed the maximum of {MAX_CLIPS}")
    make = partial(_make_clip, spec, seed)
    write_set(root, make, range(spec.clips), CLIP_COLUMNS, workers, progress)


def _make_clip(spec: Clips, seed: int, folder: Path, clip: int) -> list[Row]:
    """Make and write the frames of one clip; return their rows of `scenes.csv`."""
    # Keys of scenes of a synthetic set begin with the index of a split, so none equals this one.
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(len(SPLITS), clip)))
    camera = draw_camera(spec, random)
    pan = Pan(*_STEPS[random.integers(len(_STEPS))])
    category = CATEGORIES[clip % len(CATEGORIES)]
    size = pan.scene_size(spec.size, spec.frames)
    views = camera.photograph(leaves_scene(size, category, camera.focus, random))
    rows: list[Row] = []
    for frame in range(spec.frames):
        top, left = pan.corner(frame, spec.frames)
        window = (slice(top, top + spec.size[0]), slice(left, left + spec.size[1]))
        name = frame_name(clip + 1, frame + 1)
        images = {view: camera.finish(image[window]) for view, image in views.items()}
        write_scene(folder, "train", name, name, images)
        made_from = f"generated:{seed}-clip-{clip}"
        names = (f"{name}.png", f"{name}.png")
        place = (str(top), str(left))
        rows.append(("train", *names, "main", category, "leaves", made_from, *place))
    return rows
