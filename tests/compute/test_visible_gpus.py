"""Which GPUs there are, according to the environment and a fake `nvidia-smi`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipeline.compute import visible_gpus as visible
from pipeline.compute.visible_gpus import visible_devices

TWO = """\
GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aaaa-1)
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-bbbb-2)
"""
CUT = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-aaaa-1)
  MIG 3g.20gb     Device  0: (UUID: MIG-cccc-3)
  MIG 3g.20gb     Device  1: (UUID: MIG-dddd-4)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-bbbb-2)
"""


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No driver and no tools, whatever this machine has."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(visible, "_DRIVER", tmp_path / "driver")


def has(tmp_path: Path, listed: str, status: int = 0) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f'#!/bin/sh\n[ "$1" = -L ] && echo "{listed}"\nexit {status}\n')
    tool.chmod(0o755)


def test_nothing_there() -> None:
    assert visible_devices() == {}


@pytest.mark.parametrize(
    ("listed", "names"),
    [(TWO, ["GPU-aaaa-1", "GPU-bbbb-2"]), (CUT, ["MIG-cccc-3", "MIG-dddd-4", "GPU-bbbb-2"])],
)
def test_nvidia_smi_lists(tmp_path: Path, listed: str, names: list[str]) -> None:
    has(tmp_path, listed)
    assert visible_devices() == {name: name for name in names}


def test_a_tool_that_fails(tmp_path: Path) -> None:
    has(tmp_path, TWO, status=9)
    assert visible_devices() == {}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("-1", []),
        ("2, 0", ["2", "0"]),
        ("0,-1,1", ["0"]),
        ("GPU-8932f937,MIG-GPU-8932f937/1/2", ["GPU-8932f937", "MIG-GPU-8932f937/1/2"]),
    ],
)
def test_what_is_set_is_kept(monkeypatch: pytest.MonkeyPatch, text: str, names: list[str]) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", text)
    assert visible_devices() == {name: name for name in names}
    assert [*visible_devices()] == names


@pytest.mark.parametrize(
    ("listed", "devices"),
    [
        (TWO, {"1": "GPU-bbbb-2", "GPU-aa": "GPU-aaaa-1", "7": "7"}),
        # With MIG, numbers say little.
        (CUT, {"1": "1", "GPU-bb": "GPU-bbbb-2", "MIG-cccc-3": "MIG-cccc-3"}),
    ],
)
def test_what_is_set_is_recognized(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: str, devices: dict[str, str]
) -> None:
    has(tmp_path, listed)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ",".join(devices))
    assert visible_devices() == devices


def test_a_driver_without_the_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "driver").touch()
    monkeypatch.setattr(visible, "_QUERY_TORCH", "print('0 GPU-aaaa-1')")
    assert visible_devices() == {"0": "GPU-aaaa-1"}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_the_tool_and_torch_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    asked = visible._lines_of([visible.sys.executable, "-c", visible._QUERY_TORCH])
    identities = {line.split()[1] for line in asked}
    assert identities
    assert set(visible_devices().values()) == identities
