"""`dmtbench deblur` on photographs: kinds, depths, orientation, tiles and maps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps
from support.fixture_types import Run, Tiny
from support.photographs import ICC, encoded, exif, opencv, pixels

from pipeline.data.png import read_png
from pipeline.run import Run as PlannedRun
from pipeline.weights.own_file import save_weights

SIZE = (40, 56)
MEAN = ["--method", "mean"]


def write(folder: Path, contents: dict[str, bytes]) -> list[Path]:
    folder.mkdir(exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


def pair(bits: int) -> tuple[Any, Any]:
    image = pixels(bits, 6, SIZE)
    return image[..., :3], image[..., 3:]


def mean(bits: int) -> Any:
    left, right = (image.astype(np.float64) for image in pair(bits))
    return np.rint((left + right) / 2)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("bits", [8, 16])
def test_the_same_kind_and_depth_come_out(run: Run, tmp_path: Path, suffix: str, bits: int) -> None:
    shot = write(tmp_path / "in", {f"{n}{suffix}": opencv(x, suffix) for n, x in
                                   zip("lr", pair(bits), strict=True)})  # fmt: skip
    done = run("deblur", *shot, *MEAN, "-o", f"{tmp_path}/out/")
    assert (done.code, done.err) == (0, [])
    target = tmp_path / "out" / f"l{suffix}"
    assert done.out[-1] == f"{target}: mean"
    if suffix == ".tif":
        found = tifffile.imread(target)
    else:
        found = np.asarray(Image.open(target)) if bits == 8 else read_png(target).pixels
    assert found.dtype == f"u{bits // 8}"
    assert np.abs(found.astype(float) - mean(bits)).max() <= 1


def test_jpeg_comes_out_as_jpeg_or_as_what_is_named(run: Run, tmp_path: Path) -> None:
    smooth = np.full((*SIZE, 3), (40, 90, 200), np.uint8)
    shot = write(tmp_path, {f"{n}.jpg": encoded(smooth, "JPEG", quality=98) for n in "lr"})
    done = run("deblur", *shot, *MEAN, "-o", tmp_path / "sharp.jpg")
    assert done.out[-1].endswith("mean, 8-bit JPEG of quality 95")
    with Image.open(tmp_path / "sharp.jpg") as image:
        assert image.format == "JPEG"
        assert np.abs(np.asarray(image).astype(int) - smooth).max() <= 3
    assert run("deblur", *shot, *MEAN, "-o", tmp_path / "sharp.png").out[-1].endswith("mean")


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_orientation_is_applied_after_deblurring(
    run: Run, tmp_path: Path, orientation: int
) -> None:
    shot = write(tmp_path, {
        f"{n}.png": encoded(x, "PNG", exif=exif(orientation), icc_profile=ICC)
        for n, x in zip("lr", pair(8), strict=True)
    })  # fmt: skip
    # The left view, so that a swap of the views or of the order would show.
    assert run("deblur", *shot, "--combined", shot[0], "--method", "left", "-o",
               tmp_path / "sharp.png").code == 0  # fmt: skip
    with Image.open(tmp_path / "sharp.png") as image, Image.open(shot[0]) as source:
        np.testing.assert_array_equal(image, ImageOps.exif_transpose(source))
        assert image.getexif()[274] == 1
        assert image.getexif()[271] == "Maker"
        assert image.info["icc_profile"] == ICC


def test_gray_stays_gray(run: Run, tmp_path: Path) -> None:
    gray = [image[..., 0] for image in pair(16)]
    shot = write(tmp_path, {f"{n}.png": opencv(x, ".png") for n, x in zip("lr", gray, strict=True)})
    assert run("deblur", *shot, *MEAN, "-o", tmp_path / "sharp.tif").code == 0
    found = tifffile.imread(tmp_path / "sharp.tif")
    expected = np.rint((gray[0].astype(float) + gray[1]) / 2)
    assert np.abs(found - expected).max() <= 1


@pytest.mark.parametrize(
    ("right", "output", "message"),
    [
        (opencv(pair(16)[0], ".png"), "x.png", "the views differ in bits per channel (.*8.*16)"),
        (encoded(pair(8)[0], "PNG", exif=exif(6)), "x.png", "the views differ in orientation"),
        (encoded(pair(8)[0][:-1], "PNG"), "x.png", "the views differ in size"),
        (encoded(pair(8)[0], "PNG")[:-30], "x.png", "r.png: damaged image, it is truncated"),
        (encoded(pair(8)[0], "PNG"), "x.bmp", "x.bmp: its name does not say how to store it"),
    ],
)
def test_views_that_do_not_fit(
    run: Run, tmp_path: Path, right: bytes, output: str, message: str
) -> None:
    shot = write(tmp_path, {"l.png": encoded(pair(8)[0], "PNG"), "r.png": right})
    done = run("deblur", *shot, *MEAN, "-o", tmp_path / output)
    assert (done.code, len(done.err), done.out) == (1, 1, [])
    import re

    assert re.search(message.replace("(", r"\(").replace(")", r"\)"), done.err[0])
    assert not (tmp_path / output).exists()


def test_jpeg_does_not_hold_16_bits(run: Run, tmp_path: Path) -> None:
    images = {f"{n}.png": opencv(x, ".png") for n, x in zip("lr", pair(16), strict=True)}
    done = run("deblur", *write(tmp_path, images), *MEAN, "-o", tmp_path / "x.jpg")
    assert "JPEG cannot hold the 16 bits of" in done.err[0]
    assert done.code == 1


@pytest.fixture
def trained(tiny: Tiny, tmp_path: Path) -> list[object]:
    """Options that name a network, as if it had been trained."""
    planned = PlannedRun.of(tiny.experiment, "dmtnet-b")
    (tmp_path / "run").mkdir()
    state = planned.method.build(**planned.kwargs).state_dict()
    save_weights(tmp_path / "run" / "weights.safetensors", state, "dmtnet-b", planned.kwargs)
    return ["--method", "dmtnet-b", "--run", tmp_path / "run", "--config", tiny.config]


def large(tmp_path: Path) -> list[Path]:
    image = np.tile(pixels(16, 6, (64, 64)), (7, 9, 1))
    return write(
        tmp_path,
        {"l.png": opencv(image[..., :3], ".png"), "r.png": opencv(image[..., 3:], ".png")},
    )


def test_tiles_and_the_whole_image(run: Run, tmp_path: Path, trained: list[object]) -> None:
    shot = large(tmp_path)
    whole, tiled = tmp_path / "whole.png", tmp_path / "tiled.png"
    assert run("deblur", *shot, *trained, "-o", whole).code == 0
    done = run("deblur", *shot, *trained, "-o", tiled, "--tile", 384, "--json")
    (data,) = map(json.loads, done.out)
    assert (data["tile"], data["tile_overlap"], data["state"]) == (384, 256, "deblurred")
    difference = read_png(tiled).pixels / 65535 - read_png(whole).pixels / 65535
    assert np.abs(difference).max() < 1e-4
    assert data["seam"] < 1e-4


def test_little_memory_means_tiles_or_one_line(
    run: Run, tmp_path: Path, trained: list[object]
) -> None:
    shot = large(tmp_path)
    done = run("deblur", *shot, *trained, "-o", tmp_path / "x.png", "--max-memory", "1MB")
    assert (done.code, len(done.err)) == (1, 1)
    assert "even in tiles of 384, and 1.0 MB are allowed; raise --max-memory" in done.err[0]
    wrong = run("deblur", *shot, *trained, "-o", tmp_path / "x.png", "--max-memory", "much")
    assert "--max-memory much: is not a size; write it like 4GB" in wrong.err[0]


def test_maps_of_the_scales(run: Run, tmp_path: Path, trained: list[object]) -> None:
    done = run("deblur", *large(tmp_path), *trained, "-o", tmp_path / "x.png", "--save-weights-map")
    assert done.code == 0
    assert sum(line.startswith("selection weights of DMSSRM") for line in done.out) == 2
    rows = (tmp_path / "x.weights.csv").read_text().splitlines()
    assert rows[0] == "dmssrm,scale,alpha"
    alphas = [float(row.split(",")[2]) for row in rows[1:]]
    assert sum(alphas) == pytest.approx(2, abs=1e-4)
    with Image.open(tmp_path / "x.weights.png") as strip:
        assert strip.size == (3 * 144 + 8, 2 * 112 + 4)
    refused = run("deblur", *large(tmp_path), *MEAN, "-o", tmp_path / "y.png", "--save-weights-map")
    assert "mean has no selection weights; leave out --save-weights-map" in refused.err[0]


def test_a_run_names_its_method(run: Run, project: Path) -> None:
    from support.projects import CONFIG

    shot = large(project)
    (folder,) = (project / "runs").glob("*/dmtnet-t-seed0")
    done = run("deblur", *shot, "--weights", folder, "--config", CONFIG, "-o", "x.png")
    assert done.code == 0, done.err
    assert done.out[-1] == "x.png: dmtnet-t"
    nothing = run("deblur", *shot, "-o", "y.png")
    assert "no method is named: add --method" in nothing.err[0]
