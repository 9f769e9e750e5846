"""Read the files of Keras in a process of its own, which ends if HDF5 loops or crashes."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from pipeline.weights.arrays import Array, Unreadable

_ROOT = Path(__file__).resolve().parents[2]
_REFUSED = 3
# Processor time for any file, and what the slowest compressed ones take beyond it.
_SECONDS, _BYTES_PER_SECOND = 2.5, 1 << 24
# The clock may run much longer than the processor works: other jobs, slow disks.
_PATIENCE = 20


def read_layers(path: Path) -> list[list[Array]]:
    """Read the arrays of all layers that have any, in the order of the model.

    Returns:
        For each layer, its kernel, recurrent kernel and bias, if present, in this order.

    Raises:
        Unreadable: not a Keras file, damaged, too large, or a layer holds weights of another kind.
        ImportError: h5py is not installed.
    """
    if find_spec("h5py") is None:
        raise ImportError("h5py is not installed")
    seconds = _SECONDS + path.stat().st_size / _BYTES_PER_SECOND
    command = [sys.executable, "-m", "pipeline.weights.keras_process", str(path), f"{seconds:.1f}"]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")]),
        "OPENBLAS_NUM_THREADS": "1",
        # No code from elsewhere for filters that a file names.
        "HDF5_PLUGIN_PRELOAD": "::",
    }
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            timeout=seconds * _PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Unreadable(f"is damaged (not read within {seconds * _PATIENCE:.0f} s)") from error
    if done.returncode == _REFUSED:
        raise Unreadable(*json.loads(done.stdout))
    if done.returncode == -signal.SIGPROF:
        raise Unreadable(f"is damaged (HDF5 does not finish within {seconds:.1f} s)")
    if done.returncode:
        raise Unreadable("is damaged (HDF5 crashes)")
    return _layers(io.BytesIO(done.stdout))


def _layers(stream: io.BytesIO) -> list[list[Array]]:
    counts = np.lib.format.read_array(stream, allow_pickle=False)
    return [
        [np.lib.format.read_array(stream, allow_pickle=False) for _ in range(count)]
        for count in counts
    ]
