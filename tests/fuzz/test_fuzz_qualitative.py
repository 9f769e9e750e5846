"""Damaged files behind Figures 4 and 5: a `RecordError`, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.fuzz import fuzz
from support.mutations import mutations
from support.qualitative import qualitative_scene, selection

from pipeline.errors import RecordError
from pipeline.qualitative_files import read_figure4, read_figure5, write_figure4, write_figure5

READERS: dict[str, Callable[[Path], object]] = {"figure4": read_figure4, "figure5": read_figure5}


@pytest.mark.parametrize("ending", ["csv", "npz"])
@pytest.mark.parametrize("name", READERS)
def test_damaged_bytes(tmp_path: Path, name: str, ending: str) -> None:
    write_figure4(tmp_path, [qualitative_scene()])
    write_figure5(tmp_path, selection())
    path = tmp_path / f"{name}.{ending}"

    def read(content: bytes) -> object:
        path.write_bytes(content)
        return READERS[name](tmp_path)

    fuzz(read, mutations([path.read_bytes()]), refusals=(RecordError,))
