"""The camera that photographs generated scenes: its randomly drawn parameters and its images."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.config.blocks import Clips, Synthetic
from pipeline.data.bit_depth import to_uint16
from pipeline.data.png import MAX_PIXELS, Image
from pipeline.data.synthetic.dual_pixel import (
    BOKEHS,
    CAMERAS,
    FAR_DEPTH,
    MAX_RADIUS,
    Bokeh,
    Radii,
    coc_radius,
    radial_distortion,
    render,
)
from pipeline.data.synthetic.scenes import Scene
from pipeline.errors import ConfigError

MIN_SIDE = 16
"""Smallest height or width of an image in pixels."""


class DrawnCamera(NamedTuple):
    """A camera with the parameters drawn for one scene.

    `scale`: circle-of-confusion radius of a point at infinity, in pixels. `focus`: distance of the
    focal plane in meters. `bokeh`: shape of its kernels. `distortion`: coefficients of its radial
    distortion; `None` for a lens without distortion.
    """

    scale: float
    focus: float
    bokeh: Bokeh
    distortion: tuple[float, float, float, float] | None

    def photograph(self, scene: Scene) -> dict[str, npt.NDArray[Any]]:
        """The three views of a scene and the sharp image, before distortion.

        Returns:
            float64 [H, W, 3], sRGB-coded, by view (`pipeline.data.inspection.layout.VIEWS`).
        """
        views = render(scene.sharp, self.radii(scene), self.bokeh)
        return {**views._asdict(), "target": scene.sharp}

    def radii(self, scene: Scene) -> Radii:
        """Signed circle-of-confusion radius of every pixel, [H, W], in whole pixels."""
        return coc_radius(scene.depth, self.scale, self.focus)

    def finish(self, image: npt.NDArray[Any]) -> Image:
        """Distort an image, float [H, W, 3] in 0..1, and quantize it to 16 bits."""
        if self.distortion is not None:
            image = radial_distortion(image, self.distortion)
        return to_uint16(image)


def draw_camera(spec: Synthetic | Clips, random: np.random.Generator) -> DrawnCamera:
    """Draw a camera from the ranges of `spec`."""
    scale, focus = random.uniform(*spec.coc_far), random.uniform(*spec.focus)
    bokeh = BOKEHS[random.integers(len(BOKEHS))]
    distortion = CAMERAS[random.integers(len(CAMERAS))].distortion
    return DrawnCamera(scale, focus, bokeh, distortion if spec.distortion else None)


def check_camera(spec: Synthetic | Clips, block: str) -> None:
    """Refuse parameters that no camera can have.

    Args:
        spec: the ranges and the size.
        block: their block in the experiment file, for error messages.

    Raises:
        ConfigError: a range is empty or exceeds its limit, or the size is too small or too large.
    """
    ranges = {"coc_far": (spec.coc_far, MAX_RADIUS), "focus": (spec.focus, FAR_DEPTH)}
    for name, ((low, high), limit) in ranges.items():
        if not 0 < low <= high <= limit:
            raise ConfigError(
                f"{block}: {name}: {low}..{high} is not a range within 0..{limit:g}; fix its ends"
            )
    if min(spec.size) < MIN_SIDE or spec.size[0] * spec.size[1] > MAX_PIXELS:
        raise ConfigError(
            f"{block}: size: {spec.size[0]}x{spec.size[1]} cannot be made; use sides of at "
            f"least {MIN_SIDE} and at most {MAX_PIXELS} pixels"
        )
