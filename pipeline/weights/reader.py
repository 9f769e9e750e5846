"""Read published weights as arrays; nothing in the file is executed."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

from pipeline.errors import WeightsError
from pipeline.weights.arrays import MAX_BYTES, Unreadable, Weights, plain
from pipeline.weights.kinds import HEAD_BYTES, Kind, kind_of_weights

_LONGEST = 500


def read_weights(path: Path, key: str | None = None) -> Weights:
    """Read PyTorch files, safetensors, Keras HDF5 or `.keras`, and NumPy's `.npz`.

    The content determines the format, not the name of the file.

    Args:
        path: the file as published.
        key: where a PyTorch checkpoint keeps its state dict, e.g. `params_ema`; needed only if it
            holds several.

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
        if path.exists() and not path.is_file():
            raise WeightsError(f"{path}: is not a regular file; name the file of weights")
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
        return plain(_read(path, head, key))
    except ImportError as error:
        raise WeightsError(f"{path}: {error}; reinstall this project's dependencies") from error
    except Unreadable as error:
        raise WeightsError(f"{path}: {_line(error)}; {error.remedy}") from error
    # Libraries raise all kinds of exceptions over a damaged file.
    except Exception as error:
        problem = Unreadable(_line(error))
        raise WeightsError(f"{path}: {problem}; {problem.remedy}") from error


def _line(error: Exception) -> str:
    """An error in one line, whatever the file has put into it."""
    text = " ".join(str(error).split()) or type(error).__name__
    text = "".join(char if char.isprintable() else "?" for char in text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _read(path: Path, head: bytes, key: str | None) -> Weights:
    kind = kind_of_weights(head)
    if kind == "zip":
        kind = _kind_of_zip(path)
    if kind == "pickle":
        from pipeline.weights.torch_file import read_pickle

        return read_pickle(path, key)
    if key is not None:
        raise Unreadable(f"is of {kind}, not of PyTorch", "leave out --key")
    if kind == "hdf5":
        from pipeline.weights.hdf5 import read_layers

        return read_layers(path)
    if kind == "safetensors":
        from pipeline.weights.torch_file import read_safetensors

        return read_safetensors(path)
    from pipeline.weights.npz import read_npz

    return read_npz(path)


def _kind_of_zip(path: Path) -> Kind:
    with ZipFile(path) as archive:
        names = archive.namelist()
    if any(name.endswith("data.pkl") for name in names):
        return "pickle"
    if "config.json" in names and "metadata.json" in names:
        return "hdf5"
    if not names or not all(name.endswith(".npy") for name in names):
        raise Unreadable("is an archive: unpack it and name the file of weights in it")
    return "zip"
