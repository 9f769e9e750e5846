"""What the configuration sets for all of PyTorch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from support.miniatures import compute
from support.steps import SIDE, TRAINED, experiment, trainee
from torch.utils._python_dispatch import TorchDispatchMode

from pipeline.compute.device import autocast, prepare_device
from pipeline.errors import ConfigError
from pipeline.planning.memory import META, TrainingMemory

CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
# PyTorch's list of what has no deterministic form on CUDA (torch.use_deterministic_algorithms), as
# far as networks for images could use it.
VARYING = {
    "adaptive_avg_pool2d_backward",
    "adaptive_max_pool2d_backward",
    "grid_sampler_2d_backward",
    "reflection_pad2d_backward",
    "upsample_bicubic2d_backward",
    "upsample_bilinear2d_backward",
}


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(CUBLAS, raising=False)
    cudnn = torch.backends.cudnn
    products = torch.backends.cuda.matmul
    before = (cudnn.deterministic, cudnn.benchmark)
    rounded = (products.allow_tf32, cudnn.allow_tf32)
    strict, threads = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    yield
    cudnn.deterministic, cudnn.benchmark = before
    products.allow_tf32, cudnn.allow_tf32 = rounded
    torch.use_deterministic_algorithms(strict, warn_only=True)
    torch.set_num_threads(threads)
    os.environ.pop(CUBLAS, None)


@pytest.mark.parametrize("wanted", [True, False])
def test_determinism_is_all_or_nothing(wanted: bool) -> None:
    prepare_device(compute(deterministic=not wanted), 1)
    os.environ.pop(CUBLAS, None)
    prepare_device(compute(deterministic=wanted), 1)
    assert torch.are_deterministic_algorithms_enabled() == wanted
    assert torch.backends.cudnn.deterministic == wanted
    assert torch.backends.cudnn.benchmark != wanted
    assert os.environ.get(CUBLAS) == (":4096:8" if wanted else None)


def test_an_environment_that_forbids_determinism(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CUBLAS, ":0:0")
    with pytest.raises(ConfigError, match=r"CUBLAS_WORKSPACE_CONFIG=:0:0.*unset it"):
        prepare_device(compute(), 1)
    prepare_device(compute(deterministic=False), 1)
    monkeypatch.setenv(CUBLAS, ":16:8")
    prepare_device(compute(), 1)
    assert os.environ[CUBLAS] == ":16:8"


@pytest.mark.parametrize("wanted", [True, False])
def test_tf32(wanted: bool) -> None:
    prepare_device(compute(tf32=not wanted), 1)
    prepare_device(compute(tf32=wanted), 1)
    assert torch.backends.cuda.matmul.allow_tf32 == wanted
    # Others may change cuDNN's flags for a while, as tests/dmtnet does.
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=wanted):
        assert torch.backends.cudnn.allow_tf32 == wanted
    assert torch.backends.cudnn.allow_tf32 == wanted


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_autocast(name: str) -> None:
    layer = torch.nn.Linear(2, 2)
    with autocast(compute(precision=name), torch.device("cpu")):
        assert layer(torch.ones(1, 2)).dtype == getattr(torch, name)


class Names(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes which operations run."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: set[str] = set()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        self.seen.add(function.name().removeprefix("aten::").partition(".")[0])
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", TRAINED)
def test_every_method_trains_under_the_strict_form_on_a_cpu(name: str) -> None:
    prepare_device(compute(), 1)
    # What has no deterministic form on the CPU would raise.
    torch.use_deterministic_algorithms(True)
    with Names() as names:
        trainee(name).gradients()
    assert any(operation.startswith("convolution_backward") for operation in names.seen)


def operations(name: str, **changes: Any) -> set[str]:
    """What a training step runs on the meta device, where PyTorch decides as on a GPU.

    Except for replication padding: on a GPU alone it is replaced.
    """
    subject = trainee(name)
    kwargs = {**experiment().trained_kwargs(name), **subject.recipe.kwargs}
    memory = TrainingMemory(subject.method, kwargs, subject.recipe, compute(**changes))
    prepare_device(memory.compute, 1)
    with Names() as names:
        loss = memory.loss(memory.on_meta, SIDE, 1, 1, META)
        loss.backward()  # type: ignore[no-untyped-call]
    return names.seen


@pytest.mark.parametrize("name", TRAINED)
def test_what_determinism_does_not_reach(name: str) -> None:
    # As docs/training.md says.
    documented = {"ifan": {"grid_sampler_2d_backward"}}
    assert operations(name) & VARYING == documented.get(name, set())


def test_determinism_replaces_bilinear_interpolation() -> None:
    """MRNet's surrogate has it: the test above would notice if PyTorch stopped to replace it."""
    assert "upsample_bilinear2d_backward" in operations("mrnet", deterministic=False)
    assert "_unsafe_index_put" in operations("mrnet")
