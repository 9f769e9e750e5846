"""Reference figures of the layered deconvolution, and ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage import color, data

from baselines._deconvolution import HyperLaplacian, RichardsonLucy, Solver, deconvolve_layers
from baselines._deconvolution.boundary import pad_edges
from baselines._deconvolution.hyper_laplacian import solve_periodic
from baselines._deconvolution.layers import Kernel
from baselines._deconvolution.psf import gaussian_psf
from baselines._shared.eight_bit_map import through_eight_bits
from baselines.ebdb.blur import MAX_SIGMA
from benchmarks.classical_references import (
    BORDERS,
    DISC,
    DISC_INPUT,
    DISC_RADII,
    DISC_SHARE,
    EIGHT_BIT,
    ITERATIONS,
    LAMBDAS,
    MEDIAN,
    MEDIAN_SOLVER,
    SCALED,
    TWO_PLANE,
    TWO_THIRDS,
    UNIFORM,
)
from benchmarks.disc_scene import disc_scene
from benchmarks.two_plane import two_plane, voronoi

Floats = NDArray[np.floating]
DefocusMap = Callable[[NDArray[np.float64]], NDArray[np.float64]]

EXACT, ESTIMATED = 0.1, 0.3
VARIANT = (
    "ours: 33 levels by Hazen quantiles at i/33, four edge tapers; references with EBDB's map:\n"
    "quantiles at (i - 1/2)/n, astronaut 32 levels and tapers, voronoi and coffee 16 and none"
)
HEAD = f"{'dB':66s} {'ours':>8s} {'ref.':>8s} {'diff.':>6s} {'tol.':>5s}"


@dataclass(frozen=True)
class Figure:
    """A measured figure in dB and its reference."""

    name: str
    ours: float
    reference: float
    tolerance: float = EXACT

    @property
    def agrees(self) -> bool:
        return abs(self.ours - self.reference) <= self.tolerance

    def __str__(self) -> str:
        verdict = "ok" if self.agrees else "MISS"
        return (
            f"{self.name:66s} {self.ours:8.2f} {self.reference:8.2f} "
            f"{self.ours - self.reference:+6.2f} {self.tolerance:5.2f}  {verdict}"
        )


def all_figures(defocus_map: DefocusMap | None = None) -> Iterator[Figure]:
    """All tables; rows of estimated maps only if `defocus_map` is given.

    Args:
        defocus_map: image `[H, W, 3]` to map `[H, W]`; the references are those of EBDB's map
            without linearization.
    """
    yield from borders()
    for sigma, noise in UNIFORM:
        yield from uniform(sigma, noise)
    for scene in TWO_PLANE:
        yield from true_map(scene)
        if defocus_map is not None:
            yield from estimated_map(scene, defocus_map)
    yield from discs()


def borders() -> Iterator[Figure]:
    """The effect of padding."""
    blurred, psf = _gray_blurred(3, 0.002), gaussian_psf(3)
    half = len(psf) // 2
    inside = slice(half, half + 512)
    padded = solve_periodic(pad_edges(blurred, psf)[None], psf, 2000, TWO_THIRDS)
    results = {
        "padded and tapered": HyperLaplacian(2000, TWO_THIRDS).deconvolve(blurred[None], psf)[0],
        "padded": padded[0, inside, inside],
        "neither": solve_periodic(blurred[None], psf, 2000, TWO_THIRDS)[0],
    }
    for name, reference in BORDERS.items():
        yield Figure(f"border, {name}", psnr(results[name], _gray(), 0), reference)


def uniform(sigma: float, noise: float) -> Iterator[Figure]:
    """Uniform blur with a known kernel."""
    input_psnr, by_alpha, by_iterations = UNIFORM[sigma, noise]
    blurred, psf = _gray_blurred(sigma, noise), gaussian_psf(sigma)
    name = f"uniform, sigma {sigma:g}, noise {noise:g}"
    yield Figure(f"{name}, input", psnr(blurred, _gray(), 16), input_psnr)
    cells: dict[Solver, float] = {
        HyperLaplacian(lam, alpha): reference
        for alpha, row in by_alpha.items()
        for lam, reference in zip(LAMBDAS, row, strict=True)
    }
    for num_iter, reference in zip(ITERATIONS, by_iterations, strict=True):
        cells[RichardsonLucy(num_iter)] = reference
    for solver, reference in cells.items():
        sharp = solver.deconvolve(blurred[None], psf)[0]
        yield Figure(f"{name}, {label(solver)}", psnr(sharp, _gray(), 16), reference)


def true_map(scene: str) -> Iterator[Figure]:
    """Gains on a two-plane scene with its true map."""
    sharp, (blurred, sigma) = _sharp(scene), two_plane(_sharp(scene), 1, 2.5)
    before = psnr(blurred, sharp, 8)
    yield Figure(f"{scene}, input", before, TWO_PLANE[scene][0])
    for solver, (reference, _) in TWO_PLANE[scene][1].items():
        if reference is not None:
            after = psnr(deconvolve_layers(blurred, sigma, solver=solver), sharp, 8)
            yield Figure(f"{scene}, true map, {label(solver)}", after - before, reference)


def estimated_map(scene: str, defocus_map: DefocusMap) -> Iterator[Figure]:
    """Gains on the same scene with a map estimated from the blurred image."""
    sharp, (blurred, _) = _sharp(scene), two_plane(_sharp(scene), 1, 2.5)
    sigma = defocus_map(blurred)
    before = psnr(blurred, sharp, 8)

    def figure(kind: str, used: Floats, solver: Solver, reference: float) -> Figure:
        after = psnr(deconvolve_layers(blurred, used, solver=solver), sharp, 8)
        name = f"{scene}, {kind}, {label(solver)}"
        return Figure(name, after - before, reference, ESTIMATED)

    for solver, (_, reference) in TWO_PLANE[scene][1].items():
        if reference is not None:
            yield figure("estimated map", sigma, solver, reference)
    if scene in MEDIAN:
        flat = np.full_like(sigma, np.nanmedian(sigma))
        yield figure("its median", flat, MEDIAN_SOLVER, MEDIAN[scene])
    for factor, solver, reference in SCALED[scene]:
        yield figure(f"estimated map x {factor:g}", factor * sigma, solver, reference)
    if scene == "astronaut":
        stored = through_eight_bits(sigma, MAX_SIGMA)
        for solver, reference in EIGHT_BIT.items():
            yield figure("estimated map, 8 bits", stored, solver, reference - TWO_PLANE[scene][0])


def discs() -> Iterator[Figure]:
    """Disc blur, deconvolved with discs and with Gaussians."""
    sharp = _sharp("astronaut")
    blurred, sigma = disc_scene(sharp, left=DISC_RADII[0], right=DISC_RADII[1])
    yield Figure("discs, input", psnr(blurred, sharp, 8), DISC_INPUT)
    kinds: tuple[tuple[str, Kernel, float], ...] = (
        ("disc", "disc", 1),
        ("Gaussian .545 r", "gaussian", 1),
        ("Gaussian .5 r", "gaussian", DISC_SHARE),
    )
    for solver, references in DISC.items():
        for (name, kernel, share), reference in zip(kinds, references, strict=True):
            result = deconvolve_layers(blurred, share * sigma, solver=solver, psf=kernel)
            yield Figure(f"discs, {name}, {label(solver)}", psnr(result, sharp, 8), reference)


def psnr(prediction: Floats, target: Floats, border: int) -> float:
    """PSNR in dB of the prediction clipped to [0, 1], without a border of `border` px."""
    inside = (slice(border, target.shape[0] - border), slice(border, target.shape[1] - border))
    error = np.clip(prediction, 0, 1)[inside] - target[inside]
    return float(-10 * np.log10(np.mean(error**2)))


def label(solver: Solver) -> str:
    """Name of a solver, for example `HyperLaplacian(lam=2000, alpha=0.667)`."""
    if isinstance(solver, HyperLaplacian):
        return str(replace(solver, alpha=round(solver.alpha, 3)))
    return str(solver)


@cache
def _sharp(scene: str) -> NDArray[np.float64]:
    return voronoi() if scene == "voronoi" else getattr(data, scene)() / 255


@cache
def _gray() -> Floats:
    return color.rgb2gray(data.astronaut())  # type: ignore[no-untyped-call]


@cache
def _gray_blurred(sigma: float, noise: float) -> Floats:
    random = np.random.RandomState(0)
    blurred = gaussian_filter(_gray(), sigma, truncate=8.5)
    return np.clip(blurred + noise * random.standard_normal(blurred.shape), 0, 1)
