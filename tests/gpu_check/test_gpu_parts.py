"""Every part of the check that measures, on a CPU."""

from __future__ import annotations

import warnings
from typing import Any
from unittest.mock import create_autospec

import pytest
import torch
from support.gpu_parts import METHODS, measured

from pipeline.gpu_check import (
    attention,
    determinism,
    feed,
    process,
    processes,
    rates,
    speed,
)
from pipeline.gpu_check.parts import PARTS
from pipeline.gpu_check.rows import Skipped
from pipeline.gpu_check.setting import Setting, Subject

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


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
