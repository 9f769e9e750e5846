"""The device that is checked, and the versions of what drives it."""

from __future__ import annotations

import subprocess

import torch

from pipeline.errors import ConfigError
from pipeline.gpu_check.rows import Machine
from pipeline.gpu_check.scale import DeviceKind
from pipeline.provenance import hardware, package_versions


def machine(kind: DeviceKind) -> Machine:
    """Describe the device.

    Raises:
        ConfigError: there is no CUDA device.
    """
    versions = {name: package_versions()[name] for name in ("python", "torch")}
    if kind == "cpu":
        return Machine(
            kind=kind,
            name=hardware()["cpu"],
            memory_bytes=None,
            capability=None,
            gpus=0,
            versions=versions,
        )
    if not torch.cuda.is_available():
        raise ConfigError(
            "no CUDA device is visible to PyTorch; install a driver and a CUDA build of it, or "
            "use --device cpu"
        )
    properties = torch.cuda.get_device_properties(0)
    further = {
        "CUDA": torch.version.cuda,
        "cuDNN": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        "driver": _driver(),
        "NCCL": _nccl(),
    }
    return Machine(
        kind=kind,
        name=torch.cuda.get_device_name(0),
        memory_bytes=properties.total_memory,
        capability=f"{properties.major}.{properties.minor}",
        gpus=torch.cuda.device_count(),
        versions=versions | {name: str(value) for name, value in further.items() if value},
    )


def _driver() -> str | None:
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    return next(iter(done.stdout.split()), None)


def _nccl() -> str:
    return ".".join(map(str, torch.cuda.nccl.version()))  # type: ignore[no-untyped-call]
