"""A process that reads one file of Keras and writes its arrays to standard output.

HDF5 loops for ever, or crashes, over some damaged files; only the end of its process ends that.
Usage: `python -m pipeline.weights.keras_process FILE SECONDS`, with the processor time allowed.
Output: an array of the number of arrays in each layer, then these arrays, in NumPy's format; or,
with exit status `REFUSED`, the reason and the remedy as JSON.
"""

from __future__ import annotations

import io
import json
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import h5py
import numpy as np

from pipeline.weights.arrays import MAX_BYTES, Array, Unreadable, check_expansion, check_size
from pipeline.weights.keras2 import layers_of_keras2
from pipeline.weights.keras3 import CONTAINERS, layers_of_keras3
from pipeline.weights.zip_members import checked_members

REFUSED = 3
"""Exit status when the file cannot be used."""

_ARCHIVE = b"PK\x03\x04"
_WEIGHTS, _CONFIG = "model.weights.h5", "config.json"
_MAX_CONFIG = 1 << 24
# Arrays, one of which exists twice, and the libraries.
_MEMORY = 3 * MAX_BYTES


def layers_in(path: Path) -> list[list[Array]]:
    """The arrays of all layers that have any, in the order of the model.

    Raises:
        Unreadable: not a Keras file, too large, or a layer holds weights of another kind.
        OSError: HDF5 cannot read the file.
    """
    with _opened(path) as (file, config):
        new = "layer_names" not in file.attrs and any(name in file for name in CONTAINERS)
        layers = layers_of_keras3(file, config) if new else layers_of_keras2(file)
        items = [item for layer in layers for item in layer]
        check_size((item.shape, item.dtype.itemsize) for item in items)
        check_expansion(sum(item.size * item.dtype.itemsize for item in items), path.stat().st_size)
        return [[np.asarray(item[()]) for item in layer] for layer in layers]


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """The HDF5 file, and the configuration if it is in a `.keras` archive."""
    with path.open("rb") as stream:
        archived = stream.read(len(_ARCHIVE)) == _ARCHIVE
    if not archived:
        with h5py.File(path, "r") as file:
            yield file, None
        return
    with ZipFile(path) as archive:
        members = checked_members(archive)
        if _WEIGHTS not in members or members[_CONFIG].file_size > _MAX_CONFIG:
            raise Unreadable(
                f"is a .keras archive without {_WEIGHTS}",
                'save the model with Keras 3: model.save("model.keras")',
            )
        content = archive.read(members[_WEIGHTS])
        config = json.loads(archive.read(members[_CONFIG]))
    with h5py.File(io.BytesIO(content), "r") as file:
        yield file, config


def main(path: Path, seconds: float) -> int:
    """Write the arrays of a file to standard output; returns the exit status."""
    # Neither handles the signal: it ends the process.
    signal.setitimer(signal.ITIMER_PROF, seconds)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    limit = _MEMORY if most == resource.RLIM_INFINITY else min(_MEMORY, most)
    resource.setrlimit(resource.RLIMIT_AS, (limit, most))
    try:
        layers = layers_in(path)
    except Unreadable as error:
        print(json.dumps([str(error), error.remedy]))
        return REFUSED
    # HDF5 and its wrapper raise all kinds of exceptions over a damaged file.
    except Exception as error:
        print(json.dumps([f"is damaged ({error or type(error).__name__})", Unreadable("").remedy]))
        return REFUSED
    np.save(sys.stdout.buffer, np.array([len(layer) for layer in layers], np.int64))
    for layer in layers:
        for array in layer:
            np.save(sys.stdout.buffer, array)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2])))
