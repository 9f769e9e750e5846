"""The plain DMTNet is DMTNet, and the benchmark of both runs."""

from __future__ import annotations

import pytest
import torch
from miniatures import image, narrow

from benchmarks.plain_dmtnet import plain_dmtnet, plain_state

SIZES = [(48, 64), (45, 61), (16, 83)]


@pytest.mark.parametrize("variant", ["t", "s", "h"])
@pytest.mark.parametrize("size", SIZES)
def test_the_plain_network_gives_the_same(variant: str, size: tuple[int, int]) -> None:
    network, x = narrow(variant=variant, num_rm=2), image(*size, batch=2)
    with torch.inference_mode():
        ours = network(x)
        plain = plain_dmtnet(plain_state(network.state_dict()), x)
    assert ours.std() > 0.01
    assert (ours - plain).abs().max() < 1e-5


def test_many_bands_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    # 20 rows of tokens in bands of 8, 8 and 4, the last of windows with padding.
    monkeypatch.setattr("dmtnet.network.BAND_TOKENS", 1)
    network, x = narrow(), image(77, 61, batch=2)
    with torch.inference_mode():
        found = network(x)
        assert (found - plain_dmtnet(network.state_dict(), x)).abs().max() < 1e-5
    assert (found - network(x)).abs().max() < 1e-5


@pytest.mark.parametrize("variant", ["t", "b"])
def test_the_gradients_are_the_same(variant: str) -> None:
    network, x = narrow(variant=variant, num_rm=2), image(45, 61, batch=2)
    network(x).square().mean().backward()
    leaves = {
        name: value.detach().contiguous().clone().requires_grad_()
        for name, value in network.named_parameters()
    }
    plain_dmtnet(leaves, x).square().mean().backward()
    for name, value in network.named_parameters():
        assert value.grad is not None, name
        assert value.grad.abs().max() > 0, name
        torch.testing.assert_close(value.grad, leaves[name].grad, rtol=1e-4, atol=1e-5, msg=name)


def test_in_bfloat16_both_are_near_float32() -> None:
    network, x = narrow(), image(45, 61)
    state = plain_state(network.state_dict())
    with torch.inference_mode():
        expected = network(x)
        with torch.autocast("cpu", torch.bfloat16):
            found = [network(x), plain_dmtnet(state, x)]
    for output in found:
        difference = (output.float() - expected).abs().mean()
        assert 0 < difference < 0.05 * expected.abs().mean() + 0.01
