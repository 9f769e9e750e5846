"""`dmtbench export`: a network as a program for images of any size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from support.fixture_types import Run
from support.miniatures import NARROW
from support.paths import CONFIG
from test_registry import networks, subject
from torch import Tensor, nn

from dmtnet.network import VARIANTS
from pipeline.artifacts import WEIGHTS
from pipeline.config.experiment import load_experiment, load_methods
from pipeline.errors import ConfigError
from pipeline.methods import get_method
from pipeline.stages.export import DESCRIPTION, export_network
from pipeline.weights.own_file import save_weights

SMALL: dict[str, Any] = {**NARROW, "num_blocks": 1}
OTHERS = [name for name in networks(load_methods()) if not name.startswith("dmtnet")]
NOT_EXPORTED = {
    "uformer-b": "PyTorch's symbolic shapes took longer than minutes; not tried to the end",
}


def built(**kwargs: Any) -> nn.Module:
    torch.manual_seed(0)
    network = get_method("dmtnet-b").build(**{**SMALL, **kwargs}).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return network


def image(channels: int, height: int, width: int) -> Tensor:
    return torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(5))


def check(network: nn.Module, channels: int) -> None:
    program = export_network(network, channels).program.module()
    for size in ((96, 64), (64, 144)):
        x = image(channels, *size)
        with torch.no_grad():
            torch.testing.assert_close(program(x), network(x), rtol=0, atol=1e-5)


def variants() -> list[Any]:
    """The others have the same layers as B."""
    slow = pytest.mark.slow
    return [pytest.param(name, marks=[] if name == "b" else [slow]) for name in VARIANTS]


@pytest.mark.parametrize("variant", variants())
def test_every_variant_of_dmtnet(variant: str) -> None:
    check(built(variant=variant), 6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kwargs", [{"transformer": False}, {"selection": "mean"}, {"shift": "alternate"}], ids=str
)
def test_ablations_and_shifted_windows(kwargs: dict[str, Any]) -> None:
    check(built(**kwargs), 6)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in OTHERS if name not in NOT_EXPORTED])
def test_the_baselines(name: str) -> None:
    made = subject(name)
    check(made.network, 3 * len(made.method.views))


class Branch(nn.Module):
    """Does what an exported program cannot do for every size."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :3] if x.shape[-1] > x.shape[-2] else x[:, 3:]


class Forgets(nn.Module):
    """Takes its image's width at the time of the export."""

    def forward(self, x: Tensor) -> Tensor:
        wide = 1 if torch.compiler.is_exporting() else x.shape[-1]
        return x[:, :3] * wide


@pytest.mark.parametrize(
    ("network", "message"), [(Branch(), r"^torch\.export: .*by hand$"), (Forgets(), "differs by")]
)
def test_what_would_not_be_the_network_at_every_size(network: nn.Module, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        export_network(network, 6)
    assert "\n" not in str(caught.value)


@pytest.fixture
def trained(tmp_path: Path) -> tuple[Path, nn.Module]:
    """A run of DPDNet with random weights, and its network, in the demo's size."""
    kwargs = load_experiment(CONFIG / "demo_all.yaml").trained_kwargs("dpdnet")
    torch.manual_seed(0)
    network = get_method("dpdnet").build(**kwargs).eval()
    folder = tmp_path / "run"
    save_weights(folder / WEIGHTS, network.state_dict(), "dpdnet", kwargs)
    return folder, network


def test_the_command(run: Run, trained: tuple[Path, nn.Module], tmp_path: Path) -> None:
    (folder, network), target = trained, tmp_path / "new" / "dpdnet.pt2"
    options = ("--run", folder, "--config", CONFIG / "demo_all.yaml", "--output", target)
    done = run("export", "dpdnet", *options)
    assert (done.code, done.err) == (0, [])
    assert done.out[0].startswith(f"{target}: dpdnet, differs by 0 from the network")
    extra = {DESCRIPTION: ""}
    program = torch.export.load(target, extra_files=extra).module()
    described = json.loads(extra[DESCRIPTION])
    assert described["views"] == ["left", "right"]
    assert (described["method"], described["multiple"], described["smallest"]) == ("dpdnet", 16, 48)
    x = image(6, 48, 64)
    with torch.no_grad():
        torch.testing.assert_close(program(x), network(x), rtol=0, atol=1e-6)
    again = run("export", "dpdnet", *options)
    assert (again.code, again.out) == (1, [])
    assert again.err == [
        f"error: {target}: exists; name another output, or replace it with --force"
    ]
    assert [path.name for path in target.parent.iterdir()] == ["dpdnet.pt2"]


@pytest.mark.parametrize(
    ("method", "name", "message"),
    [
        ("dpdnet", "net.onnx", "name a file that ends in .pt2"),
        ("dpdnet", "net.pt2", "needs a run"),
        ("ebdb", "net.pt2", "cannot be exported: it is not a network"),
    ],
)
def test_mistakes(run: Run, method: str, name: str, message: str, tmp_path: Path) -> None:
    done = run("export", method, "--output", tmp_path / name)
    assert (done.code, done.out, len(done.err)) == (1, [], 1)
    assert message in done.err[0]
    assert not [*tmp_path.iterdir()]
