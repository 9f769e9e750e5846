"""No value leaves [0, 1]: noisy crops, distorted photographs, conversions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.bit_depth import to_uint8, to_uint16
from pipeline.data.sampling.augment import altered
from pipeline.data.synthetic.camera import DrawnCamera
from pipeline.data.synthetic.dual_pixel import BOKEHS, CAMERAS


@given(st.floats(-3, 3))
def test_conversions_clip_and_never_wrap(value: float) -> None:
    inside = min(max(value, 0.0), 1.0)
    assert to_uint16(np.array([value])).tolist() == [np.rint(inside * 65535)]
    assert to_uint8(np.array([value])).tolist() == [np.rint(inside * 255)]


@pytest.mark.parametrize("white", [True, False])
def test_noise_is_clipped_before_crops_are_shrunk(white: bool) -> None:
    """A mean over unclipped noise would stay white or black."""
    planes = np.full((6, 400, 400), 65535 if white else 0, np.uint16)
    found = altered(planes, 50, sigma=0.2, noise_seed=3, grayscale=False)
    # Half of the noise is clipped: the mean of the rest is 0.2 / sqrt(2 pi).
    level = found[:3].mean() / 65535
    assert abs((1 - level if white else level) - 0.2 / np.sqrt(2 * np.pi)) < 0.002
    assert (found[3:] == planes[0, 0, 0]).all()


def test_noise_is_clipped_before_colors_are_lost() -> None:
    """Gray of clipped noise on black is never negative, and brighter than of noise around 0."""
    planes = np.zeros((6, 100, 100), np.uint16)
    found = altered(planes, 100, sigma=0.2, noise_seed=3, grayscale=True)
    # Black only where all three channels were clipped.
    assert abs((found[0] == 0).mean() - 1 / 8) < 0.02


@pytest.mark.parametrize("distortion", [None, CAMERAS[1].distortion])
def test_a_photograph_is_clipped(distortion: tuple[float, float, float, float] | None) -> None:
    """Cubic splines overshoot at an edge, and rendered values by rounding."""
    camera = DrawnCamera(scale=5.0, focus=3.0, bokeh=BOKEHS[0], distortion=distortion)
    edge = np.zeros((40, 60, 3))
    edge[:, 30:] = 1.0
    edge[:5, :5] = -1e-3
    edge[-5:, -5:] = 1 + 1e-3
    found = camera.finish(edge)
    assert found.dtype == np.uint16
    # Wrapped values would lie on the other side.
    assert (found[:, :27] < 20000).all()
    assert (found[:, 33:] > 45000).all()
    assert not found[2, 2].any()
    assert (found[37, 57] == 65535).all()
