"""Files of weights that would hang, crash or fill the memory: refused, and in time."""

from __future__ import annotations

import io
import os
import pickle
import socket
import struct
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from support.weight_files import refused
from torch import nn

from pipeline.errors import WeightsError
from pipeline.weights import hdf5, pickle_machine
from pipeline.weights.own_file import load_weights
from pipeline.weights.reader import read_weights

LIMIT_S = 30
"""Far more than any of these needs, on a machine that does other things too."""


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < LIMIT_S


def make_fifo(path: Path) -> Path:
    os.mkfifo(path)
    return path


def make_socket(path: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path.relative_to(Path.cwd())))
    return path


def make_folder(path: Path) -> Path:
    path.mkdir()
    return path


def make_link_to_device(path: Path) -> Path:
    path.symlink_to("/dev/zero")
    return path


@pytest.mark.parametrize("make", [make_fifo, make_socket, make_folder, make_link_to_device])
def test_regular_files_only(tmp_path: Path, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # A short path: that of a socket may have 108 bytes.
    monkeypatch.chdir(tmp_path)
    path = make(tmp_path / "x")
    with pytest.raises(WeightsError, match="is not a regular file; name the file of weights"):
        read_weights(path)
    with pytest.raises(WeightsError, match="not a regular file"):
        load_weights(path, nn.Linear(1, 1), "dmtnet")


def test_a_link_to_a_regular_file(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "x.pth")
    (tmp_path / "link").symlink_to("x.pth")
    assert [*read_weights(tmp_path / "link")] == ["a"]


def small_keras(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        for number in range(3):
            group = file.create_group(f"conv2d_{number}")
            names = [f"conv2d_{number}/{part}:0" for part in ("kernel", "bias")]
            group.attrs["weight_names"] = names
            group[names[0]] = np.ones((3, 3, 2, 4), np.float32)
            group[names[1]] = np.ones(4, np.float32)
        file.attrs["layer_names"] = [f"conv2d_{number}" for number in range(3)]
    assert len(read_weights(path)) == 3
    return path


def test_an_hdf5_file_over_which_the_library_loops_for_ever(tmp_path: Path) -> None:
    path = small_keras(tmp_path / "x.h5")
    content = bytearray(path.read_bytes())
    assert len(content) < 16_000
    # The number of an object in the heap of texts, 6, becomes 1030.
    place = content.index(b"\x06\0\0\0\0\0\0\0", content.index(b"GCOL"))
    content[place + 1] = 4
    path.write_bytes(content)
    refused(path, "is damaged")


def test_a_process_that_loops_or_crashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = small_keras(tmp_path / "x.h5")
    script = tmp_path / "pipeline" / "weights"
    script.mkdir(parents=True)
    for folder in (script, script.parent):
        (folder / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    start = "import os, resource, signal, time\nsignal.setitimer(signal.ITIMER_PROF, 0.1)\n"
    for body, message in (
        ("while True: pass", "HDF5 does not finish within 1.0 s"),
        ("os.abort()", "HDF5 crashes"),
    ):
        (script / "keras_process.py").write_text(start + body)
        refused(path, message)
    monkeypatch.setattr(hdf5, "_PATIENCE", 0.5)
    (script / "keras_process.py").write_text("import time\ntime.sleep(100)")
    refused(path, "not read within 1 s")


def many_splits(file: Any) -> None:
    del file.attrs["layer_names"]
    for number in range(2000):
        file.attrs[f"layer_names{number}"] = np.array([b"conv2d_0"] * 12)


def a_virtual_dataset(file: Any) -> None:
    del file["conv2d_0/conv2d_0/bias:0"]
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(4,))
    file["conv2d_0/conv2d_0"].create_virtual_dataset("bias:0", layout)


def a_link_cycle(file: Any) -> None:
    del file["conv2d_1"]
    file["conv2d_1"] = h5py.SoftLink("/conv2d_1")


def nothing_stored(file: Any) -> None:
    del file["conv2d_0/conv2d_0/bias:0"]
    group = file["conv2d_0/conv2d_0"]
    group.create_dataset("bias:0", (1 << 28,), "f4", chunks=(1 << 20,), fillvalue=1)


def a_zero_bomb(file: Any) -> None:
    del file["conv2d_0/conv2d_0/bias:0"]
    group = file["conv2d_0/conv2d_0"]
    group.create_dataset("bias:0", data=np.zeros(1 << 25, np.float32), compression="gzip")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (many_splits, "names 2"),
        (a_virtual_dataset, "not weights of a convolution"),
        (a_link_cycle, "a link instead"),
        (nothing_stored, "in a file of"),
        (a_zero_bomb, "in a file of"),
    ],
)
def test_bombs_and_links_in_hdf5(tmp_path: Path, damage: Any, message: str) -> None:
    path = small_keras(tmp_path / "x.h5")
    with h5py.File(path, "a") as file:
        damage(file)
    refused(path, message)


def test_an_attribute_that_claims_more_names_than_there_is_memory(tmp_path: Path) -> None:
    path = small_keras(tmp_path / "x.h5")
    content = path.read_bytes()
    place = content.index(struct.pack("<QQ", 3, 3), content.index(b"layer_names"))
    for count in (1 << 20, 1 << 40, 1 << 60):
        path.write_bytes(content[:place] + struct.pack("<QQ", count, count) + content[place + 16 :])
        refused(path, "is damaged")


def pickled(path: Path, body: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", b"\x80\x02" + body + b".")
        archive.writestr("x/data/0", bytes(8))
    return path


TENSOR = (
    b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n"
    b"X\x01\0\0\x000X\x03\0\0\0cpuK\x02tQK\0K\x02\x85K\x01\x85\x89NtR"
)
NAMED = b"X\x01\0\0\0a" + TENSOR + b"s"


def test_the_tensor_made_by_hand_is_one(tmp_path: Path) -> None:
    assert read_weights(pickled(tmp_path / "x", b"}" + NAMED))["a"].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        # Hashing it takes 2^40 steps: each tuple holds the one before twice.
        (b"})" + b"2\x86" * 40 + b"Ns" + NAMED, ""),
        (b"}cbuiltins\nbytearray\n\x8a\x06\0\0\0\0\0\x01\x85R0" + NAMED, ""),
        (b"}" + b"(" * 100_000 + b"1" * 100_000 + NAMED, ""),
        (b"]" * 100_000 + b"a" * 99_999, "holds no state dict"),
        (b"(" * 100_000 + b"t" * 100_000, "holds no state dict"),
        (b"N0" * 600_000, "longer than any"),
        (b"\x8b\xff\xff\xff\x7f", "larger than any"),
        (b"\x8b\xff\xff\xff\xff", "is damaged"),
        (b"X\xff\xff\xff\xff", "larger than any"),
        (b"}" + b"r\xff\xff\xff\x7f" + NAMED, "memo"),
        (b"cnumpy\nload\nX\x01\0\0\0x\x85R", "asks for numpy.load, which is never run"),
        (b"c" + b"x" * 5000 + b"\ny\n", "is damaged"),
        (b"\x82\x01", "EXT1"),
        (b"U\x05\n\x1b[2Jcnn\n\x1b[31m\n", "asks for"),
        (b"", "is damaged"),
        (b"N" + b"N" * 10, "holds no state dict"),
        (b"}" + NAMED.replace(b"K\x02\x85K\x01\x85", b"K\x03\x85K\x01\x85"), "larger than its"),
        (b"}" + NAMED.replace(b"K\x02\x85K\x01\x85", b"K\x02\x85J\xff\xff\xff\xff\x85"), "shape"),
        (b"}" + NAMED.replace(b"cpuK\x02", b"cpuK\x03"), "its storage '0'"),
        (b"}" + NAMED.replace(b"\x89NtR", b"\x89N}K\x01K\x02stR"), "not a plain tensor"),
        (
            b"}" + NAMED.replace(b"K\x02\x85K\x01\x85", b"J\0\0\0\x10\x85K\0\x85"),
            "bytes in a file of",
        ),
    ],
)
def test_pickles_of_pytorch_made_by_hand(tmp_path: Path, body: bytes, message: str) -> None:
    path = pickled(tmp_path / "x", body)
    if message:
        refused(path, message)
    else:
        assert [*read_weights(path)] == ["a"]


def test_a_pickle_that_is_too_large(tmp_path: Path) -> None:
    refused(pickled(tmp_path / "x", bytes(pickle_machine.MAX_BYTES)), "its pickle is larger")


def zip_bomb(path: Path, name: str) -> Path:
    torch.save({"a": torch.ones(2)}, path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, bytes(1 << 27))
    return path


def test_bombs_in_archives(tmp_path: Path) -> None:
    refused(zip_bomb(tmp_path / "x.pth", "archive/data/9"), "claims 134217")
    np.savez_compressed(tmp_path / "x.npz", a=np.zeros(1 << 25, np.float32))
    refused(tmp_path / "x.npz", "claims 134217")
    with zipfile.ZipFile(tmp_path / "x.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", "[" * 100_000)
        archive.writestr("model.weights.h5", bytes(1 << 27))
    refused(tmp_path / "x.keras", "claims 134")


def test_a_configuration_of_keras_without_end(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file["layers/conv2d/vars/0"] = np.ones(3, np.float32)
    with zipfile.ZipFile(tmp_path / "x.keras", "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", "[" * 100_000)
        archive.writestr("model.weights.h5", stream.getvalue())
    refused(tmp_path / "x.keras", "is damaged")


@pytest.mark.parametrize("length", [1 << 24, 1 << 40, (1 << 64) - 1])
def test_a_header_of_safetensors_that_is_too_long(tmp_path: Path, length: int) -> None:
    save_file({"a": torch.ones(2)}, tmp_path / "x")
    content = (tmp_path / "x").read_bytes()
    (tmp_path / "x").write_bytes(struct.pack("<Q", length) + content[8:])
    refused(tmp_path / "x", f"a header of {length} bytes")


def test_an_old_file_that_ends_within_its_numbers(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    torch.save({"a": torch.ones(99)}, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    for cut in (1, 100, 395, 400, 500):
        path.write_bytes(content[:-cut])
        refused(path, "is damaged")
    path.write_bytes(pickle.dumps({"a": 1}, 2))
    refused(path, "a pickle that torch.save did not write")


def test_torchscript_is_named(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), str(tmp_path / "x.pt"))
    with pytest.raises(WeightsError, match=r"TorchScript program; save its weights alone: .*NEW"):
        read_weights(tmp_path / "x.pt")
