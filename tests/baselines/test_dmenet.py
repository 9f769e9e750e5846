"""DMENet against its authors' program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from support.golden_weights import GOLDENS, Floats, golden, official_state, uniform
from torch import Tensor, nn
from torch.nn import functional

from baselines import dmenet
from baselines.dmenet.official import official_names
from pipeline.evaluation.flops_fvcore import flops_fvcore

KEYS = json.loads((GOLDENS / "dmenet.keys.json").read_text())
PREFIX = "main_net/defocus_net/"


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    # Small images gain nothing from threads, and lose minutes to them on a busy machine.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def rule(key: str, numbers: Floats) -> Floats:
    if key.endswith("decoder/uf/c3/bias:0"):
        return np.full(numbers.shape, -7.8)
    if "moving_variance" in key:
        return 1 + 0.1 * np.abs(numbers)
    if numbers.ndim != 4:
        return 0.1 * numbers
    gain = 1.0
    if "encoder/" in key:
        gain = np.sqrt(2) / (100 if "/conv1_1/" in key else 1)
    elif key.endswith("decoder/uf/c3/kernel:0"):
        gain = 30.0
    return gain * numbers / np.sqrt(np.prod(numbers.shape[:3]))


@pytest.fixture(scope="module")
def state() -> dict[str, Any]:
    return official_state("dmenet", rule)


@pytest.fixture(scope="module")
def published(state: dict[str, Any]) -> dmenet.DMENet:
    return dmenet.load_official(state).network.eval()


@pytest.fixture(scope="module")
def expected() -> dict[str, Tensor]:
    return {name: torch.from_numpy(value) for name, value in golden("dmenet").items()}


def view(expected: dict[str, Tensor]) -> Tensor:
    pair = torch.from_numpy(uniform(int(expected["input_seed"]), tuple(expected["input_shape"])))
    return 0.5 * (pair[:, :3] + pair[:, 3:])


def random_image(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def narrow(seed: int = 0, **changes: Any) -> dmenet.DMENet:
    torch.manual_seed(seed)
    network = dmenet.DMENet(**{"width": 4, **changes}).eval()
    with torch.no_grad():
        # Without training, values up to 255 would drive the sigmoid into its ends.
        network.encoder[0][0].weight.mul_(0.01)
    return network


def close(found: Tensor, wanted: Tensor, tolerance: float = 1e-4) -> None:
    torch.testing.assert_close(found, wanted, rtol=0, atol=tolerance)


def test_the_authors_maps(published: dmenet.DMENet, expected: dict[str, Tensor]) -> None:
    x = view(expected)
    with torch.inference_mode():
        close(published(x), expected["output"])
        close(published.sigma_map(x), expected["sigma_map"], 7.5e-4)
        maps = published.auxiliary_maps(x)
    assert len(maps) == 5
    for scale, found in enumerate(maps):
        close(found, expected[f"aux_u{scale}"])


def test_the_authors_features(published: dmenet.DMENet, expected: dict[str, Tensor]) -> None:
    stages = {f"enc_d{index}": stage for index, stage in enumerate(published.encoder)}
    steps = (published.merge, *published.refinements)
    stages |= {f"refine{index}": step for index, step in enumerate(steps)}
    found: dict[str, Tensor] = {}

    def note(name: str) -> Any:
        def hook(_: nn.Module, __: Any, output: Tensor) -> None:
            found[f"{name}_mean"] = output.mean()
            found[f"{name}_std"] = output.std(correction=0)

        return hook

    hooks = [stage.register_forward_hook(note(name)) for name, stage in stages.items()]
    with torch.inference_mode():
        published(view(expected))
    for hook in hooks:
        hook.remove()
    assert len(found) == 26
    for name, value in found.items():
        close(value, expected[name])


def test_size_and_cost() -> None:
    network = dmenet.build().counted
    params = sum(parameter.numel() for parameter in network.parameters())
    moving = sum(value.numel() for name, value in network.named_buffers() if "running" in name)
    heads = sum(parameter.numel() for parameter in network.heads.parameters())
    assert params == KEYS["__params__"]
    assert params + moving == KEYS["__params_with_moving_stats__"]
    assert params - heads == KEYS["__params_main_path_only_no_aux_heads__"]
    count = flops_fvcore(network.eval(), 3, 1120, 1680)
    assert count.by_operator["conv"] == KEYS["__macs_1x6x1120x1680__"]


def test_cost_basis_of_padded_sizes() -> None:
    full = flops_fvcore(narrow(), 3, 35, 41, fit=False)
    assert flops_fvcore(narrow(), 3, 35, 41).total == full.total


def test_names_are_the_authors() -> None:
    theirs = {key for key in KEYS if key[:2] != "__"}
    assert {PREFIX + name for name in official_names().values()} == theirs


def test_weights_of_the_training_are_passed_over(state: dict[str, Any]) -> None:
    extra = [
        "main_net/binary_net/c1/kernel:0",
        "discriminator/h0/kernel:0",
        f"{PREFIX}encoder/conv6_1/bias:0",
        f"{PREFIX}encoder/c_logits/bias:0",
    ]
    loaded = dmenet.load_official({**state, **dict.fromkeys(extra, np.ones(1))})
    bare = {key.removeprefix(PREFIX): value for key, value in state.items()}
    plain = {key: value for key, value in bare.items() if "_aux/" not in key}
    headless = dmenet.load_official(plain).state_dict()
    assert not any(name.startswith("network.heads.") for name in headless)
    assert dmenet.load_official(bare, auxiliary=False).state_dict().keys() == headless.keys()
    whole = loaded.state_dict()
    assert any(name.startswith("network.heads.") for name in whole)
    assert all(torch.equal(whole[name], value) for name, value in headless.items())


@pytest.mark.parametrize(
    ("drop", "add", "arguments", "match"),
    [
        ("decoder/u0/c6_2/bias:0", (), {}, "the weights lack 'decoder/u0/c6_2/bias:0'"),
        ("decoder/u2_aux/b2/beta:0", (), {}, "the weights lack 'decoder/u2_aux/b2/beta:0'"),
        ("", ("gamma",), {}, "unknown entry 'gamma'"),
        ("", (), {"width": 4}, "'encoder/conv1_1/kernel:0' has shape .64, 3, 3, 3"),
    ],
)
def test_weights_that_do_not_fit(
    state: dict[str, Any], drop: str, add: tuple[str, ...], arguments: dict[str, Any], match: str
) -> None:
    given = {key: value for key, value in state.items() if key != PREFIX + drop}
    with pytest.raises(ValueError, match=match) as caught:
        dmenet.load_official({**given, **dict.fromkeys(add, np.ones(1))}, **arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [(33, 47), (64, 40), (5, 3), (1, 1)])
def test_any_size_is_padded_by_its_edge(size: tuple[int, int]) -> None:
    network, x = narrow(), random_image((2, 3, *size))
    height, width = size
    padded = functional.pad(x, (0, -width % 16, 0, -height % 16), mode="replicate")
    with torch.inference_mode():
        found, whole = network(x), network(padded)
        maps, whole_maps = network.auxiliary_maps(x), network.auxiliary_maps(padded)
    close(found, whole[..., :height, :width], 1e-6)
    assert found.shape == (2, 1, *size)
    for scale, (small, large) in enumerate(zip(maps, whole_maps, strict=True)):
        rows, columns = -(-height // 2**scale), -(-width // 2**scale)
        assert small.shape == (2, 1, rows, columns)
        close(small, large[..., :rows, :columns], 1e-6)


def test_a_batch_is_its_images() -> None:
    network, x = narrow(), random_image((2, 3, 24, 32))
    with torch.inference_mode():
        close(network(x), torch.cat([network(image[None]) for image in x]))


@pytest.mark.parametrize(("value", "sigma"), [(0.0, 0.0), (1 / 15, 0.0), (0.5, 3.25), (1.0, 7.0)])
def test_sigma_of_a_map_value(monkeypatch: pytest.MonkeyPatch, value: float, sigma: float) -> None:
    network = narrow()
    monkeypatch.setattr(network, "defocus_map", lambda x: torch.full_like(x[:, :1], value))
    close(network.sigma_map(random_image((1, 3, 2, 2))), torch.full((1, 1, 2, 2), sigma), 1e-6)


def test_gradients_reach_everything() -> None:
    # In evaluation mode: in training, batch norm takes out the biases before it.
    network, x = narrow(), random_image((2, 3, 32, 32))
    maps = (network(x), *network.auxiliary_maps(x))
    torch.stack([found.square().mean() for found in maps]).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: dmenet.build(width=5), "width 5 is not a positive even number"),
        (
            lambda: narrow()(random_image((1, 6, 8, 8))),
            r"expected \[B, 3, H, W\], got \(1, 6, 8, 8\)",
        ),
        (
            lambda: narrow(auxiliary=False).auxiliary_maps(random_image((1, 3, 8, 8))),
            "without auxil",
        ),
    ],
)
def test_mistakes(call: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        call()
