"""Published files of weights: read as data, refused when they are anything else."""

from __future__ import annotations

import random
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from support.weight_files import (
    Command,
    as_objects,
    keras_file,
    kpac_arrays,
    refused,
)

from baselines import dpdnet
from pipeline.errors import WeightsError
from pipeline.weights.arrays import MAX_BYTES
from pipeline.weights.reader import read_weights


@pytest.mark.parametrize("wrapper", [None, "params", "state_dict"])
@pytest.mark.parametrize("old", [False, True])
def test_state_dicts_of_pytorch(tmp_path: Path, wrapper: str | None, old: bool) -> None:
    state = OrderedDict(
        {
            "module.a.weight": torch.randn(4, 3, 2, 2).transpose(0, 1),
            "module.a.bias": torch.nn.Parameter(torch.randn(4)),
            "module.half": torch.randn(3).bfloat16(),
            "module.index": torch.arange(6).view(2, 3),
        }
    )
    content = {wrapper: state, "epoch": 3} if wrapper else state
    path = tmp_path / "x.pth"
    torch.save(content, path, _use_new_zipfile_serialization=not old)
    found = read_weights(path)
    assert list(found) == list(state)
    for name, value in state.items():
        assert np.array_equal(found[name], value.detach().to(torch.float64).numpy())
        assert found[name].flags.c_contiguous
        assert found[name].dtype == (np.int64 if name == "module.index" else np.float32)


def test_safetensors(tmp_path: Path) -> None:
    state = {"a": torch.randn(2, 3), "b": torch.randn(4).bfloat16()}
    save_file(state, tmp_path / "x.safetensors")
    found = read_weights(tmp_path / "x.safetensors")
    assert found.keys() == state.keys()
    for name, value in found.items():
        assert torch.equal(torch.from_numpy(value), state[name].float())


@pytest.mark.parametrize("old", [False, True])
def test_a_pth_that_would_run_a_command(tmp_path: Path, old: bool) -> None:
    flag, path = tmp_path / "ran", tmp_path / "x.pth"
    torch.save(
        {"a": torch.ones(2), "b": Command(flag)}, path, _use_new_zipfile_serialization=not old
    )
    refused(path, "system")
    assert not flag.exists()
    torch.load(path, weights_only=False)
    assert flag.exists(), "the file is as malicious as it claims to be"


def test_a_pth_without_a_state_dict(tmp_path: Path) -> None:
    for index, content in enumerate(
        ({"a": 1}, [torch.ones(2)], {}, {"params": {1: torch.ones(2)}})
    ):
        torch.save(content, tmp_path / f"{index}.pth")
        refused(tmp_path / f"{index}.pth", "holds no state dict")


def test_tensors_that_claim_more_than_they_have(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    torch.save({"a": torch.ones(1).expand(1 << 20, 1 << 20)}, path)
    assert path.stat().st_size < 10_000
    refused(path, "claims 4398046511104 bytes")
    torch.save({"a": torch.eye(3).to_sparse()}, path)
    refused(path, "not a plain tensor")
    torch.save({"a": torch.tensor([1.0, np.nan])}, path)
    refused(path, "a holds values that are not finite")
    torch.save({"a": torch.ones(2, dtype=torch.complex64)}, path)
    refused(path, "not numbers")


def test_without_a_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keras_file(tmp_path / "x.hdf5", dpdnet, full=False)
    monkeypatch.delitem(sys.modules, "pipeline.weights.hdf5", raising=False)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(WeightsError, match="install this project's dependencies"):
        read_weights(tmp_path / "x.hdf5")


def test_not_a_file_of_weights(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    with pytest.raises(WeightsError, match="cannot be read"):
        read_weights(path)
    for content, message in (
        (b"", "is neither"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"PK\x03\x04", "not a zip file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "is neither"),
    ):
        path.write_bytes(content)
        refused(path, message)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("checkpoints/IFAN_dual.pytorch", b"x")
    refused(path, "is an archive: unpack it")


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "x.hdf5"
    with path.open("wb") as stream:
        stream.write(b"\x89HDF\r\n\x1a\n")
        stream.truncate(MAX_BYTES + 1)
    refused(path, "more than any published network")


@pytest.mark.parametrize("kind", ["pth", "old.pth", "npz", "safetensors", "hdf5"])
def test_spoilt_files_end_in_one_line(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"good.{kind}"
    state = {"a.weight": torch.randn(8, 4, 3, 3), "a.bias": torch.randn(8)}
    if kind.endswith("pth"):
        torch.save(state, path, _use_new_zipfile_serialization=kind == "pth")
    elif kind == "npz":
        np.savez(path, params=as_objects(kpac_arrays()))
    elif kind == "safetensors":
        save_file(state, path)
    else:
        keras_file(path, dpdnet, full=True)
    content, chance = path.read_bytes(), random.Random(0)
    bad, errors = tmp_path / "bad", []
    for _ in range(60):
        spoilt = bytearray(content)
        if chance.random() < 0.4:
            spoilt = spoilt[: chance.randrange(len(spoilt))]
        else:
            for _ in range(chance.randrange(1, 30)):
                spoilt[chance.randrange(min(len(spoilt), 3000))] = chance.randrange(256)
        bad.write_bytes(spoilt)
        try:
            read_weights(bad)
        except WeightsError as error:
            errors.append(str(error))
    assert len(errors) > 20
    assert not [line for line in errors if "\n" in line or not line.startswith(f"{bad}: ")]
