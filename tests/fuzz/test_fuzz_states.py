"""Damaged training states: the generation before, or a `DataError` if there is none."""

from __future__ import annotations

import contextlib
import io
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from support.fuzz import fuzz
from support.mutations import Inputs, changed_tree, mutations
from support.states import checkpointer, content_of, packed, save, sealed, tiny_step

from pipeline.errors import ConfigError, DataError

WORDS = [b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"data.pkl", b"ctorch\nTensor\n", b"\x80\x02"]
WORDS += [b"cbuiltins\nexec\n", b"R.", b"}q\x00", b"(", b"t", b"u.", b"X\xff\xff\xff\xff", b"K"]

DIGEST = 64
"""Bytes of the checksum at the start of a file."""


def _damaged_bytes(path: Path) -> Inputs:
    return mutations([path.read_bytes()], words=WORDS)


def _sealed_again(path: Path) -> Inputs:
    return mutations([path.read_bytes()[DIGEST:]], words=WORDS).passed_through(sealed)


def _other_values(path: Path) -> Inputs:
    content = content_of(path)

    def damaged(chance: random.Random) -> bytes:
        if chance.random() < 0.8:
            tree = {**content, "snapshot": changed_tree(content["snapshot"], chance)}
        else:
            tree = changed_tree(content, chance)
        return packed(tree)[DIGEST:]

    return Inputs([path.read_bytes()[DIGEST:]], damaged).passed_through(sealed)


KINDS = [_damaged_bytes, _sealed_again, _other_values]


@pytest.mark.parametrize("kind", KINDS)
def test_with_an_older_generation(tmp_path: Path, kind: Callable[[Path], Inputs]) -> None:
    older, newer = save(tmp_path, 1), save(tmp_path, 2)
    weights = content_of(older)["snapshot"]["network"]["0.weight"]
    train_step, inputs = tiny_step(), kind(newer)

    def read(content: bytes) -> None:
        newer.write_bytes(content)
        # Thousands of warnings.
        with contextlib.redirect_stderr(io.StringIO()):
            state = checkpointer(tmp_path).restore(train_step)
        if state.step == 1:
            assert torch.equal(train_step.network.state_dict()["0.weight"], weights)

    # A changed fingerprint is that of another training.
    fuzz(read, inputs, refusals=(ConfigError,))


@pytest.mark.parametrize("kind", KINDS)
def test_alone(tmp_path: Path, kind: Callable[[Path], Inputs]) -> None:
    path, train_step = save(tmp_path, 1), tiny_step()
    inputs = kind(path)

    def read(content: bytes) -> None:
        path.write_bytes(content)
        checkpointer(tmp_path).restore(train_step)

    fuzz(read, inputs, refusals=(ConfigError, DataError))
