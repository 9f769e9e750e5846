"""GPUs visible to this process, found without torch, which is loaded after GPUs are chosen."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

_LINE = re.compile(r"^(?P<inner>\s*)(?:GPU \d+|MIG \S+).*\(UUID: (?P<uuid>[^)]+)\)$")
_DRIVER = Path("/proc/driver/nvidia")
_QUERY_TORCH = """
import torch
for number in range(torch.cuda.device_count()):
    print(number, f"GPU-{torch.cuda.get_device_properties(number).uuid}")
"""
_TIMEOUT_S = 120
Table = list[tuple[str, list[str]]]


def visible_devices() -> dict[str, str]:
    """The visible devices: CUDA's name of each, and its unique identity on this machine.

    If `CUDA_VISIBLE_DEVICES` is set, its names are used unchanged (numbers, UUIDs, MIG names; an
    empty name or -1 ends the list, as in CUDA). Otherwise `nvidia-smi`, which comes with the driver
    and answers immediately, gives UUIDs, because its numbers may differ from CUDA's. Containers
    may have the driver without the tool: then torch is queried, in a separate process.

    Two cluster jobs with one GPU each both call it 0; if `nvidia-smi` gives its UUID, the identity
    is that UUID.
    """
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        table = _listed()
        if not table and _DRIVER.exists():
            return dict(_pair(line) for line in _lines_of([sys.executable, "-c", _QUERY_TORCH]))
        return {name: name for gpu, parts in table for name in parts or [gpu]}
    names: list[str] = []
    for name in map(str.strip, named.split(",")):
        if name in ("", "-1"):
            break
        names.append(name)
    table = _listed() if names else []
    return {name: _identity(name, table) for name in names}


def _listed() -> Table:
    """UUID of every GPU, and of its MIG devices."""
    table: Table = []
    for line in _lines_of(["nvidia-smi", "-L"]):
        match = _LINE.match(line)
        if match is None:
            continue
        if match["inner"] and table:
            table[-1][1].append(match["uuid"])
        else:
            table.append((match["uuid"], []))
    return table


def _identity(name: str, table: Table) -> str:
    gpus = [uuid for uuid, parts in table if not parts]
    if name.isdecimal():
        # With partitioned GPUs, CUDA's numbers differ from those of the list.
        whole = len(gpus) == len(table) and int(name) < len(gpus)
        return gpus[int(name)] if whole else name
    # CUDA also accepts the beginning of a UUID.
    return next((uuid for uuid in gpus if uuid.startswith(name)), name)


def _pair(line: str) -> tuple[str, str]:
    name, identity = line.split()
    return name, identity


def _lines_of(command: list[str]) -> list[str]:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=_TIMEOUT_S
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return done.stdout.splitlines()
