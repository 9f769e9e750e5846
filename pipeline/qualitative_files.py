"""The images and numbers behind Figures 4 and 5, as files: what networks made, without networks."""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.errors import RecordError, one_line
from pipeline.files import atomic_file

FIGURE4, FIGURE5 = "figure4", "figure5"

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class QualitativeMethod:
    """A method on one scene: PSNR (dB) of the whole image, from its result, and of the boxes."""

    method: str
    row: str
    label: str
    repetition: int
    psnr: float
    yellow_psnr: float
    blue_psnr: float


@dataclass(frozen=True)
class QualitativeScene:
    """A scene of Figure 4.

    `why`: how it was chosen. `height`, `width`: of its images, in pixels. `side`: of its boxes;
    `*_top`, `*_left`: their corners. Arrays, methods in the order of `methods`, ground truth last:
    `images`: `[n + 1, h, w, 3]`, possibly reduced. `errors`: mean absolute error over channels,
    `[n, h, w]`, possibly reduced. `yellow`, `blue`: boxes at full resolution,
    `[n + 1, side, side, 3]`.
    """

    scene: str
    category: str
    why: str
    height: int
    width: int
    side: int
    yellow_top: int
    yellow_left: int
    blue_top: int
    blue_left: int
    methods: tuple[QualitativeMethod, ...]
    images: Bytes
    errors: NDArray[np.float16]
    yellow: Bytes
    blue: Bytes


@dataclass(frozen=True)
class Selection:
    """Figure 5: one network on one scene, and its selection weights on all test scenes.

    `scene`: the one whose features are shown. `weights`: columns `scene,category,dmssrm,scale`
    and `alpha`. `image`: the input, `[h, w, 3]`. `features`: for each DMSSRM the strength of each
    scale's features, `[scales, h, w]`.
    """

    method: str
    row: str
    label: str
    repetition: int
    scene: str
    weights: pd.DataFrame
    image: Bytes
    features: tuple[NDArray[np.float16], ...]


_ARRAYS = ("images", "errors", "yellow", "blue")
_OF_METHODS = [field.name for field in fields(QualitativeMethod)]
_OF_SCENES = [
    field.name for field in fields(QualitativeScene) if field.name not in (*_ARRAYS, "methods")
]
_OF_NETWORK = ["method", "row", "label", "repetition"]
WEIGHT_COLUMNS = ("scene", "category", "dmssrm", "scale", "alpha")
_SHOWN = "shown"
_TYPES: dict[str, Any] = {
    **{field.name: field.type for field in (*fields(QualitativeMethod), *fields(QualitativeScene))},
    **{"dmssrm": "int", "scale": "int", "alpha": "float", _SHOWN: "int"},
}
_UNREADABLE = (
    *(OSError, ValueError, TypeError, EOFError, RuntimeError, OverflowError),
    *(zipfile.BadZipFile, zlib.error, struct.error),
    # NumPy takes the header of an array apart in two ways.
    tokenize.TokenError,
    # Pandas asserts what it expects of a table.
    AssertionError,
)


def write_figure4(folder: Path, scenes: Sequence[QualitativeScene]) -> None:
    """Write `figure4.csv`, a line for each scene and method, and its images, `figure4.npz`.

    Equal scenes give equal bytes.

    Raises:
        DataError: the folder is read-only or full.
    """
    lines, arrays = list[dict[str, Any]](), dict[str, NDArray[Any]]()
    for number, scene in enumerate(scenes):
        about = {name: getattr(scene, name) for name in _OF_SCENES}
        lines += [about | asdict(method) for method in scene.methods]
        arrays |= {f"{name}_{number}": getattr(scene, name) for name in _ARRAYS}
    frame = pd.DataFrame(lines, columns=[*_OF_SCENES, *_OF_METHODS])
    _write(folder / FIGURE4, frame, arrays)


def read_figure4(folder: Path) -> list[QualitativeScene]:
    """Read what `write_figure4` wrote.

    Raises:
        RecordError: a file is missing or damaged.
    """
    frame, arrays = _read(folder / FIGURE4, [*_OF_SCENES, *_OF_METHODS])
    try:
        scenes = []
        for number, (_, part) in enumerate(frame.groupby("scene", sort=False)):
            lines = part[_OF_METHODS].to_dict("records")
            methods = tuple(QualitativeMethod(**line) for line in lines)
            about = part[_OF_SCENES].iloc[0].to_dict()
            own: dict[str, Any] = {name: arrays[f"{name}_{number}"] for name in _ARRAYS}
            _require_shapes(own, len(methods), about["side"])
            scenes.append(QualitativeScene(**about, methods=methods, **own))
        return scenes
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(folder / FIGURE4, error) from error


def write_figure5(folder: Path, found: Selection | None) -> None:
    """Write `figure5.csv`, the selection weights, and `figure5.npz`; both empty for `None`.

    Raises:
        DataError: the folder is read-only or full.
    """
    columns = [*_OF_NETWORK, *WEIGHT_COLUMNS, _SHOWN]
    if found is None:
        _write(folder / FIGURE5, pd.DataFrame(columns=columns), {})
        return
    about = {name: getattr(found, name) for name in _OF_NETWORK}
    shown = (found.weights["scene"] == found.scene).astype(int)
    frame = found.weights.assign(**about, shown=shown)[columns]
    features = {f"features_{number}": one for number, one in enumerate(found.features)}
    _write(folder / FIGURE5, frame, {"image": found.image, **features})


def read_figure5(folder: Path) -> Selection | None:
    """Read what `write_figure5` wrote; `None` if no network weights its scales adaptively.

    Raises:
        RecordError: a file is missing or damaged.
    """
    frame, arrays = _read(folder / FIGURE5, [*_OF_NETWORK, *WEIGHT_COLUMNS, _SHOWN])
    if frame.empty:
        return None
    try:
        modules = int(frame["dmssrm"].max())
        features = tuple(arrays[f"features_{number}"] for number in range(modules))
        scales = int(frame["scale"].max())
        if any(one.ndim != 3 or one.shape[0] != scales for one in features):
            raise ValueError("features and weights do not fit")
        if arrays["image"].ndim != 3 or arrays["image"].dtype != np.uint8:
            raise ValueError("the image is none")
        return Selection(
            **frame[_OF_NETWORK].iloc[0].to_dict(),
            scene=str(frame.loc[frame[_SHOWN] == 1, "scene"].iloc[0]),
            weights=frame[[*WEIGHT_COLUMNS]],
            image=arrays["image"],
            features=features,
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise _damaged(folder / FIGURE5, error) from error


def _require_shapes(arrays: Mapping[str, NDArray[Any]], methods: int, side: int) -> None:
    images, errors = arrays["images"], arrays["errors"]
    boxes = (methods + 1, side, side, 3)
    if (arrays["yellow"].shape, arrays["blue"].shape) != (boxes, boxes):
        raise ValueError("the boxes have another size")
    if images.ndim != 4 or images.shape[0] != methods + 1 or images.shape[3] != 3:
        raise ValueError("there is not one image for each method")
    if errors.ndim != 3 or errors.shape[0] != methods:
        raise ValueError("there is not one error map for each method")
    if any(arrays[name].dtype != np.uint8 for name in ("images", "yellow", "blue")):
        raise ValueError("images have another type")


def _write(stem: Path, frame: pd.DataFrame, arrays: Mapping[str, NDArray[Any]]) -> None:
    with atomic_file(stem.with_suffix(".csv")) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")
    with atomic_file(stem.with_suffix(".npz")) as temporary:
        named: dict[str, Any] = {**arrays}
        np.savez_compressed(temporary, **named)


def _read(stem: Path, columns: Sequence[str]) -> tuple[pd.DataFrame, dict[str, NDArray[Any]]]:
    types = {name: _TYPES[name] for name in columns}
    try:
        frame = pd.read_csv(stem.with_suffix(".csv"), dtype=types, keep_default_na=False)
        if list(frame.columns) != [*columns]:
            raise ValueError("other columns")
        with np.load(stem.with_suffix(".npz"), allow_pickle=False) as archive:
            return frame, {name: archive[name] for name in archive.files}
    except _UNREADABLE as error:
        raise _damaged(stem, error) from error


def _damaged(stem: Path, error: Exception) -> RecordError:
    reason = one_line(f"{type(error).__name__}: {error}")
    return RecordError(
        f"{stem}.csv, .npz: cannot be read ({reason}); `dmtbench qualitative` makes them again"
    )
