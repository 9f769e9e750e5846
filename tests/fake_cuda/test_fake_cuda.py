"""Every network's forward pass and loss on a CUDA device that needs no GPU, at full size.

What would end there in a mismatch of devices or types, or would wait for the device in the middle
of a step, fails here. Not covered, and why:

- The backward pass: PyTorch's engine asks the driver for the device of each gradient.
- Which kernel runs, its memory and its speed: `gpu` tests and docs/performance.md.
- The optimizer's step and the gradient scaler: they begin with gradients.
- `CPU_ONLY`, below.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import pytest
import torch
from support.fake_cuda import CUDA, STAGED, FakeGpu, NotFused, Waits
from support.paths import CONFIG
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
)
from torch.nn import functional

from pipeline.compute.device import HALF, autocast, memory_format
from pipeline.config.blocks import Compute
from pipeline.config.experiment import Experiment, load_experiment
from pipeline.config.recipe import Batches, Recipe
from pipeline.data.canon import CANON_SIZE
from pipeline.data.sampling.loader import Batch
from pipeline.methods import get_method
from pipeline.training.loss import loss_terms
from pipeline.training.train_step import forward

PRECISIONS = ("float32", *HALF)
CANON = load_experiment(CONFIG / "canon.yaml")
CPU_ONLY = {
    "ebdb": "NumPy and SciPy on the CPU: there is nothing to run on a device",
    "jnb": "NumPy and SciPy on the CPU: there is nothing to run on a device",
    "dmenet": "deconvolves on the CPU; only its network, which is `counted`, runs on a device",
}
# More or fewer of the layers of DMTNet-S; of T to H, it takes the least time.
SAME_LAYERS = ("dmtnet-t", "dmtnet-b", "dmtnet-l", "dmtnet-h")


def on_a_device(experiment: Experiment) -> list[str]:
    """What runs on a device: all methods and ablations but those that say why not."""
    return [name for name in [*experiment.methods, *experiment.ablations] if name not in CPU_ONLY]


def trained(experiment: Experiment) -> list[str]:
    """What is trained there."""
    return [name for name in on_a_device(experiment) if experiment.recipe_of(name)]


@lru_cache(maxsize=1)
def on_gpu(name: str) -> tuple[FakeGpu, nn.Module]:
    recipe = CANON.recipe_of(name)
    kwargs = {**CANON.trained_kwargs(name), **(recipe.kwargs if recipe else {})}
    gpu, method = FakeGpu(), get_method(name, CANON)
    return gpu, gpu.network(lambda: method.build(**kwargs), memory_format(CANON.compute))


def cases(names: list[str]) -> list[Any]:
    """Every method in every precision; half types only once for the same layers, unless slow."""
    return [
        pytest.param(
            name,
            precision,
            marks=[pytest.mark.slow] if name in SAME_LAYERS and precision in HALF else [],
        )
        for name in names
        for precision in PRECISIONS
    ]


def precise(precision: str) -> Compute:
    compute = CANON.compute.model_copy(update={"precision": precision})
    assert compute.channels_last
    return compute


def batch_of(gpu: FakeGpu, batches: Batches | Recipe, channels: int) -> Batch:
    """Values of a full batch, and real places of its crops."""
    count, side = batches.batch_size * batches.frames, batches.crop or CANON.patches.size
    x, target = gpu.batch(count, channels, side, side), gpu.batch(count, 3, side, side)
    origin, full_size = torch.full((count, 2), 7), torch.tensor([CANON_SIZE] * count)
    return Batch(x, target, origin, full_size, batches.frames)


def check_products(products: set[torch.dtype], precision: str) -> None:
    assert products <= {HALF.get(precision, torch.float32)}


@pytest.mark.parametrize(("name", "precision"), cases(on_a_device(CANON)))
def test_a_whole_image(name: str, precision: str) -> None:
    (gpu, network), compute = on_gpu(name), precise(precision)
    x = gpu.batch(1, 3 * len(get_method(name, CANON).views), *CANON_SIZE)
    with gpu.running() as running, torch.inference_mode(), autocast(compute, CUDA):
        y = network.eval()(x.to(CUDA).contiguous(memory_format=memory_format(compute)))
    assert (y.shape, y.device.type) == ((1, 3, *CANON_SIZE), "cuda")
    check_products(running.products, precision)


@pytest.mark.parametrize(("name", "precision"), cases(trained(CANON)))
def test_a_training_batch(name: str, precision: str) -> None:
    (gpu, network), compute, recipe = on_gpu(name), precise(precision), CANON.recipe_of(name)
    assert recipe is not None
    for batches in filter(None, (recipe, recipe.companion)):
        batch = batch_of(gpu, batches, 3 * len(get_method(name, CANON).views))
        with gpu.running() as running:
            with autocast(compute, CUDA):
                outputs = forward(
                    network.train(), batch, recipe=recipe, compute=compute, device=CUDA
                )
            # The loss is outside of autocast, and in float32.
            check_products(running.products, precision)
            terms = loss_terms(outputs, batch.target.to(CUDA), recipe, batch.frames)
            loss = torch.stack([*terms.values()]).sum()
        assert {*terms} == {*recipe.losses}
        assert (loss.shape, loss.dtype, loss.device.type) == ((), torch.float32, "cuda")
        assert loss.requires_grad


def test_no_method_is_left_out() -> None:
    new = CANON.methods["dpdnet"]
    experiment = CANON.model_copy(update={"methods": {**CANON.methods, "new": new}})
    assert {"new"} == {*on_a_device(experiment)} - {*on_a_device(CANON)}
    assert {"new"} == {*trained(experiment)} - {*trained(CANON)}
    assert {*CPU_ONLY, *SAME_LAYERS} < {*CANON.methods}
    assert {*CANON.ablations} < {*trained(CANON)} < {*on_a_device(CANON)}


@pytest.mark.parametrize("name", CPU_ONLY)
def test_what_runs_on_the_cpu_takes_its_input_from_the_device(name: str) -> None:
    gpu, network = on_gpu(name)
    x = gpu.batch(1, 3, 64, 64)
    with gpu.running(), torch.inference_mode(), pytest.raises(Waits, match="from the device"):
        network.eval()(x.to(CUDA))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_network_of_dmenet(precision: str) -> None:
    (gpu, method), compute = on_gpu("dmenet"), precise(precision)
    network, x = method.get_submodule("network").eval(), gpu.batch(1, 3, *CANON_SIZE)
    with gpu.running() as running, torch.inference_mode(), autocast(compute, CUDA):
        found = network(x.to(CUDA))
    assert (found.shape, found.device.type) == ((1, 1, *CANON_SIZE), "cuda")
    check_products(running.products, precision)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_attention_in_shifted_windows_is_fused_too(precision: str) -> None:
    gpu, compute = FakeGpu(), precise(precision)
    build = partial(get_method("dmtnet-s").build, shift="alternate", num_rbm=1, num_rm=1)
    network, x = gpu.network(build, memory_format(compute)), gpu.batch(2, 6, 512, 512)
    with gpu.running(), autocast(compute, CUDA):
        assert network.train()(x.to(CUDA)).shape == (2, 3, 512, 512)


def _attend(x: Tensor) -> Tensor:
    tokens = x.flatten(2).transpose(1, 2).unflatten(2, (1, -1)).transpose(1, 2)[..., :4]
    table = torch.zeros(64, 64, 3, device=x.device)
    bias = table.permute(2, 0, 1)[None, :1]
    return functional.scaled_dot_product_attention(*[tokens[:, :, :64]] * 3, attn_mask=bias)


# What a network must not do, and how it fails.
FORBIDDEN: dict[str, tuple[Callable[[Tensor], object], type[Exception]]] = {
    "item": (lambda x: x * x.mean().item(), DataDependentOutputException),
    "float": (lambda x: x * float(x.mean()), DataDependentOutputException),
    "list": (lambda x: x.mean((0, 2, 3)).tolist(), DataDependentOutputException),
    "branch": (lambda x: x if x.mean() > 0 else -x, DataDependentOutputException),
    "index": (lambda x: x[x > 0], DynamicOutputShapeException),
    "cpu": (lambda x: x.mean().cpu(), Waits),
    "numpy": (lambda x: x.cpu().numpy(), Waits),
    "copy": (lambda x: torch.empty(x.shape).copy_(x), Waits),
    "made on the CPU": (lambda x: x + torch.rand(x.shape).to(x), Waits),
    "left on the CPU": (lambda x: x + torch.rand(x.shape), RuntimeError),
    "mixed types": (lambda x: functional.conv2d(x, x[:1].half()), RuntimeError),
    "strides of a bias": (_attend, NotFused),
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_must_not_happen_on_a_device_fails(name: str) -> None:
    gpu, (forbidden, error) = FakeGpu(), FORBIDDEN[name]
    side = int(STAGED**0.5)
    x = gpu.batch(1, 8, side, side)
    with gpu.running(), torch.inference_mode():
        x = x.to(CUDA)
        with pytest.raises(error):
            forbidden(x)
        # Constants as small as these are staged: such a copy does not wait.
        assert (x + torch.rand(8, 1, 1).to(x)).device.type == "cuda"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a device to ask")
def test_the_backward_pass_needs_a_driver() -> None:
    gpu = FakeGpu()
    with gpu.running():
        weight = torch.zeros(3, device=CUDA, requires_grad=True)
        with pytest.raises(RuntimeError, match="expects a valid device index"):
            weight.sum().backward()  # type: ignore[no-untyped-call]
