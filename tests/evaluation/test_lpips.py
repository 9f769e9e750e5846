"""LPIPS: the backbone's verification, its loading, the scoring, and the way out without it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.backbones import declare, save_backbone
from torch import nn

from pipeline.errors import WeightsError
from pipeline.evaluation.metrics import lpips as metric
from pipeline.weights import backbone as backbones

LAYERS = (0, 3, 6, 8, 10)


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    metric._loaded.cache_clear()
    yield
    metric._loaded.cache_clear()


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_backbone(tmp_path_factory.mktemp("torch") / "hub" / "checkpoints")


@pytest.fixture
def hub(backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The backbone in the hub's folder; the current folder is empty."""
    monkeypatch.setenv("TORCH_HOME", str(backbone.parents[2]))
    monkeypatch.chdir(tmp_path)
    return backbone


def images(seed: int = 0) -> tuple[Any, Any]:
    generator = np.random.default_rng(seed)
    target = generator.random((64, 80, 3))
    return np.clip(target + 0.2 * generator.standard_normal(target.shape), 0, 1), target


def test_without_the_backbone_nothing_is_computed_and_the_status_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.chdir(tmp_path)
    assert metric.score(*images()) is None
    hub = tmp_path / "torch/hub/checkpoints/alexnet-owt-7be5be79.pth"
    assert metric.status() == (
        f"not computed: {hub} is missing, and so is weights/lpips-alex/alexnet-owt-7be5be79.pth; "
        "`dmtbench weights fetch lpips-alex` gets it"
    )
    assert metric.status() == f"not computed: {metric.lacks()}"


def test_another_file_under_that_name_is_refused_unread(
    hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "load", None)
    assert metric.score(*images()) is None
    assert "expected 7be5be79...; remove it, then `dmtbench weights fetch" in metric.status()
    assert metric.status() == f"not computed: {metric.lacks()}"


def test_the_verified_backbone_is_loaded_once_and_scored(
    hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(monkeypatch, hub)
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
    assert metric.lacks() == ""
    assert loads == [hub]


def test_the_file_in_the_project_comes_first_if_it_is_the_known_one(
    hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(monkeypatch, hub)
    here = Path("weights/lpips-alex", hub.name)
    here.parent.mkdir(parents=True)
    here.write_bytes(b"half a download")
    assert backbones.backbone_file("lpips-alex") == hub
    shutil.copy(hub, here)
    assert backbones.backbone_file("lpips-alex") == here


def test_a_backbone_that_cannot_be_loaded_has_failed_and_is_not_missing(
    hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(monkeypatch, hub)

    def broken(path: Path) -> nn.Module:
        raise WeightsError(f"{path}: not an AlexNet state")

    monkeypatch.setattr(metric, "load_network", broken)
    assert metric.score(*images()) is None
    assert metric.status().startswith("failed: ")
    assert metric.lacks() == ""


@pytest.mark.parametrize(
    "variables",
    [{}, {"TORCH_HOME": "~/torch"}, {"XDG_CACHE_HOME": "/cache"}, {"TORCH_HOME": "x"}],
)
def test_the_hub_is_where_torch_has_it(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert backbones.hub_folder() == Path(torch.hub.get_dir()) / "checkpoints"


def test_what_is_missing_is_told_without_torch() -> None:
    code = (
        "import sys\nfrom pipeline.evaluation.metrics import lpips\nlpips.lacks()\n"
        "print({'torch', 'lpips'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_score_is_that_of_the_package_on_minus_one_to_one(backbone: Path) -> None:
    import lpips

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False).eval()
    state = torch.load(backbone, weights_only=True)
    slices = [getattr(reference.net, f"slice{k}") for k in range(1, 6)]
    convolutions = [m for part in slices for m in part.modules() if isinstance(m, nn.Conv2d)]
    with torch.no_grad():
        for layer, module in zip(LAYERS, convolutions, strict=True):
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
