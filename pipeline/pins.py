"""Pins of an experiment: checksums of the inputs that its numbers may come from.

They are kept in `<stem>.pins.json` beside the experiment file. Commit that file with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import ConfigError, DataError, first_problem
from pipeline.files import sha256_of, write_text, writing
from pipeline.lease import wait_for

if TYPE_CHECKING:
    from pipeline.config.experiment import Experiment

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Pinned(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PinnedWeights(_Pinned):
    """A file of published weights that the user trusts: where it came from, and since when."""

    sha256: Sha256
    source: str = Field(min_length=1)
    added: date


class Pins(_Pinned):
    """What an experiment has pinned.

    `manifest`: SHA-256 of the manifest of a data set, by the name of the set; that of its test
    scenes alone has the name `<set>-test`. `weights`: files of
    published weights, by method.
    """

    manifest: dict[str, Sha256] = Field(default_factory=dict)
    weights: dict[str, tuple[PinnedWeights, ...]] = Field(default_factory=dict)

    def has_manifest(self, dataset: str) -> bool:
        """Whether a manifest of a data set is pinned, of the whole or of its test scenes."""
        return bool(self.manifest.keys() & {dataset, f"{dataset}-test"})

    def trusted(self, method: str, sha256: str) -> PinnedWeights | None:
        """The pinned weights of `method` with this checksum, if there are any."""
        entries = self.weights.get(method, ())
        return next((entry for entry in entries if entry.sha256 == sha256), None)


def pins_file(config: Path) -> Path:
    """The pins file of an experiment file.

    >>> pins_file(Path("config/canon.yaml")).as_posix()
    'config/canon.pins.json'
    """
    return config.with_name(f"{config.stem}.pins.json")


def read_pins(path: Path) -> Pins:
    """Read a pins file; a missing one pins nothing.

    Raises:
        ConfigError: the file cannot be read or is malformed.
    """
    try:
        return Pins.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Pins()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check the file") from error
    except ValidationError as error:
        raise ConfigError(
            f"{path}: {first_problem(error)}; restore the file from version control"
        ) from error


def manifest_pins(dataset: str, manifest: Path) -> dict[str, str]:
    """What is pinned of a manifest: SHA-256 of the whole, and of its test scenes alone.

    A manifest that holds only test scenes is the second of these: it can never pass for the whole.

    Raises:
        DataError: the manifest cannot be read.
    """
    # It loads OpenCV.
    from pipeline.data.manifest import manifest_text, read_manifest

    rows = read_manifest(manifest)
    tests = [row for row in rows if row.split == "test"]
    pins = {dataset: sha256_of(manifest)} if len(tests) < len(rows) else {}
    if tests:
        pins[f"{dataset}-test"] = hashlib.sha256(manifest_text(tests).encode()).hexdigest()
    return pins


def check_manifest(experiment: Experiment, manifest: Path) -> None:
    """Refuse a manifest of the official Canon set that is not the pinned one.

    Only images that were examined as the official set may make numbers under its name. Manifests
    of other sets are not pinned. A manifest of the test scenes alone has a pin of its own.

    Raises:
        DataError: the manifest cannot be read, none is pinned, or another one is.
    """
    pins, dataset = experiment.pins, experiment.dataset
    if dataset.kind != "canon":
        return
    name, sha256 = next(iter(manifest_pins(dataset.name, manifest).items()))
    pinned = pins.manifest.get(name)
    if pinned is None:
        raise DataError(
            f"{manifest}: no manifest of {dataset.name!r} is pinned for this experiment; run "
            "`dmtbench data` with its file, which examines the images and pins it"
        )
    require_same(manifest, dataset.name, sha256=sha256, pinned=pinned)


def require_same(manifest: Path, dataset: str, *, sha256: str, pinned: str) -> None:
    """Refuse a manifest with another checksum than the pinned one.

    Raises:
        DataError: they differ.
    """
    if sha256 != pinned:
        raise DataError(
            f"{manifest}: its SHA-256 {sha256[:12]}… is not {pinned[:12]}…, which is pinned for "
            f"{dataset!r}; restore the images, or remove the pin from the experiment's .pins.json "
            "and everything made with it"
        )


def pin_manifest(path: Path, dataset: str, sha256: str) -> str:
    """Pin the manifest of a data set unless one is pinned already.

    Args:
        path: the pins file.
        dataset: a name of `manifest_pins`.
        sha256: the checksum of that name.

    Returns:
        The checksum that is pinned now: the first one.

    Raises:
        ConfigError: the pins file is malformed.
        DataError: it cannot be written.
    """
    pins = _update(
        path,
        lambda pins: pins.model_copy(update={"manifest": {dataset: sha256, **pins.manifest}}),
    )
    return pins.manifest[dataset]


def pin_weights(path: Path, method: str, weights: PinnedWeights) -> PinnedWeights:
    """Pin a file of published weights of a method unless it is pinned already.

    Returns:
        The entry that is pinned now: the first one of this file.

    Raises:
        ConfigError: the pins file is malformed.
        DataError: it cannot be written.
    """

    def add(pins: Pins) -> Pins:
        if pins.trusted(method, weights.sha256):
            return pins
        entries = (*pins.weights.get(method, ()), weights)
        return pins.model_copy(update={"weights": {**pins.weights, method: entries}})

    return _update(path, add).trusted(method, weights.sha256) or weights


def _update(path: Path, change: Callable[[Pins], Pins]) -> Pins:
    """Read, change and write the file, alone."""
    # The error of a missing folder would otherwise be the lock's.
    with writing(path), wait_for(path.with_name(f".{path.name}.lock")):
        before = read_pins(path)
        after = change(before)
        if after != before:
            write_text(path, after.model_dump_json(indent=2) + "\n")
    return after
