"""The patch index: windows, what is kept of them, and a file that knows whose it is."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.kills import kill_repeatedly
from support.miniatures import random_scene, write_store
from support.paths import REPOSITORY, TINY

from pipeline.config.blocks import Patches
from pipeline.data.sampling import patch_index
from pipeline.data.sampling.patch_index import read_patch_index, write_patch_index
from pipeline.data.sampling.sharpness import gradient_energies, sharpness_scores
from pipeline.data.sampling.windows import index_windows
from pipeline.data.store.reader import PixelStore
from pipeline.errors import DataError

PATCHES = Patches(size=32, overlap=0.5, discard=0.3)


def make_store(folder: Path, scenes: int = 2) -> PixelStore:
    """Scenes of 12 windows of 32 pixels, sharper to the right and at some places only."""
    made = []
    for number in range(scenes):
        pixels = random_scene(64, 80, number)
        pixels[3] = (pixels[3] * np.linspace(0.1, 1, 80)[:, None]).astype(np.uint16)
        made.append(("train", pixels))
    return write_store(folder, [("val", random_scene(40, 40)), *made])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PixelStore:
    return make_store(tmp_path_factory.mktemp("index") / "store")


@pytest.fixture
def index(store: PixelStore, tmp_path: Path) -> Path:
    write_patch_index(store, PATCHES, tmp_path / "patches.csv")
    return tmp_path / "patches.csv"


def test_the_file_says_what_was_measured(store: PixelStore, index: Path) -> None:
    table = pd.read_csv(index, comment="#")
    windows = index_windows(store, PATCHES)
    assert len(table) == len(windows) == 2 * 12
    for number, rows in table.groupby("source", sort=False):
        scene = int(Path(number).stem)
        target = store.read(scene)["target"]
        places = [window for window in windows if window.scene == scene]
        assert list(zip(rows["top"], rows["left"], rows["size"], strict=True)) == [
            window[1:] for window in places
        ]
        energies = np.array(
            [
                gradient_energies(target[top : top + 32, left : left + 32])
                for _, top, left, _ in places
            ]
        )
        np.testing.assert_array_equal(rows[["e3", "e7", "e11", "e15"]], energies)
        np.testing.assert_array_equal(rows["score"], sharpness_scores(energies))
        assert (rows["kept"] == 0).sum() == 3
        assert rows["score"][rows["kept"] == 0].max() < rows["score"][rows["kept"] == 1].min()


def test_what_is_read_is_what_was_kept(store: PixelStore, index: Path) -> None:
    kept = pd.read_csv(index, comment="#")["kept"] == 1
    expected = [
        window for window, keep in zip(index_windows(store, PATCHES), kept, strict=True) if keep
    ]
    assert read_patch_index(index, store, PATCHES) == expected
    assert len(expected) == 2 * 9


def test_the_filter_can_be_switched_off(store: PixelStore, tmp_path: Path) -> None:
    everything = PATCHES.model_copy(update={"discard": 0.0})
    path = tmp_path / "all.csv"
    assert write_patch_index(store, everything, path) == 24
    assert read_patch_index(path, store, everything) == index_windows(store, everything)
    assert pd.read_csv(path, comment="#")["score"].isna().all()


def test_threads_do_not_change_the_file(store: PixelStore, index: Path, tmp_path: Path) -> None:
    assert write_patch_index(store, PATCHES, tmp_path / "other.csv", workers=3) == 18
    assert (tmp_path / "other.csv").read_bytes() == index.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"patches.csv", "other.csv"}


def test_what_was_measured_before_is_not_measured_again(
    store: PixelStore, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, measured = index.read_bytes(), []

    def interrupted(image: np.ndarray) -> tuple[float, ...]:
        measured.append(image)
        if len(measured) == 20:
            raise KeyboardInterrupt
        return gradient_energies(image)

    monkeypatch.setattr(patch_index, "gradient_energies", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_patch_index(store, PATCHES, index)
    assert index.read_bytes() == whole
    write_patch_index(store, PATCHES, index)
    assert len(measured) == 20 + 12
    assert index.read_bytes() == whole


def other_store(_: Path, tmp_path: Path) -> tuple[PixelStore, Patches]:
    return make_store(tmp_path / "other", 3), PATCHES


def other_settings(folder: Path, _: Path) -> tuple[PixelStore, Patches]:
    return PixelStore(folder), PATCHES.model_copy(update={"discard": 0.4})


@pytest.mark.parametrize("change", [other_store, other_settings])
def test_an_index_of_something_else(
    store: PixelStore,
    index: Path,
    tmp_path: Path,
    change: Callable[[Path, Path], tuple[PixelStore, Patches]],
) -> None:
    with pytest.raises(DataError, match=r"patches.csv: belongs to another store or .*make it ag"):
        read_patch_index(index, *change(store.folder, tmp_path))


@pytest.mark.parametrize(
    "damage",
    [
        lambda lines: lines[:-1],
        lambda lines: [*lines, lines[-1]],
        lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]],
        lambda lines: [*lines[:2], lines[2].replace(",32,0,", ",32,1,"), *lines[3:]],
        lambda lines: [*lines[:2], "nonsense", *lines[3:]],
        lambda lines: lines[:1],
        # Another window is kept, as many as before.
        lambda lines: [
            *lines[:2],
            *(line.replace(",32,0,", ",32,1,") for line in lines[2:3]),
            *(line.replace(",32,1,", ",32,0,", 1) for line in lines[3:4]),
            *lines[4:],
        ],
        lambda lines: [line.replace(",32,1,", ",32,1,nan,", 1) for line in lines],
        lambda lines: [*lines[:2], f'"{lines[2]}', *lines[3:]],
        lambda lines: [*lines[:2], lines[2] + "9" * 200_000, *lines[3:]],
        lambda lines: [*lines[:2], ",".join(lines[2].split(",")[:5]), *lines[3:]],
    ],
)
def test_a_damaged_index(
    store: PixelStore, index: Path, damage: Callable[[list[str]], list[str]]
) -> None:
    lines = index.read_text().splitlines()
    assert ",32,0," in lines[2]
    index.write_text("\n".join(damage(lines)) + "\n")
    with pytest.raises(DataError, match=r"patches.csv: does not hold the windows of its store"):
        read_patch_index(index, store, PATCHES)


def test_a_missing_index(store: PixelStore, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone.csv: cannot be read .*make it with"):
        read_patch_index(tmp_path / "gone.csv", store, PATCHES)


def test_kills_and_the_same_bytes(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store", 60)
    config = tmp_path / "mine.yaml"
    text = TINY.read_text()
    config.write_text(
        text.replace("{size: 64, overlap: 0.6, discard", "{size: 32, overlap: 0.8, discard")
    )
    settings = Patches(size=32, overlap=0.8, discard=0.3)
    write_patch_index(store, settings, tmp_path / "whole.csv")
    target = tmp_path / "out" / "patches.csv"
    command = [sys.executable, "-m", "pipeline", "patches", "--store", store.folder]
    command += ["--config", config, "--output", target]
    kill_repeatedly(
        [str(part) for part in command],
        kills=5,
        reset=lambda: shutil.rmtree(target.parent),
        cwd=REPOSITORY,
    )
    assert target.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    left = {path.name for path in target.parent.iterdir()}
    assert left == {"patches.csv", "patches.record.json"}


def test_the_command_says_how_many_are_kept(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", [("train", random_scene(64, 128))])
    command = [sys.executable, "-m", "pipeline", "patches", "--store", str(store.folder)]
    command += ["--config", "tests/e2e/tiny.yaml", "--output", str(tmp_path / "patches.csv")]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    # Windows at 0, 25, 50 and 64; one of four is left out.
    assert done.stdout == f"{tmp_path / 'patches.csv'}: 3 windows are kept\n"
