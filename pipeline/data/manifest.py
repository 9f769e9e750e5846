"""The manifest: what a data set consists of, scene by scene, with the checksum of every picture.

Later stages depend on this file and read pictures through it, so that a changed, damaged or
exchanged picture cannot slip in.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.data.image_io import check_png16, probe_png, read_png16
from pipeline.data.layout import SceneFiles, find_scenes, scene_paths
from pipeline.data.tables import read_table
from pipeline.errors import DataError
from pipeline.files import sha256_of, write_text

VIEWS = ("combined", "left", "right", "target")
"""Keys of a scene, in the order of the manifest's checksums."""

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+\.png$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Group = Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")]


class ManifestRow(BaseModel):
    """One scene.

    `split`: train, val or test. `group`: what is reported together; `main` is the data set proper.
    `category`: indoor, outdoor, or empty where nobody labelled it. `source`, `target`: names of the
    blurred combined picture and of the sharp one. `width`, `height`: pixels, the same for all
    four pictures. `bit_depth`: bits per channel. `sha256_*`: checksum of each file.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    split: Literal["train", "val", "test"]
    group: Group
    category: Literal["indoor", "outdoor", ""]
    source: FileName
    target: FileName
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    bit_depth: int = Field(ge=16, le=16)
    sha256_combined: Sha256
    sha256_left: Sha256
    sha256_right: Sha256
    sha256_target: Sha256


def build_manifest(root: Path) -> list[ManifestRow]:
    """Take stock of a data set in the layout of the Canon set.

    Args:
        root: the folder with `train_c` … `test_r`.

    Returns:
        One row per scene: train, val, test; sorted by source within a split.

    Raises:
        DataError: scenes are incomplete or unlabelled (see `find_scenes`); a picture is damaged,
            not 16-bit RGB, or of another size than its combined view.
    """
    return [_row(root, scene) for scene in find_scenes(root)]


def write_manifest(path: Path, rows: Iterable[ManifestRow]) -> None:
    """Write a manifest atomically; equal rows give equal bytes.

    Raises:
        DataError: the folder is read-only or full.
    """
    table = io.StringIO()
    writer = csv.DictWriter(table, list(ManifestRow.model_fields), lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.model_dump() for row in rows)
    write_text(path, table.getvalue())


def read_manifest(path: Path) -> list[ManifestRow]:
    """Read and validate a manifest.

    Returns:
        Its rows in the order of the file.

    Raises:
        DataError: the file is missing, has other columns, no rows, an invalid value or a scene
            twice; the message names the line.
    """
    rows: list[ManifestRow] = []
    seen: dict[str, int] = {}
    for line, record in read_table(path, tuple(ManifestRow.model_fields)):
        try:
            row = ManifestRow.model_validate(record)
        except ValidationError as error:
            first = error.errors()[0]
            column = ".".join(str(part) for part in first["loc"])
            raise DataError(
                f"{path}:{line}: {column}: {first['msg']}; build the manifest again"
            ) from error
        if row.source in seen:
            raise DataError(
                f"{path}:{line}: scene {row.source} stands on line {seen[row.source]} already; "
                "build the manifest again"
            )
        seen[row.source] = line
        rows.append(row)
    if not rows:
        raise DataError(f"{path}: holds no scenes; build the manifest again")
    return rows


def read_scene(root: Path, row: ManifestRow) -> dict[str, npt.NDArray[np.uint16]]:
    """Read the four pictures of a scene and check them against the manifest.

    Args:
        root: the folder with `train_c` … `test_r`.
        row: the scene.

    Returns:
        uint16 arrays [H, W, 3], RGB, under the keys of `VIEWS`.

    Raises:
        DataError: a picture is missing, damaged or not the one that the manifest describes.
    """
    pictures = {}
    for view, path in scene_paths(root, row.split, row.source, row.target).items():
        header = probe_png(path)
        if (header.width, header.height) != (row.width, row.height):
            raise DataError(
                f"{path}: is {header.width}x{header.height}, the manifest says "
                f"{row.width}x{row.height}; restore the file or build the manifest again"
            )
        if sha256_of(path) != getattr(row, f"sha256_{view}"):
            raise DataError(
                f"{path}: is not the file in the manifest (its sha256 differs); "
                "restore it or build the manifest again"
            )
        pictures[view] = read_png16(path)
    return pictures


def _row(root: Path, scene: SceneFiles) -> ManifestRow:
    paths = scene_paths(root, scene.split, scene.source, scene.target)
    headers = {view: check_png16(path) for view, path in paths.items()}
    first = headers["combined"]
    for view, header in headers.items():
        if header != first:
            raise DataError(
                f"{paths[view]}: is {header.width}x{header.height}, its combined view "
                f"{first.width}x{first.height}; copy or download the set again"
            )
    values: dict[str, Any] = {
        **scene._asdict(),
        **{"width": first.width, "height": first.height, "bit_depth": first.bit_depth},
        **{f"sha256_{view}": sha256_of(path) for view, path in paths.items()},
    }
    try:
        return ManifestRow.model_validate(values)
    except ValidationError as error:
        first_error = error.errors()[0]
        raise DataError(
            f"{root}: scene {scene.source}: {first_error['loc'][0]}: {first_error['msg']}; "
            "mend scenes.csv or the file name"
        ) from error
