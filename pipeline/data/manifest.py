"""The manifest: a table of a data set's scenes with the path and checksum of every image.

Later stages depend on this file and read images through it, so a changed, damaged or replaced
image is always detected.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from pipeline.data.csv_files import read_table
from pipeline.data.inspection.layout import VIEWS
from pipeline.data.inspection.survey import Survey, require_sound, survey
from pipeline.data.png import decode_png, read_bytes
from pipeline.errors import DataError, one_line
from pipeline.files import write_text

__all__ = [
    "VIEWS",
    "ManifestRow",
    "build_manifest",
    "manifest_text",
    "read_manifest",
    "read_scene",
    "rows_of",
    "write_manifest",
]


def _inside_root(path: str) -> str:
    parts = path.split("/")
    if not path.lower().endswith(".png") or {"", ".", ".."} & set(parts):
        raise ValueError("must name a PNG below the root, without '..'")
    if not path.isprintable() or "\\" in path or ":" in parts[0]:
        raise ValueError("must be a relative path with forward slashes")
    return path


MAX_SIDE = 2**20
"""Of an image, in pixels."""

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+\.png$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FilePath = Annotated[str, AfterValidator(_inside_root)]
Group = Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")]


class ManifestRow(BaseModel):
    """One scene.

    `split`: train, val or test. `group`: scenes of a group are reported together; `main` is the
    data set proper. `category`: indoor, outdoor, or empty if unlabeled. `source`, `target`: names
    of the blurred combined image and of the sharp image, spelled as in the Canon set. `width`,
    `height`: in pixels, the same for all four images. `bit_depth`: bits per channel, 16, or 8 for a
    reduced copy. `file_*`: path of each file relative to the root of the set, with forward slashes.
    `sha256_*`: checksum of each file. A test scene without a sharp image has three empty target
    cells.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    split: Literal["train", "val", "test"]
    group: Group
    category: Literal["indoor", "outdoor", ""]
    source: FileName
    target: FileName | Literal[""]
    width: int = Field(ge=1, le=MAX_SIDE)
    height: int = Field(ge=1, le=MAX_SIDE)
    bit_depth: int = Field(ge=8, le=16, multiple_of=8)
    file_combined: FilePath
    file_left: FilePath
    file_right: FilePath
    file_target: FilePath | Literal[""]
    sha256_combined: Sha256
    sha256_left: Sha256
    sha256_right: Sha256
    sha256_target: Sha256 | Literal[""]

    @model_validator(mode="after")
    def _target_is_whole(self) -> ManifestRow:
        cells = [self.target, self.file_target, self.sha256_target]
        if any(cells) and not all(cells):
            raise ValueError("target, file_target and sha256_target go together")
        if not self.target and self.split != "test":
            raise ValueError("only test scenes may lack a target")
        return self

    @property
    def files(self) -> dict[str, str]:
        """Path of each existing image of the scene, relative to the root, by view."""
        files = {view: str(getattr(self, f"file_{view}")) for view in VIEWS}
        return {view: name for view, name in files.items() if name}


def build_manifest(root: Path) -> list[ManifestRow]:
    """Examine a data set in any known layout and list its scenes; every image is decoded once.

    Args:
        root: the set lies in it or up to three folders below.

    Returns:
        One row per scene: train, val, test; sorted by source within a split.

    Raises:
        DataError: the set has any problem (see `survey`); the message names the first one and
            gives their number.
    """
    return rows_of(root, survey(root))


def rows_of(root: Path, examined: Survey) -> list[ManifestRow]:
    """The manifest of an examined set.

    Raises:
        DataError: the set has a problem, or a path that a manifest cannot hold.
    """
    require_sound(root, examined)
    rows = []
    for scene, facts in zip(examined.inventory.scenes, examined.facts, strict=False):
        first = facts.files["combined"]
        row: dict[str, Any] = {"width": first.width, "height": first.height}
        row |= {"bit_depth": first.bit_depth, **scene._asdict()}
        del row["files"]
        for view in VIEWS:
            row[f"file_{view}"] = scene.files.get(view, "")
            row[f"sha256_{view}"] = facts.files[view].sha256 if view in facts.files else ""
        try:
            rows.append(ManifestRow.model_validate(row))
        except ValidationError as error:
            first_error = error.errors()[0]
            raise DataError(
                f"{root}: scene {scene.source}: {first_error['msg']}; rename its files or folders"
            ) from error
    return rows


def write_manifest(path: Path, rows: Iterable[ManifestRow]) -> None:
    """Write a manifest atomically; equal rows give equal bytes.

    Raises:
        DataError: the folder is read-only or full.
    """
    write_text(path, manifest_text(rows))


def manifest_text(rows: Iterable[ManifestRow]) -> str:
    """A manifest as text; equal rows give equal text."""
    table = io.StringIO()
    writer = csv.DictWriter(table, list(ManifestRow.model_fields), lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.model_dump() for row in rows)
    return table.getvalue()


def read_manifest(path: Path) -> list[ManifestRow]:
    """Read and validate a manifest.

    Returns:
        Its rows in the order of the file.

    Raises:
        DataError: the file is missing, has other columns, no rows, an invalid value or a duplicate
            scene; the message names the line.
    """
    rows: list[ManifestRow] = []
    seen: dict[str, int] = {}
    for line, record in read_table(path, tuple(ManifestRow.model_fields)):
        try:
            row = ManifestRow.model_validate(record)
        except ValidationError as error:
            first = error.errors()[0]
            column = str(first["loc"][0]) if first["loc"] else "target"
            raise DataError(
                f"{path}:{line}: {column}: {one_line(first['msg'])}; build the manifest again"
            ) from error
        if row.source in seen:
            raise DataError(
                f"{path}:{line}: scene {row.source} is already on line {seen[row.source]}; "
                "build the manifest again"
            )
        if rows and row.bit_depth != rows[0].bit_depth:
            raise DataError(
                f"{path}:{line}: scene {row.source} has {row.bit_depth} bits per channel, earlier "
                f"ones have {rows[0].bit_depth}; take the whole set from one source"
            )
        seen[row.source] = line
        rows.append(row)
    if not rows:
        raise DataError(f"{path}: holds no scenes; build the manifest again")
    return rows


def read_scene(root: Path, row: ManifestRow) -> dict[str, npt.NDArray[np.uint16]]:
    """Read the images of a scene and verify them against the manifest.

    Args:
        root: the root of the set.
        row: the scene.

    Returns:
        uint16 arrays [H, W, 3], RGB, by view (`VIEWS`), without `target` if there is none.
        8-bit values are widened; see `decode_png`.

    Raises:
        DataError: an image is missing, damaged or differs from its entry in the manifest.
    """
    images = {}
    for view, name in row.files.items():
        path = root / name
        content = read_bytes(path)
        if hashlib.sha256(content).hexdigest() != getattr(row, f"sha256_{view}"):
            raise DataError(
                f"{path}: is not the file in the manifest (its sha256 differs); "
                "restore it or build the manifest again"
            )
        image = decode_png(path, content, known=True)
        width, height, depth, _ = image.header
        if (width, height, depth) != (row.width, row.height, row.bit_depth):
            raise DataError(
                f"{path}: is {width}x{height} with {depth} bits, the manifest says "
                f"{row.width}x{row.height} with {row.bit_depth}; build the manifest again"
            )
        images[view] = image.pixels
    return images
