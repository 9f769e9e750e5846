"""The solvers: exact minima, reference vectors, and what happens at the border."""

from __future__ import annotations

import numpy as np
import pytest

from baselines._deconvolution import HyperLaplacian, RichardsonLucy, Solver, Wiener
from baselines._deconvolution.boundary import pad_edges, taper_edges
from baselines._deconvolution.hyper_laplacian import BETAS, solve_periodic
from baselines._deconvolution.psf import gaussian_psf
from baselines._deconvolution.shrinkage import shrink
from benchmarks.classical_plain import taper, to_transfer

V = np.array([0.1, 0.3, 0.6, 1, 1.6, 2.5])
SHRUNK = {
    (1 / 2, 8): (0, 0, 0.512714, 0.935377, 1.549795, 2.460153),
    (1 / 2, 64): (0.070597, 0.285375, 0.589828, 0.992157, 1.593812, 2.495054),
    (2 / 3, 1): (0, 0, 0, 0, 0.912729, 1.968015),
    (2 / 3, 8): (0, 0, 0.494628, 0.914135, 1.527643, 2.438084),
    (2 / 3, 64): (0.075336, 0.284156, 0.587563, 0.989547, 1.591077, 2.492317),
    (3 / 2, 8): (0.055735, 0.213387, 0.471281, 0.829256, 1.379757, 2.220594),
}
# First rows of a 24 x 24 problem.
SOLVED = {
    (2 / 3, 200): [
        [1.169621, 1.234471, -0.387658, -0.154198],
        [1.513999, 1.592635, -0.391946, -0.090115],
    ],
    (1 / 2, 200): [
        [1.228472, 1.306272, -0.352332, -0.144841],
        [1.53216, 1.557181, -0.34849, -0.132635],
    ],
    (3 / 2, 16.8): [
        [0.684464, 0.589923, 0.122732, 0.05602],
        [0.623474, 0.572924, 0.134159, 0.069696],
    ],
}
SOLVERS: list[Solver] = [HyperLaplacian(2000, 2 / 3), RichardsonLucy(30), Wiener()]


def cost(w: np.ndarray, v: np.ndarray, alpha: float, beta: float) -> np.ndarray:
    return np.abs(w) ** alpha + beta / 2 * (w - v) ** 2


def bars(height: int = 96, width: int = 120) -> np.ndarray:
    rows, columns = np.indices((height, width))
    return 0.2 + 0.5 * ((rows // 12 + columns // 15) % 2)


def blurred(sharp: np.ndarray, psf: np.ndarray) -> np.ndarray:
    """Blurred with replicated edges."""
    half = len(psf) // 2
    padded = np.pad(sharp, half, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, psf.shape)
    return np.einsum("ijkl,kl->ij", windows, psf)


@pytest.mark.parametrize(("alpha", "beta"), SHRUNK)
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 0), (np.float32, 1e-6)])
def test_shrinkage_of_the_reference_table(
    alpha: float, beta: float, dtype: type, rtol: float
) -> None:
    found = shrink(V.astype(dtype), alpha, beta)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, SHRUNK[alpha, beta], atol=6e-7, rtol=rtol)
    np.testing.assert_array_equal(shrink(-V.astype(dtype), alpha, beta), -found)


@pytest.mark.parametrize("alpha", [1 / 2, 2 / 3, 1, 3 / 2, 2])
def test_nothing_is_cheaper_than_the_shrunk_value(alpha: float) -> None:
    v = np.linspace(0, 3, 301)
    tried = np.linspace(0, 3, 6001)
    for beta in BETAS:
        best = cost(tried, v[:, None], alpha, beta).min(axis=1)
        found = cost(shrink(v, alpha, beta), v, alpha, beta)
        assert (found <= best + 1e-12).all()
        assert (found >= best - 1e-5 * beta).all()


def test_other_exponents_take_newton_steps() -> None:
    v = np.linspace(-3, 3, 301)
    tried = np.linspace(-3, 3, 12001)
    found = shrink(v, 1.2, 64)
    np.testing.assert_allclose(
        cost(found, v, 1.2, 64), cost(tried, v[:, None], 1.2, 64).min(axis=1), atol=1e-4
    )
    assert (shrink(v, 0.8, 1.0) * v >= 0).all()


def test_the_published_newton_steps_end_beside_the_minimum_at_small_weights() -> None:
    v = np.linspace(0, 1, 10001)
    # So little beside 3/2 that the closed form is not taken.
    steps = {beta: shrink(v, 1.5 + 1e-8, beta) for beta in (1, 8, 64)}
    errors = {beta: np.abs(w - shrink(v, 1.5, beta)).max() for beta, w in steps.items()}
    assert (steps[1] == 0).mean() == pytest.approx(0.18, abs=0.005)
    assert 0.03 < errors[1] < 0.1
    assert errors[8] == pytest.approx(2e-4, abs=5e-5)
    assert errors[64] < 1e-7


@pytest.mark.parametrize(("alpha", "lam"), SOLVED)
def test_the_iterations_give_the_reference_vectors(alpha: float, lam: float) -> None:
    y = np.random.RandomState(1).random_sample((1, 24, 24))
    psf = gaussian_psf(1)[5:12, 5:12]
    psf /= psf.sum()
    exact = solve_periodic(y, psf, lam, alpha)
    np.testing.assert_allclose(exact[0, :2, :4], SOLVED[alpha, lam], atol=1e-6)
    rounded = solve_periodic(y.astype(np.float32), psf, lam, alpha)
    assert rounded.dtype == np.float32
    # Below 1 the shrunk value jumps: rounding may send it to the other side, as noise of its size
    # does for some seeds. Which side float32 takes depends on the release of NumPy.
    noise = [1e-7 * np.random.RandomState(seed).randn(*y.shape) for seed in range(8)]
    moved = [solve_periodic(y + more, psf, lam, alpha) for more in noise] if alpha < 1 else []
    assert min(np.abs(rounded - one).max() for one in [exact, *moved]) < 1e-5


def test_the_weights_are_six() -> None:
    np.testing.assert_allclose(BETAS, [1, 2.828, 8, 22.63, 64, 181.0], rtol=2e-4)


@pytest.mark.parametrize("alpha", [2 / 3, 3 / 2])
def test_a_heavy_data_term_gives_the_image_back(alpha: float) -> None:
    y = np.random.default_rng(0).random((1, 24, 30))
    identity = np.zeros((3, 3))
    identity[1, 1] = 1
    np.testing.assert_allclose(solve_periodic(y, identity, 1e9, alpha), y, atol=1e-6)


def test_a_kernel_that_moves_is_undone_in_the_right_direction() -> None:
    x = np.random.default_rng(0).random((1, 24, 30))
    psf = np.zeros((3, 3))
    psf[2, 1] = 1
    y = np.roll(x, 1, axis=1)
    np.testing.assert_allclose(solve_periodic(y, psf, 1e9, 1.5), x, atol=1e-6)


@pytest.mark.parametrize("solver", [*SOLVERS, HyperLaplacian()], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_point_stays_where_it_is(solver: Solver, dtype: type) -> None:
    point = np.full((40, 51), 0.1)
    point[17, 29] = 1
    psf = gaussian_psf(1)
    y = blurred(point, psf).astype(dtype)
    x = solver.deconvolve(y[None], psf.astype(dtype))
    assert x.dtype == dtype
    assert np.unravel_index(x[0].argmax(), point.shape) == (17, 29)
    near = x[0, 13:22, 25:34]
    np.testing.assert_allclose(near, near[::-1], atol=2e-3)
    np.testing.assert_allclose(near, near[:, ::-1], atol=2e-3)


@pytest.mark.parametrize("solver", SOLVERS, ids=str)
def test_every_channel_becomes_sharper_up_to_the_border(solver: Solver) -> None:
    sharp, psf = bars(), gaussian_psf(1.5)
    y = np.stack([blurred(sharp, psf), 0.5 * blurred(sharp, psf)])
    x = solver.deconvolve(y, psf)
    for channel, scale in ((0, 1), (1, 0.5)):
        for part in (np.s_[:], np.s_[:8], np.s_[-8:], np.s_[:, :8], np.s_[:, -8:]):
            before = np.abs(y[channel] - scale * sharp)[part].mean()
            assert np.abs(x[channel] - scale * sharp)[part].mean() < 0.9 * before


def test_padding_replicates_the_edges() -> None:
    image = np.arange(700.0).reshape(20, 35)
    padded = pad_edges(image, gaussian_psf(0.5))
    assert (padded[4:24, 4:39] == image).all()
    assert (padded[:4, 4:39] == image[0]).all()
    assert (padded[24:, 38:] == image[-1, -1]).all()
    assert min(padded.shape[0] - 28, padded.shape[1] - 43) >= 0


def test_tapering_joins_opposite_edges_and_leaves_the_middle() -> None:
    ramp = np.tile(np.linspace(0, 1, 60), (50, 1))
    psf = gaussian_psf(1)
    tapered = taper_edges(ramp, psf)
    inside = slice(16, -16)
    np.testing.assert_allclose(tapered[inside, inside], ramp[inside, inside], atol=1e-12)
    assert np.abs(tapered[:, 0] - tapered[:, -1]).max() < 0.5
    assert tapered.min() >= 0
    assert tapered.max() <= 1


@pytest.mark.parametrize("shape", [(50, 60), (51, 61)])
def test_tapering_has_four_rounds_of_the_published_weights(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).random(shape)
    # Not the same along both axes.
    psf = gaussian_psf(1) * np.linspace(1, 2, 17)[:, None]
    psf /= psf.sum()
    expected, transfer = image, to_transfer(psf, shape)
    for _ in range(4):
        expected = taper(expected, psf, transfer)
    np.testing.assert_allclose(taper_edges(image, psf), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: HyperLaplacian(lam=0), "lam and alpha must be positive"),
        (lambda: HyperLaplacian(alpha=-1), "lam and alpha must be positive"),
        (lambda: HyperLaplacian(lam=float("nan")), "lam and alpha must be positive"),
        (lambda: RichardsonLucy(0), "num_iter must be at least 1"),
        (lambda: Wiener(0), "balance must be positive"),
    ],
)
def test_settings_must_make_sense(make, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        make()


def test_wiener_weighs_all_frequencies_alike() -> None:
    y = np.random.default_rng(0).random((1, 30, 36))
    psf = gaussian_psf(0.5)
    padded = taper_edges(pad_edges(y[0], psf), psf)
    canvas = np.zeros(padded.shape)
    canvas[:9, :9] = psf
    k = np.fft.fft2(np.roll(canvas, (-4, -4), (0, 1)))
    x = np.fft.ifft2(np.conj(k) * np.fft.fft2(padded) / (np.abs(k) ** 2 + 0.02)).real
    np.testing.assert_allclose(Wiener(0.02).deconvolve(y, psf)[0], x[4:34, 4:40], atol=1e-10)
