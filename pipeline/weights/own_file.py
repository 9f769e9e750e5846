"""Our own weights files: safetensors with the name of the method they belong to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from pipeline.errors import WeightsError
from pipeline.files import atomic_file


def save_weights(
    path: Path, state: Mapping[str, Tensor], method: str, kwargs: Mapping[str, Any]
) -> None:
    """Write `state` atomically, with `method` and constructor `kwargs` in the file's header.

    Equal arguments give equal bytes.

    Raises:
        DataError: the folder is read-only or full.
    """
    header = {"method": method, "kwargs": json.dumps(kwargs, sort_keys=True)}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    with atomic_file(path) as temporary:
        temporary.write_bytes(_canonical(save(tensors, metadata=header)))


def _canonical(content: bytes) -> bytes:
    """The same safetensors file with a sorted header: the library's order is random."""
    length = int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8 : 8 + length]), sort_keys=True).encode()
    # Tensors start at a multiple of 8 bytes; spaces may pad the header.
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


def load_weights(path: Path, network: nn.Module, method: str) -> None:
    """Load weights that `save_weights` wrote into `network`; nothing in the file is executed.

    Raises:
        WeightsError: the file is missing, damaged, or belongs to another method or architecture.
    """
    try:
        if path.exists() and not path.is_file():
            raise OSError("not a regular file")
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"{path}: is not a readable weights file ({error}); train again"
        ) from error
    found = header.get("method", "an unknown method")
    expected = network.state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    wanted = {name: tuple(tensor.shape) for name, tensor in expected.items()}
    if shapes != wanted:
        odd = sorted(set(shapes.items()) ^ set(wanted.items()))[0][0]
        raise WeightsError(
            f"{path}: holds {found} {header.get('kwargs', '')}, another architecture than "
            f"{method} as configured (first difference: {odd}); use its own configuration or "
            "train again"
        )
    if found != method:
        # Methods can have equal shapes and still differ, by a fixed weight or a shift of windows.
        raise WeightsError(
            f"{path}: holds weights of {found}, not of {method}; use its own run or train again"
        )
    network.load_state_dict(state)
