"""`predict` and `evaluate` with published weights, and tile by tile."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from numpy.typing import NDArray
from support.fixture_types import Tiny

from baselines import dpdnet
from pipeline.cli import main
from pipeline.records import ResultRecord, read_record
from pipeline.stages.predict import ORIGIN

ENTRY = {"module": "baselines.dpdnet", "row": "Narrow DPDNet", "recipe": "dpdnet"}


@pytest.fixture
def config(tiny: Tiny, tmp_path: Path) -> Path:
    """The tiny experiment with a narrow DPDNet; the demo's own width is another."""
    data = yaml.safe_load(tiny.config.read_text())
    data["methods"] = {"dpdnet": {**ENTRY, "kwargs": {"width": 2}}}
    data["trained_size"]["baselines.dpdnet"] = {"width": 4}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = dpdnet.build(width=2)
    path = tmp_path / "net.pth"
    torch.save({"params": network.state_dict()}, path)
    return path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> object:
    monkeypatch.setattr(sys, "argv", ["dmtbench", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code


def images(folder: Path) -> dict[str, NDArray[np.uint16]]:
    found = {
        path.name: cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in folder.glob("*.png")
    }
    assert all(image is not None for image in found.values())
    return found  # type: ignore[return-value]


def test_predicting_with_published_weights(
    monkeypatch: pytest.MonkeyPatch, tiny: Tiny, config: Path, weights: Path, tmp_path: Path
) -> None:
    where = ["--config", config, "--root", tiny.raw, "--manifest", tiny.manifest]
    predict = ["predict", "dpdnet", *where, "--weights", weights, "--output", tmp_path / "sharp"]
    assert not run(monkeypatch, *predict)
    origin = json.loads((tmp_path / "sharp" / ORIGIN).read_text())
    assert origin["label"] == "given weights"
    assert origin["arguments"] == {"width": 2}
    assert origin["weights_sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert len(images(tmp_path / "sharp")) == 2
    # Other weights are another origin.
    torch.save({"params": dpdnet.build(width=2).state_dict()}, weights)
    assert run(monkeypatch, *predict) == 1


def test_a_run_and_published_weights(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tiny: Tiny,
    config: Path,
    weights: Path,
    tmp_path: Path,
) -> None:
    where = ["--config", config, "--root", tiny.raw, "--manifest", tiny.manifest]
    both = ["--weights", weights, "--run", tmp_path, "--output", tmp_path / "sharp"]
    assert run(monkeypatch, "predict", "dpdnet", *where, *both) == 1
    assert "takes a run or published weights; leave out one" in capsys.readouterr().err
    assert not (tmp_path / "sharp").exists()


def test_predicting_by_tiles(
    monkeypatch: pytest.MonkeyPatch, tiny: Tiny, config: Path, weights: Path, tmp_path: Path
) -> None:
    where = ["--config", config, "--root", tiny.raw, "--manifest", tiny.manifest]
    predict = ["predict", "dpdnet", *where, "--weights", weights, "--output"]
    assert not run(monkeypatch, *predict, tmp_path / "whole")
    assert not run(monkeypatch, *predict, tmp_path / "tiled", "--tile", 32, "--tile-overlap", 8)
    whole, tiled = images(tmp_path / "whole"), images(tmp_path / "tiled")
    assert whole.keys() == tiled.keys()
    assert any(not np.array_equal(whole[name], tiled[name]) for name in whole)
    origins = [json.loads((tmp_path / kind / ORIGIN).read_text()) for kind in ("whole", "tiled")]
    assert [origin["protocol"]["id"] for origin in origins] == ["dpdd-16", "dpdd-16-tiled-32-8"]
    # Images of one way are no predictions of the other.
    assert run(monkeypatch, *predict, tmp_path / "whole", "--tile", 32, "--tile-overlap", 8) == 1


def test_scoring_by_tiles(
    monkeypatch: pytest.MonkeyPatch, tiny: Tiny, config: Path, weights: Path, tmp_path: Path
) -> None:
    where = ["--config", config, "--root", tiny.raw, "--manifest", tiny.manifest]
    score = ["evaluate", "dpdnet", *where, "--weights", weights, "--output"]
    assert not run(monkeypatch, *score, tmp_path / "whole")
    assert not run(monkeypatch, *score, tmp_path / "tiled", "--tile", 48, "--tile-overlap", 16)
    whole, tiled = (
        read_record(tmp_path / kind / "record.json", ResultRecord) for kind in ("whole", "tiled")
    )
    assert (whole.protocol.id, tiled.protocol.id) == ("dpdd-16", "dpdd-16-tiled-48-16")
    assert tiled.protocol.tiling.startswith("tiles of 48 x 48 pixels, overlap 16")
    assert whole.scores["combined"].mean["psnr"] != tiled.scores["combined"].mean["psnr"]


@pytest.mark.parametrize("command", ["evaluate", "predict"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tile", 15], "--tile 15: must be at least 16 pixels"),
        (["--tile", 32, "--tile-overlap", 32], "--tile-overlap 32: must be at least 0 and less"),
        (["--tile-overlap", 8], "--tile-overlap needs --tile"),
    ],
)
def test_tiles_that_do_not_fit(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tiny: Tiny,
    tmp_path: Path,
    command: str,
    options: list[object],
    message: str,
) -> None:
    where = ["--config", tiny.config, "--root", tiny.raw, "--manifest", tiny.manifest]
    assert run(monkeypatch, command, "input", *where, "--output", tmp_path / "out", *options) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err
    assert not (tmp_path / "out").exists()
