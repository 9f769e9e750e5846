"""The benchmark of the layered deconvolution: small runs, and what it says of a miss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import classical, classical_figures
from benchmarks.classical_figures import Figure, estimated_map
from benchmarks.classical_speed import compare, make_scene


@pytest.mark.parametrize("kind", ["smooth", "scattered"])
def test_a_scene_has_its_levels_and_a_image_out_of_focus(kind: str) -> None:
    scene = make_scene((130, 600), 4, kind)
    assert scene.sharp.shape == scene.blurred.shape == (130, 600, 3)
    counts = np.unique(scene.sigma, return_counts=True)[1]
    assert len(counts) == 4
    assert counts.max() - counts.min() <= 1
    # Only in a smooth map are neighbors alike.
    assert (np.mean(np.diff(scene.sigma) == 0) > 0.9) == (kind == "smooth")
    assert np.abs(scene.sharp - scene.blurred).mean() > 0.01


def test_both_ways_give_the_same_image() -> None:
    found = compare(make_scene((130, 150), 3, "smooth"), classical.HyperLaplacian(420), 1, 2)
    assert found.ours_db == pytest.approx(found.plain_db, abs=classical.DB)
    assert (found.plain_run, found.plain_all) == (2, 9)
    assert found.wall > 0
    assert found.ratio == found.plain_seconds / found.wall


def test_a_speed_run_prints_its_bounds(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = "--size 130 150 --levels 3 --plain-levels 2"
    options = classical.parse(["speed", *arguments.split()])
    classical.speed(options)
    out = capsys.readouterr().out
    assert "130x150, 3 levels of sigma 0.3 to 5, smooth map" in out
    assert "scaled from 2 of 9 solutions" in out


@pytest.mark.parametrize("arguments", ["", "speed --levels 1", "speed --levels 4 --threads 0"])
def test_senseless_arguments_are_refused(arguments: str) -> None:
    with pytest.raises(SystemExit):
        classical.parse(arguments.split())


def test_a_figure_beside_its_reference_is_a_miss(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [Figure("near", 1.05, 1), Figure("far", 0.85, 1), Figure("not at all", np.nan, 1)]
    monkeypatch.setattr(classical, "all_figures", lambda _: iter(found))
    assert not classical.figures()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines[-4:-1]] == ["ok", "MISS", "MISS"]
    assert lines[-1] == "1 of 3 figures agree"


def test_rows_of_estimated_maps_use_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def nothing_to_do(image: np.ndarray) -> np.ndarray:
        seen.append(image.shape)
        return np.zeros(image.shape[:2])

    rows = list(estimated_map("voronoi", nothing_to_do))
    assert seen == [(512, 512, 3)]
    assert [row.ours for row in rows] == [0] * 5
    assert [row.reference for row in rows] == [3.99, 2.85, 1.37, 1.20, 3.95]
    assert "its median" in rows[-2].name
    assert "map x 1.2" in rows[-1].name
    for name in ("borders", "uniform", "true_map", "discs"):
        monkeypatch.setattr(classical_figures, name, lambda *_: iter(()))
    assert len(list(classical_figures.all_figures(nothing_to_do))) == 12 + 5 + 5
    assert not list(classical_figures.all_figures())


def test_the_files_are_short() -> None:
    for path in Path(classical.__file__).parent.glob("classical*.py"):
        assert len(path.read_text().splitlines()) <= 300
