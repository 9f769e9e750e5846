"""Read PyTorch files, from which only tensors and plain containers are loaded, and safetensors."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile, is_zipfile

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from pipeline.weights.arrays import Array, Unreadable, check_size

_WRAPPERS = ("params", "state_dict")


def read_pickle(path: Path) -> dict[str, Array]:
    """Read a state dict that `torch.save` wrote, alone or under `params` or `state_dict`.

    Raises:
        Unreadable: damaged, too large, asks to run code, or not a state dict.
    """
    if is_zipfile(path):
        with ZipFile(path) as archive:
            check_size(((member.file_size,), 1) for member in archive.infolist())
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        wish = f"asks for {named[1]}, which is never run here" if named else "is damaged"
        raise Unreadable(wish) from error
    except Exception as error:
        raise Unreadable(f"is damaged ({type(error).__name__})") from error
    return _arrays(_state_dict(content))


def read_safetensors(path: Path) -> dict[str, Array]:
    """Read tensors by name.

    Raises:
        Unreadable: damaged.
    """
    try:
        state = load_file(path)
    except (ValueError, OSError, SafetensorError) as error:
        raise Unreadable(f"is damaged ({error})") from error
    return _arrays(state)


def _state_dict(content: Any) -> Mapping[str, torch.Tensor]:
    for _ in range(len(_WRAPPERS) + 1):
        if not isinstance(content, Mapping):
            break
        if content and all(
            isinstance(name, str) and isinstance(value, torch.Tensor)
            for name, value in content.items()
        ):
            return content
        content = next((content[name] for name in _WRAPPERS if name in content), None)
    raise Unreadable("holds no state dict, neither alone nor as `params` or `state_dict`")


def _arrays(state: Mapping[str, torch.Tensor]) -> dict[str, Array]:
    # Zero strides can claim any size from a few bytes; check before copying anything.
    check_size((tuple(value.shape), value.element_size()) for value in state.values())
    arrays = {}
    for name, value in state.items():
        if value.layout != torch.strided or value.is_quantized or value.device.type != "cpu":
            raise Unreadable(f"{name} is not a plain tensor")
        value = value.detach()
        arrays[name] = (value.float() if value.is_floating_point() else value).numpy()
    return arrays
