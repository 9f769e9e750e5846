"""Errors of our defocus maps on scenes of known blur, compared with reference figures.

    python -m benchmarks.defocus_maps ebdb

Each scene has two planes of known blur (`benchmarks.two_plane`). The reference figures come from a
prototype written independently of this code. An error may exceed its reference by a quarter; shares
of pixels and medians may differ from their references by 2 %. Photographs contain blur already, so
their errors show how such images behave, not how accurate the map is.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import skimage.data
from numpy.typing import NDArray

from baselines.ebdb import ebdb_map, sparse_blur
from benchmarks.two_plane import two_plane, voronoi

Floats = NDArray[np.float64]
Figures = dict[str, float]

ERROR_FACTOR, TOLERANCE = 1.25, 0.02
# Figures that are not errors: they must lie within the tolerance on both sides.
TWO_SIDED = ("edges_%", "median_left", "median_right")
SEAM = 30

_COLUMNS = (
    "edges_%",
    "sparse_raw",
    "sparse_filtered",
    "all",
    "left",
    "right",
    "far",
    "median_left",
    "median_right",
)


class Scene(NamedTuple):
    """An image, the blur of its halves in px, and the reference figures."""

    image: str
    left: float
    right: float
    linearize: bool
    reference: Figures


class Row(NamedTuple):
    """One row of a table: measured figures, reference figures, and the seconds of one map."""

    name: str
    figures: Figures
    reference: Figures
    seconds: float


def _scene(image: str, left: float, right: float, linearize: bool, *values: float) -> Scene:
    return Scene(image, left, right, linearize, dict(zip(_COLUMNS, values, strict=True)))


EBDB_SCENES = (
    _scene("voronoi", 1, 2.5, True, 3.83, 0.121, 0.098, 0.159, 0.057, 0.262, 0.109, 1.017, 2.344),
    _scene("voronoi", 1, 2.5, False, 3.75, 0.086, 0.066, 0.116, 0.084, 0.149, 0.063, 1.038, 2.473),
    _scene("voronoi", 0.75, 2, False, 3.77, 0.076, 0.061, 0.101, 0.088, 0.115, 0.057, 0.799, 1.991),
    _scene(
        "voronoi", 1.5, 3.5, False, 3.53, 0.129, 0.098, 0.157, 0.083, 0.231, 0.086, 1.520, 3.423
    ),
    _scene("astronaut", 1, 2.5, True, 3.08, 0.515, 0.494, 0.296, 0.328, 0.264, 0.265, 1.314, 2.402),
    _scene(
        "astronaut", 1, 2.5, False, 3.01, 0.507, 0.489, 0.301, 0.373, 0.229, 0.273, 1.352, 2.633
    ),
    _scene("coffee", 1, 2.5, True, 2.65, 0.551, 0.515, 0.249, 0.282, 0.217, 0.215, 1.090, 2.346),
    _scene("coffee", 1, 2.5, False, 2.80, 0.578, 0.545, 0.276, 0.392, 0.159, 0.233, 1.254, 2.491),
    _scene("chelsea", 1, 2.5, True, 3.03, 0.800, 0.764, 0.677, 0.617, 0.737, 0.701, 1.497, 2.969),
)
# (image, weight of the known values): mean absolute error for blurs of 1 and 2.5 px.
EBDB_MATTING = {
    ("astronaut", 1e-3): 0.340,
    ("astronaut", 1e-2): 0.322,
    ("coffee", 1e-3): 0.384,
    ("coffee", 1e-2): 0.390,
    ("voronoi", 1e-3): 0.147,
    ("voronoi", 1e-2): 0.136,
}


def sharp_image(name: str) -> Floats:
    """`voronoi`, or a sample image of scikit-image, `[H, W, 3]` in [0, 1]."""
    if name == "voronoi":
        return voronoi()
    return np.asarray(getattr(skimage.data, name)() / 255, np.float64)


def map_errors(estimated: Floats, true: Floats) -> Figures:
    """Mean absolute errors by region, and medians away from the seam; both maps `[H, W]`, in px."""
    error, width = np.abs(estimated - true), estimated.shape[1]
    columns = np.arange(width)
    left, far = columns < width // 2, np.abs(columns - width // 2) >= SEAM
    return {
        "all": float(error.mean()),
        "left": float(error[:, left].mean()),
        "right": float(error[:, ~left].mean()),
        "far": float(error[:, far].mean()),
        "median_left": float(np.median(estimated[:, left & far])),
        "median_right": float(np.median(estimated[:, ~left & far])),
    }


def ebdb_figures(scene: Scene) -> tuple[Figures, float]:
    """The figures of a scene, in the order of the tables, and the seconds of its map."""
    image, true = two_plane(sharp_image(scene.image), scene.left, scene.right)
    start = time.perf_counter()
    estimated = ebdb_map(image, linearize=scene.linearize)
    seconds = time.perf_counter() - start
    known = sparse_blur(image, linearize=scene.linearize)
    edges = known.mask
    figures = {
        "edges_%": 100 * float(edges.mean()),
        "sparse_raw": float(np.abs(known.raw - true)[edges].mean()),
        "sparse_filtered": float(np.abs(known.filtered - true)[edges].mean()),
    }
    return figures | map_errors(estimated, true), seconds


def within(figures: Figures, reference: Figures) -> Figures:
    """The figures that miss their reference; empty if all pass."""
    missed = {}
    for name, expected in reference.items():
        value = figures[name]
        two_sided = name in TWO_SIDED
        passed = (
            abs(value - expected) <= TOLERANCE * expected
            if two_sided
            else value <= ERROR_FACTOR * expected
        )
        if not passed:
            missed[name] = value
    return missed


def ebdb_rows() -> Iterator[Row]:
    """The scenes, then the ablation with the matting Laplacian."""
    for scene in EBDB_SCENES:
        measure = "linearized" if scene.linearize else "encoded"
        name = f"{scene.image} {scene.left}, {scene.right}, {measure}"
        figures, seconds = ebdb_figures(scene)
        yield Row(name, figures, scene.reference, seconds)
    for (image, matting_lambda), expected in EBDB_MATTING.items():
        blurred, true = two_plane(sharp_image(image), 1, 2.5)
        start = time.perf_counter()
        estimated = ebdb_map(blurred, propagation="matting", matting_lambda=matting_lambda)
        seconds = time.perf_counter() - start
        errors = {"all": map_errors(estimated, true)["all"]}
        yield Row(f"{image}, matting {matting_lambda:g}", errors, {"all": expected}, seconds)


TABLES: dict[str, Callable[[], Iterator[Row]]] = {"ebdb": ebdb_rows}


def show(row: Row) -> bool:
    """Print a row's figures and references; returns whether all figures pass."""
    missed = within(row.figures, row.reference)
    print(f"{row.name} ({row.seconds:.1f} s): {'MISS ' + ', '.join(missed) if missed else 'ok'}")
    for name, expected in row.reference.items():
        print(f"  {name:16} {row.figures[name]:7.3f}   reference {expected:7.3f}")
    return not missed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tables", nargs="+", choices=TABLES)
    options = parser.parse_args()
    results = [show(row) for table in options.tables for row in TABLES[table]()]
    print(f"{sum(results)} of {len(results)} ok")
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
