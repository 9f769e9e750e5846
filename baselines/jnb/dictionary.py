"""The trained dictionary and its calibration, in one file.

Reconstruction: the authors' dictionary may not be distributed. Ours is learned from photographs
bundled with scikit-image; `train_dictionary` recreates the file.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from importlib import resources
from io import BytesIO
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile, is_zipfile

import numpy as np
from numpy.typing import NDArray

from baselines.jnb.feature import PATCH

Floats = NDArray[np.float64]

_SHIPPED = "dictionary.npz"
_DIGEST = "sha256"
# The published coder rejects atoms whose norm differs from 1 by more.
_UNIT = 0.01


@dataclass(frozen=True)
class Dictionary:
    """Atoms, the calibration of their counts, and the origin of both.

    Attributes:
        atoms: `[K, 64]`, rows of unit norm and mean zero.
        sigmas: `[S]`, increasing: Gaussian blurs in px.
        counts: `[S]`, decreasing: mean number of atoms of textured patches with these blurs.
        images: names of the images that both were learned from.
        seed: seed of the random draws.
        sigma_t: blur in px of the training patches.
        num_patches: number of training patches requested.
        num_sweeps: sweeps of K-SVD.
    """

    atoms: Floats
    sigmas: Floats
    counts: Floats
    images: tuple[str, ...]
    seed: int
    sigma_t: float
    num_patches: int
    num_sweeps: int

    def __post_init__(self) -> None:
        norms = np.linalg.norm(self.atoms, axis=1) if self.atoms.ndim == 2 else np.zeros(1)
        if self.atoms.shape[1:] != (PATCH**2,) or np.abs(norms - 1).max() > _UNIT:
            raise ValueError(
                f"atoms must be [K, {PATCH**2}] with rows of unit norm, got {self.atoms.shape}; "
                "normalize them or train a dictionary anew"
            )
        rises, falls = (np.diff(self.sigmas) > 0).all(), (np.diff(self.counts) < 0).all()
        if self.sigmas.shape != self.counts.shape or not (rises and falls):
            raise ValueError("counts must fall while sigmas rise; train a dictionary anew")


_ENTRIES = tuple(field.name for field in fields(Dictionary))


def load_dictionary(path: Path | None = None) -> Dictionary:
    """Read a dictionary; without `path`, the shipped one.

    Raises:
        ValueError: an entry is missing, the file has changed since it was written, or it is not a
            dictionary.
        OSError: the file cannot be read.
    """
    if path is None:
        with resources.files("baselines.jnb").joinpath(_SHIPPED).open("rb") as stream:
            return _read(stream, _SHIPPED)
    with path.open("rb") as stream:
        return _read(stream, str(path))


def save_dictionary(dictionary: Dictionary, path: Path) -> None:
    """Write a dictionary with a digest of its contents; equal dictionaries give equal bytes.

    The write is atomic.

    Raises:
        OSError: it cannot be written.
    """
    entries = {name: np.array(getattr(dictionary, name)) for name in _ENTRIES}
    entries[_DIGEST] = np.array(digest_of(dictionary))
    content = BytesIO()
    # The type stub checks every keyword as `allow_pickle`.
    np.savez(content, **entries)  # type: ignore[arg-type]
    torn = path.with_name(f".tmp-{path.name}")
    torn.write_bytes(content.getvalue())
    torn.replace(path)


def digest_of(dictionary: Dictionary) -> str:
    """SHA-256 of all entries, in hexadecimal."""
    digest = hashlib.sha256()
    for name in _ENTRIES:
        value = getattr(dictionary, name)
        content = value.astype("<f8").tobytes() if isinstance(value, np.ndarray) else repr(value)
        digest.update(content if isinstance(content, bytes) else content.encode())
    return digest.hexdigest()


def _read(stream: IO[bytes], name: str) -> Dictionary:
    entries = _entries(stream, name)
    missing = [key for key in (*_ENTRIES, _DIGEST) if key not in entries]
    if missing:
        raise ValueError(f"{name} lacks {', '.join(missing)}; train a dictionary anew")
    dictionary = Dictionary(
        atoms=entries["atoms"],
        sigmas=entries["sigmas"],
        counts=entries["counts"],
        images=tuple(str(image) for image in entries["images"]),
        seed=int(entries["seed"]),
        sigma_t=float(entries["sigma_t"]),
        num_patches=int(entries["num_patches"]),
        num_sweeps=int(entries["num_sweeps"]),
    )
    if digest_of(dictionary) != str(entries[_DIGEST]):
        raise ValueError(
            f"{name} does not match its SHA-256; get it again or train a dictionary anew"
        )
    return dictionary


def _entries(stream: IO[bytes], name: str) -> dict[str, NDArray[Any]]:
    try:
        if not is_zipfile(stream):
            raise BadZipFile
        stream.seek(0)
        with np.load(stream, allow_pickle=False) as archive:
            return dict(archive)
    except BadZipFile:
        raise ValueError(
            f"{name} is damaged or no .npz file; get it again or train a dictionary anew"
        ) from None
