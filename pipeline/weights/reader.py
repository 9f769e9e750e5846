"""From a published file of weights to arrays by name; nothing in the file is executed."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

from baselines._shared.keras_order import name_layers
from baselines.kpac import name_list
from pipeline.errors import WeightsError
from pipeline.weights.arrays import MAX_BYTES, Array, Unreadable, plain
from pipeline.weights.kinds import HEAD_BYTES, kind_of_weights


def read_weights(path: Path) -> dict[str, Array]:
    """Read PyTorch's files, safetensors, DPDNet's and RDPD's HDF5 and KPAC's `.npz`.

    The format is told by the content, whatever the file's name.

    Args:
        path: the file as it was published.

    Returns:
        Arrays by the authors' names (with wrapper prefixes, where they left them), as a method's
        `load_official` takes them; floating ones as float32.

    Raises:
        WeightsError: missing, damaged, of another format, too large, or it asks for code.
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
        raise WeightsError(f"{path}: {error}; install this project's dependencies again") from error
    # What libraries raise over a damaged file has no end.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise WeightsError(
            f"{path}: {reason}; download the file again from the authors' own address"
        ) from error


def _read(path: Path, head: bytes) -> dict[str, Array]:
    kind = kind_of_weights(head)
    if kind == "hdf5":
        from pipeline.weights.hdf5 import read_layers

        return name_layers(read_layers(path))
    if kind == "zip":
        return _read_zip(path)
    from pipeline.weights.torch_file import read_pickle, read_safetensors

    return read_pickle(path) if kind == "pickle" else read_safetensors(path)


def _read_zip(path: Path) -> dict[str, Array]:
    with ZipFile(path) as archive:
        names = archive.namelist()
    if any(name.endswith("data.pkl") for name in names):
        from pipeline.weights.torch_file import read_pickle

        return read_pickle(path)
    if not names or not all(name.endswith(".npy") for name in names):
        raise Unreadable("is an archive: unpack it and name the file of weights in it")
    from pipeline.weights.npz import read_npz

    found = read_npz(path)
    return name_list(found) if isinstance(found, list) else found
