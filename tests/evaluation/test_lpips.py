"""LPIPS: the backbone's verification, its loading, the scoring, and the way out without it."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.errors import WeightsError
from pipeline.evaluation.metrics import lpips as metric

SHAPES = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    metric._loaded.cache_clear()
    yield
    metric._loaded.cache_clear()


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    generator = torch.Generator().manual_seed(0)
    state = {}
    for layer, (out, inner, side) in SHAPES.items():
        scale = (inner * side * side) ** -0.5
        state[f"features.{layer}.weight"] = (
            torch.randn(out, inner, side, side, generator=generator) * scale
        )
        state[f"features.{layer}.bias"] = torch.randn(out, generator=generator) * 0.1
    state["classifier.1.weight"] = torch.zeros(2, 2)
    path = tmp_path_factory.mktemp("hub") / "checkpoints" / metric._BACKBONE
    path.parent.mkdir()
    torch.save(state, path)
    return path


@pytest.fixture
def hub(backbone: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(backbone.parents[1]))
    return backbone


def images(seed: int = 0) -> tuple[Any, Any]:
    generator = np.random.default_rng(seed)
    target = generator.random((64, 80, 3))
    return np.clip(target + 0.2 * generator.standard_normal(target.shape), 0, 1), target


def test_without_the_backbone_nothing_is_computed_and_the_status_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    assert metric.score(*images()) is None
    assert metric.status().startswith("not computed: ")
    assert str(tmp_path / "checkpoints" / metric._BACKBONE) in metric.status()
    assert "\n" not in metric.status()


def test_another_file_under_that_name_is_refused_unread(hub: Path) -> None:
    assert metric.score(*images()) is None
    assert "expected 7be5be79" in metric.status()


def test_the_verified_backbone_is_loaded_once_and_scored(
    hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = hashlib.sha256(hub.read_bytes()).hexdigest()[:8]
    monkeypatch.setattr(metric, "_SHA256_PREFIX", prefix)
    loads: list[Path] = []
    load = metric.load_network

    def counted(path: Path) -> nn.Module:
        loads.append(path)
        return load(path)

    monkeypatch.setattr(metric, "load_network", counted)
    prediction, target = images()
    value = metric.score(prediction, target)
    assert value is not None
    assert value > 0.01
    assert metric.score(target, target) == 0
    assert metric.status() == "computed"
    assert loads == [hub]


def test_score_is_that_of_the_package_on_minus_one_to_one(backbone: Path) -> None:
    import lpips

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False).eval()
    state = torch.load(backbone, weights_only=True)
    slices = [getattr(reference.net, f"slice{k}") for k in range(1, 6)]
    convolutions = [m for part in slices for m in part.modules() if isinstance(m, nn.Conv2d)]
    with torch.no_grad():
        for layer, module in zip(SHAPES, convolutions, strict=True):
            module.weight.copy_(state[f"features.{layer}.weight"])
            assert module.bias is not None
            module.bias.copy_(state[f"features.{layer}.bias"])
        prediction, target = images()
        batch = [
            torch.tensor(i * 2 - 1).permute(2, 0, 1)[None].float() for i in (target, prediction)
        ]
        expected = float(reference(*batch))
    found = metric.distance(metric.load_network(backbone), prediction, target)
    assert found == pytest.approx(expected, rel=1e-4)
    # Red and blue are not alike to LPIPS: the order of the colors matters.
    swapped = metric.distance(
        metric.load_network(backbone), prediction[..., ::-1], target[..., ::-1]
    )
    assert abs(swapped - expected) > 1e-4


def test_loading_leaves_the_random_numbers_alone(backbone: Path) -> None:
    before = torch.random.get_rng_state()
    metric.load_network(backbone)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_file_without_alexnet_is_a_weights_error(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save({"features.0.weight": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="not an AlexNet state"):
        metric.load_network(path)
