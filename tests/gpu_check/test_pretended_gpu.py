"""The paths of CUDA, as far as they run without a device."""

from __future__ import annotations

from typing import Any, cast
from unittest.mock import create_autospec

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from pipeline.gpu_check import (
    feed,
    machine,
    rates,
    speed,
)
from pipeline.gpu_check.meter import Meter, Peak, ran_out_of_memory
from pipeline.gpu_check.setting import Setting, Subject

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA's functions, with their real signatures and without a device."""
    answers: dict[str, Any] = {
        "synchronize": None,
        "empty_cache": None,
        "reset_peak_memory_stats": None,
        "max_memory_allocated": 5,
        "max_memory_reserved": 7,
        "get_device_name": "Test GPU",
        "device_count": 2,
    }
    for name, answer in answers.items():
        fake = create_autospec(getattr(torch.cuda, name), return_value=answer)
        monkeypatch.setattr(torch.cuda, name, fake)


@pytest.mark.usefixtures("cuda")
def test_the_meter_of_a_gpu() -> None:
    meter = Meter(CUDA)
    meter.start_peak()
    assert meter.seconds(lambda: None) > 0
    assert meter.peak() == Peak(allocated=5, reserved=7)
    assert Meter(CPU).peak() is None


@pytest.mark.usefixtures("cuda")
def test_a_forward_cell_on_a_pretended_gpu(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, fakes = setting.subjects[0].build(), FakeTensorMode()

    def to(network: nn.Module, device: torch.device, memory_format: object) -> nn.Module:
        for module in network.modules():
            for name, value in module._parameters.items():
                if value is not None:
                    fake = fakes.from_tensor(value).detach().to(device)
                    module._parameters[name] = nn.Parameter(fake)
            for name, value in module._buffers.items():
                module._buffers[name] = fakes.from_tensor(value).to(device)
        return network

    monkeypatch.setattr(Setting, "prepare", lambda *_, **__: CUDA)
    # Initial weights need values, and fakes cannot be exchanged in place.
    monkeypatch.setattr(Subject, "build", lambda _: real)
    monkeypatch.setattr(nn.Module, "to", to)
    cell = speed.Cell(setting.subjects[0], "forward", "bfloat16", True, compiled=False)
    with fakes:
        row = speed.Speeds(setting).measured(cell)
    assert row.problem is None
    assert (row.allocated_bytes, row.reserved_bytes) == (5, 7)
    assert row.flop


@pytest.mark.usefixtures("cuda")
def test_operations_and_transfer_on_a_pretended_gpu() -> None:
    with FakeTensorMode():
        product, macs = rates.matrix_product(CUDA, torch.bfloat16, 64)
        assert product().device.type == "cuda"
        assert macs == 64**3
        found = rates.convolution(CUDA, torch.bfloat16, torch.channels_last, batch=2)()
        assert (found.device.type, found.shape) == ("cuda", (2, 64, 256, 256))
        assert feed._transfer(torch.zeros(4), CUDA, Meter(CUDA)) > 0


@pytest.mark.usefixtures("cuda")
def test_the_description_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    class Properties:
        total_memory, major, minor = 80 * 10**9, 9, 0

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: Properties)
    monkeypatch.setattr(torch.cuda.nccl, "version", lambda: (2, 27, 5))
    found = machine.machine("cuda")
    assert (found.name, found.capability, found.gpus) == ("Test GPU", "9.0", 2)
    assert found.versions["NCCL"] == "2.27.5"
    assert found.versions["CUDA"] == torch.version.cuda


def test_out_of_memory_is_recognized() -> None:
    wrapped = ValueError("a child failed")
    wrapped.__cause__ = torch.OutOfMemoryError("out of memory")
    assert ran_out_of_memory(wrapped)
    assert not ran_out_of_memory(cast(BaseException, ValueError("out of memory")))
    assert not ran_out_of_memory(None)
