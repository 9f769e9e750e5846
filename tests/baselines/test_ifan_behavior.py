"""IFAN's behavior: views, batches and padding; gradients, memory and initial values."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatch

import pytest
import torch
from support.narrow_ifan import close, narrow, random_image
from support.threads import single_thread
from torch import Tensor, nn
from torch.nn import functional

from baselines import ifan
from baselines.ifan.adaptive import adapt
from baselines.ifan.blocks import ResidualBlock
from baselines.ifan.reblurring import warp


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    with single_thread():
        yield


def test_the_filter_map_is_neither_copied_nor_its_input_unfolded() -> None:
    features = random_image((1, 8, 16, 16)).requires_grad_()
    filters = random_image((1, 17 * 8 * 7, 16, 16)).requires_grad_()
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = adapt(features, filters, 17, corrected=False)
    kept.pop(filters.untyped_storage().data_ptr())
    # Each iteration keeps the inputs of both passes, these padded, and one activation: 5 maps.
    # Unfolded inputs or copied kernels would be 3 more for each pass.
    assert sum(kept.values()) < 17 * 6 * features.untyped_storage().nbytes()
    result.sum().backward()
    assert filters.grad is not None


@pytest.mark.parametrize("size", [(33, 47), (64, 41), (5, 3), (1, 1)])
def test_any_size_is_padded_by_its_edge(size: tuple[int, int]) -> None:
    network, x = narrow(), random_image((2, 9, *size))
    height, width = size
    padded = functional.pad(x, (0, -width % 8, 0, -height % 8), mode="replicate")
    with torch.inference_mode():
        output = network(x)
        close(output, network(padded)[..., :height, :width])
    assert output.shape == (2, 3, *size)


def test_a_batch_is_its_images() -> None:
    network, x = narrow(), random_image((2, 9, 24, 32))
    with torch.inference_mode():
        alone = torch.cat([network(image[None]) for image in x])
        close(network(x), alone)
        assert torch.equal(network(x, origin=(8, 8), full_size=(99, 99)), network(x))


def test_views_are_distinguished() -> None:
    network, x = narrow(), random_image((1, 9, 24, 32))
    with torch.inference_mode():
        for order in ((0, 2, 1), (1, 0, 2), (2, 1, 0)):
            swapped = torch.cat([x.chunk(3, dim=1)[view] for view in order], dim=1)
            assert (network(x) - network(swapped)).abs().max() > 1e-4


def test_the_single_variant_sees_the_combined_view_alone() -> None:
    network, x = narrow(dual=False, reblurring=True), random_image((1, 9, 24, 32))
    changed = torch.cat((x[:, :6], random_image((1, 3, 24, 32), seed=5)), dim=1)
    with torch.inference_mode():
        first, second = (network.forward_training(v, x[:, :3]) for v in (x, changed))
        assert torch.equal(first["output"], network(x[:, :3]))
        # In training the disparity is that of the right view.
        assert torch.equal(first["disparity"], network.disparity_map(x[:, 6:]))
    assert torch.equal(first["output"], second["output"])
    assert not torch.equal(first["disparity"], second["disparity"])


@pytest.mark.parametrize("shift", [-2.0, 0.0, 1.0])
def test_warping_by_whole_pixels(shift: float) -> None:
    image = random_image((2, 3, 5, 9))
    moved = torch.zeros_like(image)
    for column in range(9):
        if 0 <= column + shift < 9:
            moved[..., column] = image[..., int(column + shift)]
    close(warp(image, torch.full((2, 1, 5, 9), shift)), moved)


def test_residual_blocks_of_one_step_have_no_outer_sum() -> None:
    one, two = ResidualBlock(2, 1), ResidualBlock(2, 2)
    for block in (one, two):
        nn.init.zeros_(block.stem[0][2].weight)
        nn.init.zeros_(block.stem[0][2].bias)
    nn.init.zeros_(two.stem[1][2].weight)
    nn.init.zeros_(two.stem[1][2].bias)
    x = -torch.ones(1, 2, 3, 3)
    close(one(x), 0.1 * x)
    close(two(x), 1.01 * x)


def dead(gradient: Tensor | None) -> Tensor:
    assert gradient is not None
    return gradient.flatten(1).abs().amax(1) == 0 if gradient.dim() > 1 else gradient == 0


@pytest.mark.parametrize("corrected", [False, True])
def test_gradients_of_inference(corrected: bool) -> None:
    network = narrow(corrected_iac=corrected)
    network(random_image((1, 9, 24, 32))).square().mean().backward()
    # The second half of each iteration's kernels are the horizontal ones.
    unused = torch.zeros(network.filters[-1].out_channels, dtype=torch.bool)
    if not corrected:
        unused[: 3 * 96].view(3, 2, 48)[:, 1] = True
    for name, parameter in network.named_parameters():
        if name.startswith("filters.3"):
            assert torch.equal(dead(parameter.grad), unused), name
        else:
            assert not dead(parameter.grad).all(), name


@pytest.mark.parametrize("corrected", [False, True])
def test_gradients_of_training(corrected: bool) -> None:
    network = narrow(corrected_iac=corrected, reblurring=True)
    found = network.forward_training(
        random_image((2, 9, 32, 32)), random_image((2, 3, 32, 32), seed=1)
    )
    losses = [
        functional.mse_loss(found[term], found[f"{term}_target"]) for term in ifan.TRAINING_TERMS
    ]
    assert len(losses) == 3
    assert all(loss > 0 for loss in losses)
    sum(losses[1:], losses[0]).backward()
    unused = torch.zeros(2 * 21, dtype=torch.bool)
    if not corrected:
        unused[: 2 * 18].view(2, 2, 9)[:, 1] = True
    for name, parameter in network.named_parameters():
        if name.startswith("reblurring.predictor.3"):
            assert torch.equal(dead(parameter.grad), unused), name
        elif name.startswith("filters.3"):
            assert not dead(parameter.grad).any(), name
        else:
            assert not dead(parameter.grad).all(), name


def test_what_forward_does_not_train_is_declared() -> None:
    network = narrow(reblurring=True)
    network(random_image((1, 9, 24, 32))).sum().backward()
    untrained = {
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or dead(parameter.grad).any()
    }
    declared = {
        name
        for name, _ in network.named_parameters()
        if any(fnmatch(name, pattern) for pattern in ifan.UNTRAINED)
    }
    # A width of 4 with LeakyReLU leaves no unit without gradient but those.
    assert untrained == declared
    assert all(ifan.UNTRAINED.values())


def test_initial_values() -> None:
    torch.manual_seed(0)
    network = ifan.build(iterations=2, reblurring=True)
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            assert layer.bias is not None
            assert not layer.bias.any(), name
            gain = 1.5 if name.startswith("filters.") else 1.0
            fans = sum(layer.weight.shape[:2]) * layer.kernel_size[0] ** 2
            bound = gain * (6 / fans) ** 0.5
            assert float(layer.weight.detach().abs().max()) == pytest.approx(bound, rel=0.05), name


def test_trained_weights_serve_without_the_reblurring_network() -> None:
    trained, used = narrow(seed=1, reblurring=True), narrow(seed=2)
    used.load_state_dict(trained.state_dict())
    x = random_image((1, 9, 16, 16))
    with torch.inference_mode():
        assert torch.equal(used(x), trained(x))
    with pytest.raises(RuntimeError, match=r"reblurring\.predictor"):
        trained.load_state_dict(used.state_dict())


def test_bfloat16_is_finite() -> None:
    network = narrow(reblurring=True)
    with torch.autocast("cpu", torch.bfloat16):
        found = network.forward_training(random_image((1, 9, 32, 32)), random_image((1, 3, 32, 32)))
    assert all(bool(value.isfinite().all()) for value in found.values())
