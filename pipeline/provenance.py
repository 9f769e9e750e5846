"""Collects the `Provenance` block of a record: where a number comes from."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from pipeline.config.experiment import Experiment
from pipeline.files import sha256_of
from pipeline.keys import Keys
from pipeline.public_text import public_values
from pipeline.records import Provenance
from pipeline.results_versions import results_versions

PACKAGES = (
    "torch",
    "numpy",
    "scikit-image",
    "lpips",
    "opencv-python-headless",
    "fvcore",
    "snakemake",
    "mlflow",
    "pandas",
)
_REPOSITORY = Path(__file__).resolve().parents[1]
_MIB = 2**20


def collect(
    experiment: Experiment,
    *,
    command: str,
    keys: Keys,
    seeds: Mapping[str, int],
    started: float,
    manifest: Path | None = None,
    companion_sha256: str | None = None,
    weights: Path | None = None,
) -> Provenance:
    """Collect everything needed to judge or repeat a result; paths as others may see them.

    Args:
        experiment: the resolved configuration.
        command: the command line that made the result.
        keys: the configuration and the code that it depends on.
        seeds: the seeds it used, by purpose.
        started: `time.perf_counter()` at its start; `wall_s` is the time since then.
        manifest: the data manifest it read, if any.
        companion_sha256: checksum of the manifest of the companion set it used, if any.
        weights: the weights it used or made, if any.

    Raises:
        DataError: `manifest` or `weights` cannot be read.
    """
    commit, dirty = git_state(_REPOSITORY)
    return Provenance(
        command=command,
        config=public_values(experiment.model_dump(mode="json")),
        config_hash=experiment.digest(),
        configuration_key=keys.configuration,
        code=dict(keys.code),
        manifest_sha256=None if manifest is None else sha256_of(manifest),
        companion_sha256=companion_sha256,
        weights_sha256=None if weights is None else sha256_of(weights),
        git_commit=commit,
        git_dirty=dirty,
        results_versions=results_versions(),
        packages=package_versions(),
        hardware=hardware(),
        seeds=dict(seeds),
        wall_s=time.perf_counter() - started,
        peak_memory_mb=peak_memory_mib(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def git_state(folder: Path) -> tuple[str | None, bool | None]:
    """Commit checked out at `folder`, and whether tracked files differ from it.

    Returns:
        `(None, None)` outside a repository, without a commit or without git.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None, None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return commit, None if changes is None else bool(changes)


def package_versions() -> dict[str, str]:
    """Installed versions of Python and of the packages that numbers depend on."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def hardware() -> dict[str, str]:
    """Platform, CPU, cores, memory and GPU of this machine.

    `gpu` is `none` if this process has not loaded torch or sees no CUDA device. With a device,
    `gpu_peak_memory_mb` is torch's peak memory on it, in MiB.
    """
    facts = {
        "platform": platform.platform(),
        "cpu": _cpu_model(),
        "cores": str(os.cpu_count()),
        "memory_mb": str(psutil.virtual_memory().total // _MIB),
        "gpu": "none",
    }
    # A command that never loaded torch used no GPU, and loading it here would take seconds.
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        facts["gpu"] = torch.cuda.get_device_name()
        facts["gpu_peak_memory_mb"] = str(torch.cuda.max_memory_allocated() // _MIB)
    return facts


def peak_memory_mib() -> float:
    """Largest resident memory of this process so far, in MiB."""
    # On Linux, getrusage inherits the peak of the process that launched this one.
    for line in _lines(Path("/proc/self/status")):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS reports bytes where others report KiB.
    return peak / _MIB if sys.platform == "darwin" else peak / 1024


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _cpu_model() -> str:
    lines = _lines(Path("/proc/cpuinfo"))
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
