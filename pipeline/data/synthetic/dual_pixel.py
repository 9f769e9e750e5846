"""Dual-pixel image formation from a sharp image and its depth.

The parametric point spread functions and the layered rendering of A. Abuolaim, M. Delbracio,
D. Kelly, M. S. Brown, P. Milanfar, "Learning to Reduce Defocus Blur by Realistically Modeling
Dual-Pixel Data", ICCV 2021, section 3, with the parameters of the authors' released generator.
The left and right views see opposite halves of the aperture. Like the authors, we blur sRGB-coded
values and select layers by hard masks.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

MAX_RADIUS = 40
"""Largest circle-of-confusion radius, in pixels."""

FAR_DEPTH = 250.0
"""Largest depth, in meters, in the generator's table."""

_DEPTH_INTERVALS = 2000
_SMOOTHING = 7

Floats = npt.NDArray[np.float64]
Radii = npt.NDArray[np.int64]


class Camera(NamedTuple):
    """A camera set of the publication: lens, and coefficients of its radial distortion.

    Focal length, f-number and focus distance are in the generator's units, so that `scale` is a
    radius in pixels.
    """

    focal_length: float
    f_number: float
    focus: float
    distortion: tuple[float, float, float, float]

    @property
    def scale(self) -> float:
        """Circle-of-confusion radius, in pixels, of a point at infinity."""
        sensor_distance = self.focal_length * self.focus / (self.focus - self.focal_length)
        return sensor_distance * (self.focal_length / self.f_number) / self.focus


CAMERAS = (
    Camera(4, 6, 5, (0.01, 0.0028, 0.0028, 0.9)),
    Camera(5, 8, 6, (0.008, 0.002, 0.002, 0.92)),
    Camera(7, 5, 8, (-0.0055, -0.0013, -0.0013, 1.009)),
    Camera(10, 13, 12, (-0.007, -0.0036, -0.0036, 1.015)),
    Camera(22, 10, 30, (-0.008, -0.005, -0.005, 1.015)),
)
"""The publication's five camera sets."""


class Bokeh(NamedTuple):
    """Shape of the point spread function: Butterworth order, cutoff factor and floor."""

    order: int
    cutoff: float
    beta: float


BOKEHS = tuple(
    Bokeh(order, cutoff, beta)
    for order in (3, 6, 9)
    for cutoff in (2.5, 2.0)
    for beta in (0.1, 0.2)
)
"""The twelve shapes of the publication's grid, in its order."""


class Views(NamedTuple):
    """The combined image and the two half-aperture images, each [H, W, 3]."""

    combined: npt.NDArray[Any]
    left: npt.NDArray[Any]
    right: npt.NDArray[Any]


class Kernels(NamedTuple):
    """Correlation kernels of the combined, left and right views, float64 [K, K], each of sum 1."""

    combined: Floats
    left: Floats
    right: Floats


def coc_radius(depth: npt.ArrayLike, scale: float, focus: float) -> Radii:
    """Signed circle-of-confusion radius of a thin lens.

    Args:
        depth: distances in meters, positive.
        scale: radius of a point at infinity, in pixels.
        focus: distance of the focal plane, in meters.

    Returns:
        Radii in whole pixels within ±`MAX_RADIUS`, same shape as `depth`; positive behind the
        focal plane.

    Raises:
        ValueError: a depth is not a positive number.
    """
    meters = np.asarray(depth, dtype=np.float64)
    if not np.all(meters > 0):
        raise ValueError("depths must be positive distances in meters")
    radius = np.rint(scale * (meters - focus) / meters)
    return np.clip(radius, -MAX_RADIUS, MAX_RADIUS).astype(np.int64)


def depth_layers(camera: Camera) -> Floats:
    """Depth intervals of equal radius, as the released generator tabulates them.

    Returns:
        float64 [N, 3], rows of signed radius in pixels, nearest and farthest depth in meters.
    """
    step = FAR_DEPTH / _DEPTH_INTERVALS
    near = np.arange(_DEPTH_INTERVALS) * step
    radius = coc_radius(near + step / 2, camera.scale, camera.focus)
    first = np.flatnonzero(np.diff(radius, prepend=radius[0] - 1))
    # The last interval is slightly longer, so that it contains the clipped maximum.
    end = np.append(near[first[1:]], FAR_DEPTH + 0.1)
    return np.stack([radius[first].astype(np.float64), near[first], end], axis=1)


def layer_radius(depth: npt.ArrayLike, layers: Floats) -> Radii:
    """Radius of each depth from the table of `depth_layers`; depths are clipped to its end.

    Args:
        depth: distances in meters.
        layers: [N, 3] as returned by `depth_layers`.

    Returns:
        Signed radii in pixels, same shape as `depth`.
    """
    meters = np.minimum(np.asarray(depth, dtype=np.float64), FAR_DEPTH)
    index = np.searchsorted(layers[:, 1], meters, side="right") - 1
    return layers[np.maximum(index, 0), 0].astype(np.int64)


@lru_cache(maxsize=1024)
def psf(radius: int, order: int, cutoff: float, beta: float) -> Kernels:
    """Dual-pixel point spread functions: a disc with a soft central dip, split by a linear ramp.

    Args:
        radius: signed circle-of-confusion radius in pixels; 0 gives the kernels of +1. In front
            of the focal plane (negative), left and right are swapped.
        order: order of the Butterworth profile.
        cutoff: its cutoff factor; larger values give a narrower dip.
        beta: its value at the center of the disc, 0..1.

    Returns:
        Three read-only kernels of equal size.

    Raises:
        ValueError: the radius exceeds `MAX_RADIUS`.
    """
    size = abs(radius) or 1
    if size > MAX_RADIUS:
        raise ValueError(f"radius {radius} exceeds {MAX_RADIUS} pixels")
    disc = _smooth(_dipped_disc(size, order, cutoff, beta))
    ramp = np.linspace(0.0, 1.0, disc.shape[1])
    rising = disc * ramp / np.sum(disc * ramp)
    falling = rising[:, ::-1]
    left, right = (falling, rising) if radius < 0 else (rising, falling)
    kernels = Kernels(disc / disc.sum(), left, right)
    for kernel in kernels:
        kernel.setflags(write=False)
    return kernels


def render(sharp: npt.NDArray[Any], radius: Radii, bokeh: Bokeh, *, exact: bool = False) -> Views:
    """Blur every pixel with the kernels of its radius.

    Args:
        sharp: [H, W, C] of any value range, sRGB-coded.
        radius: [H, W], signed radii in pixels.
        bokeh: shape of the kernels.
        exact: round to 8 bits like the released generator; `sharp` must then be in 0..255.

    Returns:
        Three images shaped like `sharp`: float64, or uint8 if `exact`.

    Raises:
        ValueError: shapes differ.
    """
    if sharp.ndim != 3 or radius.shape != sharp.shape[:2]:
        raise ValueError(f"shapes of image {sharp.shape} and radii {radius.shape} differ")
    # The focal plane is rendered with the kernels of radius +1.
    radius = np.where(radius == 0, 1, radius)
    reach = max(len(_kernels(int(r), bokeh).left) // 2 for r in (radius.min(), radius.max()))
    correlate = _Correlator(sharp.astype(np.float64), reach)
    left = np.empty(sharp.shape)
    right = np.empty(sharp.shape)
    for value in np.unique(radius):
        here = radius == value
        kernels = _kernels(int(value), bokeh)
        left[here] = correlate(kernels.left)[here]
        right[here] = correlate(kernels.right)[here]
    # The disc is symmetric and the two ramps sum to one, so the combined kernel is the mean of the
    # other two, and a third correlation is unnecessary.
    views = Views((left + right) / 2, left, right)
    if exact:
        return Views(*(np.clip(np.rint(view), 0, 255).astype(np.uint8) for view in views))
    return views


def radial_distortion(
    image: npt.NDArray[Any], coefficients: tuple[float, float, float, float]
) -> npt.NDArray[Any]:
    """Radial lens distortion by the barrel polynomial of the publication's camera sets.

    The output radius r (1 at half of the smaller side) samples A r^4 + B r^3 + C r^2 + D r.
    The border is mirrored; interpolation uses cubic splines.

    Args:
        image: float [H, W, C].
        coefficients: A, B, C and D.

    Returns:
        The distorted image, same shape and dtype.
    """
    height, width = image.shape[:2]
    a, b, c, d = coefficients
    center = np.array([height - 1, width - 1]) / 2
    y, x = np.mgrid[:height, :width] - center[:, None, None]
    r = np.hypot(y, x) / (min(height, width) / 2)
    factor = ((a * r + b) * r + c) * r + d
    # Not OpenCV's remap, which rounds positions to 1/32 pixel.
    positions = np.stack([y, x]) * factor + center[:, None, None]
    planes = [
        ndimage.map_coordinates(image[..., channel], positions, order=3, mode="mirror")
        for channel in range(image.shape[2])
    ]
    return np.stack(planes, axis=2)


def _kernels(radius: int, bokeh: Bokeh) -> Kernels:
    return psf(radius, bokeh.order, bokeh.cutoff, bokeh.beta)


def _dipped_disc(radius: int, order: int, cutoff: float, beta: float) -> Floats:
    axis = np.arange(-radius, radius + 1, dtype=np.float64)
    squared = axis[:, None] ** 2 + axis**2
    steepness = (squared / (2 * radius / cutoff) ** 2) ** order
    profile = steepness / (1 + steepness)
    profile = (profile - profile.min()) / (profile.max() - profile.min())
    return np.where(squared <= radius**2, beta + (1 - beta) * profile, 0.0)


def _smooth(kernel: Floats) -> Floats:
    window = round(len(kernel) / _SMOOTHING) + 1
    window += 1 - window % 2
    half = window // 2
    padded = np.pad(kernel, half)
    deviation = 0.3 * ((window - 1) / 2 - 1) + 0.8
    weights = np.exp(-(np.arange(-half, half + 1) ** 2) / (2 * deviation**2))
    weights /= weights.sum()
    blurred = cv2.sepFilter2D(
        padded, cv2.CV_64F, weights, weights, borderType=cv2.BORDER_REFLECT_101
    )
    return np.asarray(blurred, dtype=np.float64)


class _Correlator:
    """Correlates one image, mirrored at its border, with many kernels of limited reach."""

    def __init__(self, image: Floats, reach: int) -> None:
        self._reach = reach
        self._size = image.shape[:2]
        planes = np.moveaxis(image, 2, 0)
        padded = np.pad(planes, ((0, 0), (reach, reach), (reach, reach)), mode="reflect")
        self._shape = [fft.next_fast_len(side, real=True) for side in padded.shape[1:]]
        self._spectrum = fft.rfft2(padded, self._shape)

    def __call__(self, kernel: Floats) -> Floats:
        """The image correlated with `kernel`, [H, W, C]."""
        flipped = fft.rfft2(kernel[::-1, ::-1], self._shape)
        planes = fft.irfft2(self._spectrum * flipped, self._shape)
        start = self._reach + len(kernel) // 2
        height, width = self._size
        planes = planes[:, start : start + height, start : start + width]
        return np.moveaxis(planes, 0, 2)
