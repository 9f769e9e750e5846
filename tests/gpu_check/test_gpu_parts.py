"""Every part on a CPU, and the paths of CUDA as far as they run without it."""

from __future__ import annotations

import subprocess
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from unittest.mock import create_autospec

import pytest
import torch
import yaml
from support.paths import CONFIG, TINY
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from pipeline.gpu_check import (
    attention,
    determinism,
    drill,
    feed,
    gpu_tests,
    machine,
    process,
    processes,
    rates,
    speed,
)
from pipeline.gpu_check.meter import Meter, Peak, ran_out_of_memory
from pipeline.gpu_check.parts import PARTS
from pipeline.gpu_check.rows import Planned, Skipped
from pipeline.gpu_check.scale import SCALES
from pipeline.gpu_check.setting import Setting, Subject

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
METHODS = ("dmtnet-t", "ifan")


@pytest.fixture
def setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Setting]:
    """Two narrow networks on small images."""
    data = yaml.safe_load(TINY.read_text())
    demo = yaml.safe_load((CONFIG / "demo.yaml").read_text())
    data |= {"only": list(METHODS), "not_run": []}
    data["trained_size"]["baselines.ifan"] = demo["trained_size"]["baselines.ifan"]
    for name in ("dmtnet", "ifan"):
        data["recipes"][name] = demo["recipes"][name] | {"crop": 32}
    path = tmp_path / "narrow.yaml"
    path.write_text(yaml.safe_dump(data))
    small = replace(
        SCALES["cpu"], config=path, image=(64, 96), seconds_per_cell=0.0, matrix_side=64
    )
    monkeypatch.setitem(SCALES, "cpu", small)
    backends = torch.backends.cudnn
    kept = (backends.deterministic, backends.benchmark, torch.get_num_threads())
    strict = torch.are_deterministic_algorithms_enabled()
    yield Setting("cpu")
    backends.deterministic, backends.benchmark = kept[:2]
    torch.set_num_threads(kept[2])
    torch.use_deterministic_algorithms(strict, warn_only=True)


def measured(messages: Iterator[Any]) -> list[Any]:
    """The rows of a part, which are those that it planned."""
    planned, *rows = messages
    assert isinstance(planned, Planned)
    assert [row.name for row in rows] == list(planned.names)
    assert len({*planned.names}) == len(rows)
    return rows


def test_every_part_has_its_module() -> None:
    assert {*process.RUN} == {*PARTS}


def test_rates(setting: Setting) -> None:
    rows = measured(rates.run(setting))
    assert {(row.kind, row.precision) for row in rows} == {
        (kind, precision)
        for kind in ("convolution", "matrix product")
        for precision in ("float32", "bfloat16")
    }
    assert all(row.flop_per_s > 1e8 for row in rows)


def test_speed(setting: Setting) -> None:
    rows = measured(speed.run(setting))
    assert [row.problem for row in rows] == [None] * len(rows)
    # Two networks in the two usual settings, and the first one in those left on a CPU.
    assert len(rows) == 2 * (2 * 2 + 2)
    first, second = rows[:2]
    assert (first.task, second.task) == ("forward", "training")
    assert (first.size, second.size) == ((1, 6, 64, 96), (1, 6, 32, 32))
    # The first convolution alone has 6 x 24 x 9 products per output pixel of a quarter of them.
    assert first.flop > 0
    area = 64 * 96 / 32**2
    assert second.flop == pytest.approx(3 * first.flop / area, rel=0.2)
    assert first.planned_bytes is None
    assert second.planned_bytes > 4 * 32 * 32 * 24
    assert all(row.seconds > 0 and row.passes >= 3 for row in rows)
    again = [row for row in rows if (row.method, row.task) == ("ifan", "training")]
    assert len({row.flop for row in again}) == 1


def test_a_compiled_cell(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = create_autospec(speed.compile_network)
    monkeypatch.setattr(speed, "compile_network", compiled)
    cell = speed.Cell(setting.subjects[0], "forward", "float32", True, compiled=True)
    row = speed.Speeds(setting).measured(cell)
    assert (row.problem, row.compiled, row.flop) == (None, True, None)
    compiled.assert_called_once()


def test_the_most_important_cells_come_first() -> None:
    found = speed.cells(Setting("cuda"))
    networks = len(Setting("cuda").subjects)
    usual = found[: 2 * networks]
    assert {(cell.precision, cell.channels_last, cell.compiled) for cell in usual} == {
        ("float32", True, False)
    }
    assert not any(cell.compiled for cell in found[: 8 * networks])
    assert len({cell.name for cell in found}) == len(found) == 2 * networks * 3 * 2 * 2


def test_full_size_is_canons(setting: Setting) -> None:
    full = Setting("cuda")
    assert full.scale.image == (1120, 1680)
    assert full.experiment.name == "canon"
    crops = {subject.name: subject.crop for subject in full.subjects}
    assert (crops["dmtnet-b"], crops["ifan"], crops["restormer"]) == (512, 256, 384)
    assert list(full.twins) == ["dpdnet-plus"]


@pytest.mark.parametrize("wrapped", [False, True])
def test_no_memory_is_a_result(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, wrapped: bool
) -> None:
    def exhausted(*_: object) -> None:
        try:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB")
        except torch.OutOfMemoryError as error:
            if wrapped:
                raise ValueError("use fewer crops") from error
            raise

    monkeypatch.setitem(speed._WORK, "training", lambda *_: exhausted)
    rows = measured(speed.run(setting))
    steps = [row for row in rows if row.task == "training"]
    assert {row.problem for row in steps} == {"out of memory"}
    assert all(row.seconds is None for row in steps)
    assert all(row.seconds for row in rows if row.task == "forward")


def test_other_failures_of_a_cell(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(error: Exception) -> None:
        def work() -> None:
            raise error

        monkeypatch.setitem(speed._WORK, "forward", lambda *_: work)

    cell = speed.cells(setting)[0]
    raises(ValueError("two\nlines"))
    assert speed.Speeds(setting).measured(cell).problem == "ValueError: two"
    # After such an error, everything on the device fails.
    raises(RuntimeError("CUDA error: an illegal memory access was encountered"))
    with pytest.raises(RuntimeError, match="illegal memory"):
        speed.Speeds(setting).measured(cell)


def test_attention(setting: Setting) -> None:
    rows = {row.name: row for row in measured(attention.run(setting))}
    assert rows["ifan forward float32"].backend == "none"
    assert not [name for name in rows if name.startswith("ifan") and "float16" in name]
    fused = rows["dmtnet-t forward float32"]
    assert fused.kernels == ("flash_attention_for_cpu",)
    assert fused.backend == "fused"
    assert rows["dmtnet-t training float32"].kernels == ("attention_math",)
    assert rows["dmtnet-t training float32"].backend == "math"


def test_determinism(setting: Setting) -> None:
    rows = measured(determinism.run(setting))
    assert [row.method for row in rows] == list(METHODS)
    assert all(row.same for row in rows)
    assert all(row.warned == () for row in rows)


def test_a_network_too_large_for_the_device(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = setting.subjects[0]
    real = determinism.measured

    def measure(where: Setting, subject: Subject) -> Any:
        if subject.name == first.name:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(where, subject)

    monkeypatch.setattr(determinism, "measured", measure)
    one, two = measured(determinism.run(setting))
    assert (one.same, one.on_s) == (None, None)
    assert two.same


def test_a_training_that_varies_is_noticed(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Setting, "prepare", lambda *_, **__: CPU)
    rows = measured(determinism.run(setting))
    # Without `prepare`, no seed is set.
    assert not any(row.same for row in rows)


def test_warnings_about_determinism_are_collected(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_step = setting.subjects[0].train_step(setting.compute(), CPU)

    def warn(*_: object) -> dict[str, float]:
        warnings.warn(
            "grid_sampler_2d_backward_cuda does not have a deterministic implementation, but you "
            "set 'torch.use_deterministic_algorithms(True, warn_only=True)'.",
            stacklevel=1,
        )
        warnings.warn("something else", stacklevel=1)
        return {}

    monkeypatch.setattr(type(train_step), "step", warn)
    found = determinism.short_training(setting, setting.subjects[0], deterministic=True)
    assert found.warned == {"grid_sampler_2d_backward_cuda"}


def test_feed(setting: Setting) -> None:
    rows = measured(feed.run(setting))
    assert len(rows) == 4
    for row in rows:
        assert 0 < row.waiting_share < 1
        assert row.step_s > row.conversion_s > 0
        # Views and target of each crop, float32.
        assert row.batch_bytes == row.batch * (9 if "dmtnet" in row.name else 12) * 32 * 32 * 4
        assert row.transfer_s is None


def test_two_processes() -> None:
    (row,) = measured(processes.run(Setting("cpu")))
    assert (row.backend, row.batch) == ("gloo", 2)
    assert 0 < row.difference < 1e-4


def test_one_gpu_is_not_enough_for_two_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert list(processes.run(Setting("cuda"))) == [Skipped(reason="there is only one GPU")]


def test_tests_of_one_folder() -> None:
    (row,) = measured(gpu_tests.run(Setting("cpu"), "tests/dmtnet"))
    there = torch.cuda.is_available()
    assert row.failed == 0
    assert (row.passed > 0, row.skipped > 0) == (there, not there)
    assert there or row.reasons == ("no CUDA device",)


def test_no_test_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="no test has the mark"):
        measured(gpu_tests.run(Setting("cpu"), "tests/planning"))


@pytest.mark.parametrize("part", [gpu_tests, drill])
def test_outside_a_checkout(part: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part, "CHECKOUT", tmp_path)
    (message,) = part.run(Setting("cpu"))
    assert "checkout" in message.reason


class Drill:
    """Stands for the drill's program: it takes minutes."""

    def __init__(self, last: str, status: int = 0) -> None:
        self.last, self.status = last, status
        self.calls: list[tuple[str, ...]] = []

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        self.calls.append(arguments)
        return subprocess.CompletedProcess([], self.status, f"kill 1: …\n{self.last}", "oh no")


@pytest.mark.parametrize(
    ("last", "status", "identical"),
    [
        ("3 signals at 3 different steps: weights are byte-identical", 0, True),
        ("3 signals at 3 different steps: weights are DIFFERENT", 1, False),
    ],
)
def test_the_drills_verdict(
    monkeypatch: pytest.MonkeyPatch, last: str, status: int, identical: bool
) -> None:
    ran = Drill(last, status)
    monkeypatch.setattr(drill, "_output", ran)
    (row,) = measured(drill.run(Setting("cuda")))
    assert (row.signals, row.identical, row.summary) == (3, identical, last)
    assert ran.calls[-1][-1] == "--device=cuda"


def test_a_drill_without_its_signals_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drill, "_output", Drill("1 signals at 1 steps: byte-identical", 1))
    with pytest.raises(RuntimeError, match="after 1 of 3 signals"):
        measured(drill.run(Setting("cpu")))
    monkeypatch.setattr(drill, "_output", Drill("", 1))
    with pytest.raises(RuntimeError, match="ended early: oh no"):
        measured(drill.run(Setting("cpu")))


def test_the_drill_has_these_options() -> None:
    done = drill._output("--help")
    assert done.returncode == 0
    for option in ("--signals", "--epochs", "--seed", "--device"):
        assert option in done.stdout


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
