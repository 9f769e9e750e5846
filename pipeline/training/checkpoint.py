"""Checkpoints of a training on disk: two generations, each checked before it is used."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import re
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from pipeline.errors import ConfigError, DataError
from pipeline.files import atomic_file

Snapshot = dict[str, Any]
"""Nested mappings and sequences of tensors, numbers, strings and `None`."""

GENERATIONS = 2

_NAME = re.compile(r"step-(\d{9})\.state")
_DIGEST_BYTES = 64
_SHOWN = 10
_SHOWN_CHARACTERS = 200

_UNREADABLE = (
    # What torch.load documents, and what its zip reader raises.
    *(pickle.UnpicklingError, RuntimeError),
    # What the pickle module documents for damaged content ("including, but not limited to").
    *(AttributeError, EOFError, ImportError, LookupError),
    # What damaged content made the restricted unpickler raise besides (tests/fuzz).
    *(AssertionError, OverflowError, TypeError, ValueError),
)


class StateError(ValueError):
    """A state that cannot be used, although its checksum is right: it is not what we wrote."""


def _accept(snapshot: Snapshot, foreign: bool) -> None:
    """Accept any snapshot."""


class CheckpointStore:
    """The states of one training, in a folder of their own.

    A file holds the SHA-256 of the rest, then what `torch.save` writes; it is checked before it is
    unpickled, and nothing but tensors and plain values is accepted.

    Args:
        folder: made when the first state is written.
        fingerprint: JSON-like data on which the result depends; a state of another one is refused.
    """

    def __init__(self, folder: Path, fingerprint: Mapping[str, Any]) -> None:
        self.folder = folder
        # As JSON returns it: tuples become lists.
        self.fingerprint: dict[str, Any] = json.loads(json.dumps(fingerprint))
        self.foreign = False
        """Whether the loaded state is of another fingerprint; the next state replaces it."""

    def save(
        self, snapshot: Snapshot, step: int, before: Callable[[], None] = lambda: None
    ) -> None:
        """Write a state, then forget all but the newest two.

        Args:
            snapshot: the state.
            step: optimizer steps that it has taken; states are ordered by it.
            before: called when the file is complete; if it raises, the file is dropped.

        Raises:
            DataError: no space, or no right to write; earlier states stay.
        """
        stream = io.BytesIO()
        torch.save({"fingerprint": json.dumps(self.fingerprint), "snapshot": snapshot}, stream)
        digest = hashlib.sha256(stream.getbuffer()).hexdigest()
        target = self.folder / f"step-{step:09d}.state"
        with atomic_file(target) as temporary, temporary.open("wb") as written:
            written.write(digest.encode())
            written.write(stream.getbuffer())
            written.flush()
            # The new name must not reach the disk before what it names.
            os.fsync(written.fileno())
            before()
        others = [path for path in self._newest_first() if path != target]
        # States of another training may have more steps and would pass for newer ones.
        for path in others if self.foreign else others[GENERATIONS - 1 :]:
            path.unlink(missing_ok=True)
        self.foreign = False
        for torn in self.folder.glob(".tmp-*"):
            torn.unlink(missing_ok=True)

    def load(
        self,
        *,
        any_fingerprint: bool = False,
        check: Callable[[Snapshot, bool], None] = _accept,
    ) -> Snapshot | None:
        """The newest state that is intact; `None` if there is none at all.

        Args:
            any_fingerprint: accept a state of another fingerprint.
            check: raises `StateError` if a snapshot lacks something; it also learns whether the
                snapshot is of another fingerprint. Such a state counts as damaged.

        Raises:
            ConfigError: it belongs to another configuration, code or data; the differences are
                shown.
            DataError: every state is damaged.
        """
        damaged: list[Path] = []
        for path, known, snapshot in self._intact(damaged):
            foreign = known != self.fingerprint
            if foreign and not any_fingerprint:
                raise ConfigError(self._refusal(path, known))
            try:
                check(snapshot, foreign)
            except StateError:
                damaged.append(path)
                continue
            if damaged:
                names = ", ".join(str(bad) for bad in damaged)
                print(f"warning: damaged: {names}; resuming from {path}", file=sys.stderr)
            self.foreign = foreign
            return snapshot
        if damaged:
            raise DataError(f"{self.folder}: every state is damaged; remove the folder, train anew")
        return None

    def remove(self) -> None:
        """Forget the training, when its result is in place."""
        for path in self._newest_first():
            path.unlink(missing_ok=True)
        for torn in self.folder.glob(".tmp-*"):
            torn.unlink(missing_ok=True)

    @property
    def newest(self) -> Path | None:
        """File of the newest state, unchecked."""
        return next(iter(self._newest_first()), None)

    def _newest_first(self) -> list[Path]:
        found = [path for path in self.folder.glob("*.state") if _NAME.fullmatch(path.name)]
        return sorted(found, reverse=True)

    def _intact(self, damaged: list[Path]) -> Iterator[tuple[Path, dict[str, Any], Snapshot]]:
        for path in self._newest_first():
            try:
                yield (path, *_read(path))
            except (OSError, StateError):
                damaged.append(path)

    def _refusal(self, path: Path, known: Mapping[str, Any]) -> str:
        found = differences(known, self.fingerprint)
        more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        return (
            f"{path}: belongs to another training ({'; '.join(found[:_SHOWN])}{more}); undo the "
            "change, start a new training from these weights with --fork, or remove the folder"
        )


def _read(path: Path) -> tuple[dict[str, Any], Snapshot]:
    """Fingerprint and snapshot of a state file.

    Raises:
        OSError: it cannot be read.
        StateError: it is not a whole state file.
    """
    with path.open("rb") as stream:
        digest, rest = stream.read(_DIGEST_BYTES), stream.read()
    if hashlib.sha256(rest).hexdigest().encode() != digest:
        raise StateError("its checksum differs")
    _check_archive(rest)
    try:
        loaded = torch.load(io.BytesIO(rest), map_location="cpu", weights_only=True)
        fingerprint, snapshot = json.loads(loaded["fingerprint"]), loaded["snapshot"]
    except _UNREADABLE as error:
        raise StateError(str(error)) from error
    if not isinstance(fingerprint, dict) or not isinstance(snapshot, dict):
        raise StateError("it holds no snapshot")
    return fingerprint, snapshot


def _check_archive(content: bytes) -> None:
    """Refuse what torch.load would take for a file of another kind, or inflate."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            sizes = [entry.file_size for entry in archive.infolist()]
            stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())
    # The last two: damaged names and fields of a zip directory.
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise StateError(str(error)) from error
    if not stored or sum(sizes) > len(content):
        raise StateError("it is not an archive of torch.save")


def differences(old: Any, new: Any, where: str = "") -> list[str]:
    """What differs between JSON-like data, as `dotted.path: old -> new`, one text each."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            text
            for key in sorted({*old, *new})
            for text in differences(
                old.get(key), new.get(key), f"{where}.{key}" if where else str(key)
            )
        ]
    return [] if old == new else [f"{where}: {_shown(old)} -> {_shown(new)}"]


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
