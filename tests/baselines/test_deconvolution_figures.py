"""Reference figures of the deconvolution on whole images; the benchmark has the others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks import classical_figures as figures


def wrong(found: Iterator[figures.Figure]) -> list[str]:
    return [str(figure) for figure in found if not figure.agrees]


def test_padding_is_essential() -> None:
    found = list(figures.borders())
    assert [figure.reference for figure in found] == [26.40, 26.40, 19.69]
    assert not wrong(iter(found))


@pytest.mark.parametrize(("sigma", "noise"), [(1.5, 0.01), (3, 0.002)])
def test_one_blur(sigma: float, noise: float) -> None:
    assert not wrong(figures.uniform(sigma, noise))


@pytest.mark.parametrize("scene", ["astronaut", "voronoi", "coffee"])
def test_two_planes(scene: str) -> None:
    assert not wrong(figures.true_map(scene))


def test_discs() -> None:
    assert not wrong(figures.discs())
