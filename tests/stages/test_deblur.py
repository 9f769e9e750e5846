"""`dmtbench deblur`: your own photograph."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from numpy.typing import NDArray
from support.fixture_types import Run, Tiny

from baselines import dpdnet, ebdb
from pipeline.data.png import read_png, write_png16
from pipeline.evaluation.inference import model_input

SIZE = (96, 112)


def views(seed: int = 0) -> dict[str, NDArray[np.uint16]]:
    random = np.random.default_rng(seed)
    cells = random.integers(0, 65536, (SIZE[0] // 16, SIZE[1] // 16, 3)).astype(np.uint16)
    sharp = cells.repeat(16, axis=0).repeat(16, axis=1)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 1.2)
    return {"left": np.roll(blurred, 1, axis=1), "right": blurred}


@pytest.fixture
def shot(tmp_path: Path) -> dict[str, Path]:
    """A left and a right image."""
    paths = {view: tmp_path / f"{view}.png" for view in ("left", "right")}
    for view, pixels in views().items():
        write_png16(paths[view], pixels)
    return paths


def by_hand(combined: NDArray[np.uint16]) -> NDArray[np.uint16]:
    x = model_input({"combined": combined}, ("combined",), 16)
    sharp = ebdb.build()(x)[0].movedim(0, -1).double().numpy()
    return np.rint(65535 * sharp).astype(np.uint16)


def test_the_mean_of_the_views_where_a_method_wants_the_combined_one(
    run: Run, shot: dict[str, Path], tmp_path: Path
) -> None:
    target = tmp_path / "new" / "sharp.png"
    done = run("deblur", shot["left"], shot["right"], "--method", "ebdb", "-o", target)
    assert (done.code, done.err) == (0, [])
    assert done.out[0].startswith("combined view: the mean of left and right")
    assert "published settings: hyper-Laplacian, lambda 16.8" in done.out[1]
    pixels = views()
    mean = (pixels["left"].astype(np.uint32) + pixels["right"] + 1) // 2
    np.testing.assert_array_equal(read_png(target).pixels, by_hand(mean.astype(np.uint16)))
    assert read_png(target).header.bit_depth == 16


def test_the_combined_view_of_the_camera(run: Run, shot: dict[str, Path], tmp_path: Path) -> None:
    target = tmp_path / "sharp.png"
    done = run("deblur", "--combined", shot["right"], "--method", "ebdb", "-o", target)
    assert done.code == 0
    assert len(done.out) == 1
    np.testing.assert_array_equal(read_png(target).pixels, by_hand(views()["right"]))


def test_published_weights(run: Run, tiny: Tiny, shot: dict[str, Path], tmp_path: Path) -> None:
    data = yaml.safe_load(tiny.config.read_text())
    entry = {"module": "baselines.dpdnet", "row": "Narrow DPDNet", "recipe": "dpdnet"}
    data["methods"] = {"dpdnet": {**entry, "kwargs": {"width": 2}}}
    config = tmp_path / "mine.yaml"
    config.write_text(yaml.safe_dump(data))
    torch.manual_seed(0)
    network = dpdnet.build(width=2).eval()
    torch.save(network.state_dict(), tmp_path / "net.pth")
    given = ["--weights", tmp_path / "net.pth", "--config", config, "--method", "dpdnet"]
    target = tmp_path / "sharp.png"
    assert run("deblur", shot["left"], shot["right"], *given, "-o", target).code == 0
    with torch.inference_mode():
        expected = network(model_input(views(), dpdnet.VIEWS, dpdnet.INPUT_BITS)).clamp(0, 1)
    found = read_png(target).pixels / 65535
    np.testing.assert_allclose(found, expected[0].movedim(0, -1), atol=1e-4)


@pytest.mark.parametrize("method", ["ebdb", "dmtnet-b"])
def test_one_view_is_missing(run: Run, shot: dict[str, Path], tmp_path: Path, method: str) -> None:
    target = tmp_path / "sharp.png"
    done = run("deblur", shot["left"], "--method", method, "-o", target)
    assert (done.code, len(done.err)) == (1, 1)
    assert "one view is missing: name the left and the right image" in done.err[0]
    assert not target.exists()


@pytest.mark.parametrize(
    ("method", "given", "expected"),
    [
        (
            "ebdb",
            [],
            "ebdb needs the combined view, or left and right for their mean; not given: left",
        ),
        ("dmtnet-b", [], "method 'dmtnet-b' needs a run; give its folder with --run"),
        ("dmenet", [], "method 'dmenet' runs with published weights only; `dmtbench weights fetch"),
        (
            "left",
            ["--combined", "right"],
            "left needs the views left, right, combined; not given: left, right",
        ),
        ("nothing", [], "unknown method 'nothing'"),
    ],
)
def test_what_a_method_lacks(
    run: Run, shot: dict[str, Path], tmp_path: Path, method: str, given: list[str], expected: str
) -> None:
    target = tmp_path / "sharp.png"
    options = [shot.get(word, word) for word in given]
    done = run("deblur", "--method", method, *options, "-o", target)
    assert (done.code, len(done.err)) == (1, 1)
    assert expected in done.err[0]
    assert not target.exists()


def test_views_of_two_sizes(run: Run, shot: dict[str, Path], tmp_path: Path) -> None:
    write_png16(shot["right"], views()["right"][:-1])
    target = tmp_path / "sharp.png"
    target.write_bytes(b"before")
    images = [shot["left"], shot["right"]]
    done = run("deblur", *images, "--method", "ebdb", "-o", target, "--force")
    assert done.code == 1
    assert f"{shot['left']} 112x96, {shot['right']} 112x95" in done.err[0]
    assert target.read_bytes() == b"before"


def test_a_image_that_is_too_small(run: Run, shot: dict[str, Path], tmp_path: Path) -> None:
    write_png16(shot["left"], views()["left"][:20])
    done = run("deblur", "--combined", shot["left"], "--method", "ebdb", "-o", tmp_path / "x.png")
    assert (done.code, len(done.err)) == (1, 1)
    assert f"ebdb cannot deblur {shot['left']}: " in done.err[0]
    assert "at least 23 px" in done.err[0]
    assert not (tmp_path / "x.png").exists()
