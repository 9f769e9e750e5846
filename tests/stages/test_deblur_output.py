"""`dmtbench deblur`: where its output goes, what it never replaces, where it runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.fixture_types import Run
from support.paths import CONFIG

from pipeline.data.photographs.output import output_file
from pipeline.data.png import read_png, write_png16
from pipeline.errors import DataError

BEFORE = b"somebody's file"


@pytest.fixture
def shot(tmp_path: Path) -> dict[str, Path]:
    """A left and a right image, named as a camera names them."""
    random = np.random.default_rng(0)
    paths = {view: tmp_path / "in" / f"IMG_1.{view}.png" for view in ("left", "right")}
    for path in paths.values():
        path.parent.mkdir(exist_ok=True)
        write_png16(path, random.integers(0, 65536, (24, 32, 3)).astype(np.uint16))
    return paths


def same(folder: Path, image: Path) -> str:
    return str(image)


def other_spelling(folder: Path, image: Path) -> str:
    return f"{image.parent}/../{image.parent.name}/{image.name}"


def symbolic_link(folder: Path, image: Path) -> str:
    (folder / "link.png").symlink_to(image)
    return str(folder / "link.png")


def hard_link(folder: Path, image: Path) -> str:
    os.link(image, folder / "link.png")
    return str(folder / "link.png")


def its_own_folder(folder: Path, image: Path) -> str:
    (folder / "own").mkdir()
    image.rename(folder / "own" / "IMG_1.left.png")
    image.symlink_to(folder / "own" / "IMG_1.left.png")
    return f"{folder}/own/"


@pytest.mark.parametrize("force", [[], ["--force"]])
@pytest.mark.parametrize("named", [same, other_spelling, symbolic_link, hard_link, its_own_folder])
def test_an_input_is_never_replaced(
    run: Run,
    shot: dict[str, Path],
    tmp_path: Path,
    named: Callable[[Path, Path], str],
    force: list[str],
) -> None:
    output, before = named(tmp_path, shot["left"]), shot["left"].read_bytes()
    done = run("deblur", *shot.values(), "--method", "mean", "-o", output, *force)
    assert (done.code, len(done.err)) == (1, 1)
    assert "is the left image itself; name another output" in done.err[0]
    assert shot["left"].read_bytes() == before


def test_another_file_is_replaced_only_by_force(
    run: Run, shot: dict[str, Path], tmp_path: Path
) -> None:
    target = tmp_path / "sharp.png"
    target.write_bytes(BEFORE)
    command = ["deblur", *shot.values(), "--method", "mean", "-o", target]
    done = run(*command)
    assert (done.code, len(done.err)) == (1, 1)
    assert f"{target}: exists; name another output, or replace it with --force" in done.err[0]
    assert target.read_bytes() == BEFORE
    assert run(*command, "--force").code == 0
    assert read_png(target).pixels.shape == (24, 32, 3)


@pytest.mark.parametrize("output", ["new/", "new/deeper/", "there", "there/"])
def test_a_folder_as_output(run: Run, shot: dict[str, Path], tmp_path: Path, output: str) -> None:
    (tmp_path / "there").mkdir()
    command = ["deblur", *shot.values(), "--method", "mean", "-o", f"{tmp_path}/{output}"]
    target = tmp_path / output / "IMG_1.left.png"
    done = run(*command)
    assert done.code == 0, done.err
    assert done.out[-1].startswith(f"{target}: mean")
    assert read_png(target).pixels.shape == (24, 32, 3)
    assert "exists" in run(*command).err[0]


def test_outputs_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(BEFORE)
    os.mkfifo(tmp_path / "pipe")
    cases = {
        "": "--output is empty",
        f"{tmp_path}/pipe": "is not a regular file",
        "/dev/null": "is not a regular file",
        f"{tmp_path}/file/": r"cannot be written .*a file is in the way",
        f"{tmp_path}/file/new/x.png": r"cannot be written .*a file is in the way",
    }
    for output, message in cases.items():
        with pytest.raises(DataError, match=message):
            output_file(output, {"left": tmp_path / "left.png"}, force=True)


def test_deblurring_in_any_folder(
    run: Run, shot: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path / "in")
    images = [path.name for path in shot.values()]
    done = run("deblur", *images, "--method", "mean", "-o", "sharp.png")
    assert done.code == 0, done.err
    assert (tmp_path / "in" / "sharp.png").is_file()
    assert run("methods").out == run("methods", "--config", CONFIG / "demo.yaml").out
    gone = run("deblur", *images, "--method", "mean", "-o", "x.png", "--config", "gone.yaml")
    assert "gone.yaml: cannot be read" in gone.err[0]


@pytest.mark.parametrize(
    "command",
    [
        "plan",
        "run",
        "complexity --all",
        "data --root raw --manifest manifest.csv",
        "predict mean --root raw --manifest manifest.csv --output out",
    ],
)
def test_elsewhere_a_missing_experiment_names_the_option(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*command.split())
    assert (done.code, len(done.err)) == (1, 1)
    assert done.err[0].startswith("error: config/demo.yaml: cannot be read (no such file); ")
    assert "--config" in done.err[0]
    assert not list(tmp_path.iterdir())
