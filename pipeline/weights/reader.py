"""Read published weights as arrays; nothing in the file is executed."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

from pipeline.errors import WeightsError
from pipeline.weights.arrays import MAX_BYTES, Unreadable, Weights, plain
from pipeline.weights.kinds import HEAD_BYTES, kind_of_weights


def read_weights(path: Path) -> Weights:
    """Read PyTorch files, safetensors, Keras HDF5 and NumPy's `.npz`.

    The content determines the format, not the name of the file.

    Args:
        path: the file as published.

    Returns:
        What a method's `load_official` takes: arrays by the authors' names (with wrapper prefixes
        if the file has them); for Keras, whose names are automatic, a list of layers; for an
        `.npz` without names, a list of arrays. Floating-point arrays are float32.

    Raises:
        WeightsError: the file is missing, damaged, of another format, too large, or asks to run
            code.

    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "weights.npz")
    ...     np.savez(path, kernel=np.ones((2, 3)))
    ...     read_weights(path)["kernel"].shape
    (2, 3)
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except OSError as error:
        raise WeightsError(
            f"{path}: cannot be read ({error.strerror}); check that it exists"
        ) from error
    try:
        if size > MAX_BYTES:
            raise Unreadable(f"has {size} bytes, more than any published network")
        return plain(_read(path, head))
    except ImportError as error:
        raise WeightsError(f"{path}: {error}; reinstall this project's dependencies") from error
    # Libraries raise all kinds of exceptions over a damaged file.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise WeightsError(
            f"{path}: {reason}; download the file again from the authors' own address"
        ) from error


def _read(path: Path, head: bytes) -> Weights:
    kind = kind_of_weights(head)
    if kind == "hdf5":
        from pipeline.weights.hdf5 import read_layers

        return read_layers(path)
    if kind == "zip":
        return _read_zip(path)
    from pipeline.weights.torch_file import read_pickle, read_safetensors

    return read_pickle(path) if kind == "pickle" else read_safetensors(path)


def _read_zip(path: Path) -> Weights:
    with ZipFile(path) as archive:
        names = archive.namelist()
    if any(name.endswith("data.pkl") for name in names):
        from pipeline.weights.torch_file import read_pickle

        return read_pickle(path)
    if not names or not all(name.endswith(".npy") for name in names):
        raise Unreadable("is an archive: unpack it and name the file of weights in it")
    from pipeline.weights.npz import read_npz

    return read_npz(path)
