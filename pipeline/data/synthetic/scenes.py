"""Sharp images with depth, the scenes of the synthetic dual-pixel camera.

Three kinds: dead-leaves images (A. B. Lee, D. Mumford, J. Huang, "Occlusion Models for Natural
Images", IJCV 2001), photographs that ship inside the scikit-image package with an invented depth,
and that package's stereo pair (Middlebury 2014 "Motorcycle") with its measured disparity.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Literal, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.data.bit_depth import unit_range
from pipeline.errors import ConfigError, DataError

Category = Literal["indoor", "outdoor"]
Floats = npt.NDArray[np.float64]

PHOTOGRAPHS = {
    "astronaut": "astronaut.png",
    "chelsea": "chelsea.png",
    "coffee": "coffee.png",
    "hubble_deep_field": "hubble_deep_field.jpg",
    "ihc": "ihc.png",
    "retina": "retina.jpg",
    "rocket": "rocket.jpg",
}
"""Color images bundled with the scikit-image package (nothing is downloaded), by name."""

STEREO = "motorcycle_left"
"""Name of the sharp image of the stereo scene."""

CATEGORIES: tuple[Category, ...] = ("indoor", "outdoor")
"""Used in turn, so that a set contains equal numbers of both."""

DEPTH_RANGE: dict[Category, tuple[float, float]] = {"indoor": (1.5, 8.0), "outdoor": (3.0, 60.0)}
"""Nearest and farthest distance in meters: a room and a street."""

_STEREO_FILES = ("motorcycle_left.png", "motorcycle_disp.npz")
# Calibration published with the pair (scikit-image's documentation of `stereo_motorcycle`).
_STEREO_FOCAL_PX, _STEREO_OFFSET_PX, _STEREO_BASELINE_M = 994.978, 31.086, 0.193001

_OVERSAMPLING = 3
_LEAF_RADII = (0.1, 0.45)
# Channels of natural scenes are strongly correlated: a leaf is gray with a slight tint.
_LEAF_GRAYS, _LEAF_TINT = (0.1, 0.9), 0.03
_REGION_RADII = (0.25, 0.6)
_COVERAGE = 6.0


class Scene(NamedTuple):
    """A sharp image, float64 [H, W, 3] in 0..1 (sRGB-coded), and its depth in meters [H, W]."""

    sharp: Floats
    depth: Floats


def leaves_scene(
    size: tuple[int, int], category: Category, focus: float, random: np.random.Generator
) -> Scene:
    """Make a dead-leaves scene: opaque discs of uniform color, nearer ones hiding farther ones.

    Radii follow a power law of exponent -3; every leaf has its own depth.

    Args:
        size: height and width in pixels.
        category: selects the depth range.
        focus: focus distance in meters (see `depth_from_rank`).
        random: source of all randomness.
    """
    fine = (size[0] * _OVERSAMPLING, size[1] * _OVERSAMPLING)
    numbers = _leaf_numbers(fine, _LEAF_RADII, random)
    leaves = int(numbers.max()) + 1
    grays = random.uniform(*_LEAF_GRAYS, (leaves, 1))
    colors = grays + random.uniform(-_LEAF_TINT, _LEAF_TINT, (leaves, 3))
    sharp = cv2.resize(colors[numbers], size[::-1], interpolation=cv2.INTER_AREA)
    rank = _rank_by_area(numbers)[_centers(fine[0], size[0])][:, _centers(fine[1], size[1])]
    return Scene(np.asarray(sharp, np.float64), depth_from_rank(rank, category, focus))


def photograph_scene(
    name: str,
    size: tuple[int, int],
    category: Category,
    focus: float,
    random: np.random.Generator,
) -> Scene:
    """A photograph with a random depth map: smooth in half of the cases, layered otherwise.

    Args:
        name: one of `PHOTOGRAPHS`.
        size: height and width in pixels; the image is cropped around its center and resampled.
        category: selects the depth range.
        focus: focus distance in meters (see `depth_from_rank`).
        random: source of all randomness.

    Raises:
        ConfigError: the photograph is unknown.
        DataError: the installed scikit-image lacks the file.
    """
    if name not in PHOTOGRAPHS:
        raise ConfigError(f"unknown photograph {name!r}; known: {', '.join(sorted(PHOTOGRAPHS))}")
    sharp = _fit(bundled_image(PHOTOGRAPHS[name]), size)
    if random.random() < 0.5:
        rank = _smooth_field(size, random)
    else:
        rank = _rank_by_area(_leaf_numbers(size, _REGION_RADII, random))
    return Scene(sharp, depth_from_rank(rank, category, focus))


def stereo_scene(size: tuple[int, int]) -> Scene:
    """The left image of the bundled stereo pair with the depth given by its disparity.

    Depth is focal length times baseline over (disparity + offset of the principal points), 2 to 5
    meters. Pixels without a measurement take the depth of the farther neighbor in their row,
    because they are hidden from the other camera.

    Args:
        size: height and width in pixels; cropped around the center and resampled.

    Raises:
        DataError: the installed scikit-image lacks the files.
    """
    image, disparity_file = _STEREO_FILES
    path = _bundled(disparity_file)
    with np.load(path) as archive:
        disparity = _fill_rows(archive["arr_0"].astype(np.float64))
    depth = _STEREO_FOCAL_PX * _STEREO_BASELINE_M / (disparity + _STEREO_OFFSET_PX)
    rows, columns = _central_crop(depth.shape, size)
    depth = depth[rows, columns]
    # Averaging would create depths between an object and its background.
    depth = depth[_centers(depth.shape[0], size[0])][:, _centers(depth.shape[1], size[1])]
    return Scene(_fit(bundled_image(image), size), depth)


def bundled_image(file_name: str) -> Floats:
    """A color image bundled with the scikit-image package, float64 [H, W, 3], RGB in 0..1.

    Raises:
        DataError: the installed scikit-image lacks the file, or it cannot be decoded.
    """
    path = _bundled(file_name)
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise DataError(f"{path}: cannot be decoded; reinstall scikit-image")
    return unit_range(np.asarray(image[:, :, ::-1], np.uint8), np.float64)


def depth_from_rank(rank: Floats, category: Category, focus: float) -> Floats:
    """Map ranks to depths, uniformly in inverse depth and therefore in circle-of-confusion radius.

    Args:
        rank: 0 (farthest) to 1 (nearest).
        category: selects the depth range.
        focus: focus distance in meters. Nothing is nearer than half of it, so that no foreground
            is blurred more than a point at infinity.

    Returns:
        Depth in meters, same shape as `rank`.
    """
    near, far = DEPTH_RANGE[category]
    near = max(near, focus / 2)
    far = max(far, near)
    return 1 / (1 / far + rank * (1 / near - 1 / far))


def _bundled(file_name: str) -> Path:
    spec = importlib.util.find_spec("skimage")
    folders = spec.submodule_search_locations if spec else None
    path = Path(next(iter(folders))) / "data" / file_name if folders else Path(file_name)
    if not path.is_file():
        raise DataError(f"{path}: not part of the installed scikit-image; install the locked one")
    return path


def _central_crop(shape: tuple[int, ...], size: tuple[int, int]) -> tuple[slice, slice]:
    """The largest central window with the proportions of `size`."""
    scale = min(shape[0] / size[0], shape[1] / size[1])
    height, width = (max(1, round(scale * side)) for side in size)
    top, left = (shape[0] - height) // 2, (shape[1] - width) // 2
    return slice(top, top + height), slice(left, left + width)


def _fit(image: Floats, size: tuple[int, int]) -> Floats:
    rows, columns = _central_crop(image.shape, size)
    crop = np.ascontiguousarray(image[rows, columns])
    shrinks = crop.shape[0] >= size[0]
    fitted = cv2.resize(
        crop, size[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    )
    return np.clip(np.asarray(fitted, np.float64), 0, 1)


def _centers(source: int, target: int) -> npt.NDArray[np.int64]:
    """Index of the source pixel under the center of each target pixel."""
    return ((np.arange(target) + 0.5) * source / target).astype(np.int64)


def _leaf_numbers(
    size: tuple[int, int], radii: tuple[float, float], random: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Number of the topmost leaf at each pixel; later leaves lie on top, 0 is the background.

    `radii` are fractions of the smaller side. Leaves are added until their areas sum to several
    times the image area.
    """
    height, width = size
    smallest, largest = (fraction * min(size) for fraction in radii)
    numbers = np.zeros(size, dtype=np.int64)
    area = 0.0
    while area < _COVERAGE * height * width:
        # Inverse transform sampling of the density r^-3.
        radius = (largest**-2 + random.random() * (smallest**-2 - largest**-2)) ** -0.5
        y = random.uniform(-radius, height + radius)
        x = random.uniform(-radius, width + radius)
        top, left = max(0, int(y - radius)), max(0, int(x - radius))
        window = numbers[top : max(0, int(y + radius) + 2), left : max(0, int(x + radius) + 2)]
        rows = np.arange(top, top + window.shape[0])[:, None]
        columns = np.arange(left, left + window.shape[1])
        disc = (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
        if disc.any():
            window[disc] = numbers.max() + 1
        area += np.pi * radius**2
    return numbers


def _rank_by_area(numbers: npt.NDArray[np.int64]) -> Floats:
    """Rank of each pixel's leaf, from far to near; equal areas span equal intervals of rank."""
    areas = np.bincount(numbers.ravel())
    ranks = (np.cumsum(areas) - areas / 2) / numbers.size
    return np.asarray(ranks[numbers], np.float64)


def _smooth_field(size: tuple[int, int], random: np.random.Generator) -> Floats:
    """A sum of low-frequency waves, scaled to 0..1."""
    y, x = np.mgrid[: size[0], : size[1]] / max(size)
    field = np.zeros(size)
    for _ in range(4):
        vertical, horizontal = random.uniform(-1.5, 1.5, 2)
        phase = random.uniform(0, 2 * np.pi)
        field += np.cos(2 * np.pi * (vertical * y + horizontal * x) + phase)
    value_range = float(np.ptp(field))
    return (field - field.min()) / value_range if value_range > 0 else field * 0


def _fill_rows(disparity: Floats) -> Floats:
    """Replace missing values by the smaller of the nearest measured ones to the left and right."""
    measured = np.isfinite(disparity)
    columns = np.arange(disparity.shape[1])
    before = np.maximum.accumulate(np.where(measured, columns, -1), axis=1)
    after = np.minimum.accumulate(np.where(measured, columns, len(columns))[:, ::-1], axis=1)[
        :, ::-1
    ]
    padded = np.pad(np.where(measured, disparity, np.inf), ((0, 0), (1, 1)), constant_values=np.inf)
    filled: Floats = np.minimum(
        np.take_along_axis(padded, before + 1, axis=1),
        np.take_along_axis(padded, after + 1, axis=1),
    )
    return filled
