"""GPUs that this process may use, found without loading torch: that comes after the choice."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

_LINE = re.compile(r"^(?P<inner>\s*)(?:GPU \d+|MIG \S+).*\(UUID: (?P<uuid>[^)]+)\)$")
_DRIVER = Path("/proc/driver/nvidia")
_ASK_TORCH = """
import torch
for number in range(torch.cuda.device_count()):
    print(number, f"GPU-{torch.cuda.get_device_properties(number).uuid}")
"""
_PATIENCE_S = 120
Table = list[tuple[str, list[str]]]


def visible_devices() -> dict[str, str]:
    """The devices: how CUDA is told of each, and what tells it apart on this machine.

    The names in `CUDA_VISIBLE_DEVICES`, where it is set, are kept as they are (numbers, UUIDs,
    MIG names; an empty list or -1 ends it, as for CUDA). Otherwise `nvidia-smi`, which comes with
    the driver and answers at once, gives UUIDs: its numbers need not be CUDA's. Containers may
    have the driver without the tool: then torch is asked, in a process of its own.

    Two jobs of a cluster that may each use one GPU both call it 0; where `nvidia-smi` tells its
    UUID, that is what it is known by.
    """
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        table = _listed()
        if not table and _DRIVER.exists():
            return dict(_pair(line) for line in _told([sys.executable, "-c", _ASK_TORCH]))
        return {name: name for gpu, parts in table for name in parts or [gpu]}
    names: list[str] = []
    for name in map(str.strip, named.split(",")):
        if name in ("", "-1"):
            break
        names.append(name)
    table = _listed() if names else []
    return {name: _identity(name, table) for name in names}


def _listed() -> Table:
    """UUID of every GPU, and of its MIG parts."""
    table: Table = []
    for line in _told(["nvidia-smi", "-L"]):
        found = _LINE.match(line)
        if found is None:
            continue
        if found["inner"] and table:
            table[-1][1].append(found["uuid"])
        else:
            table.append((found["uuid"], []))
    return table


def _identity(name: str, table: Table) -> str:
    gpus = [uuid for uuid, parts in table if not parts]
    if name.isdecimal():
        # Where GPUs are cut up, CUDA's numbers are not those of the list.
        whole = len(gpus) == len(table) and int(name) < len(gpus)
        return gpus[int(name)] if whole else name
    # CUDA takes the beginning of a UUID too.
    return next((uuid for uuid in gpus if uuid.startswith(name)), name)


def _pair(line: str) -> tuple[str, str]:
    name, identity = line.split()
    return name, identity


def _told(command: list[str]) -> list[str]:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=_PATIENCE_S
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return done.stdout.splitlines()
