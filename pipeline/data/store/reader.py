"""Read access to a pixel store."""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from multiprocessing.context import get_spawning_popen
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.data.store.tiles import CHANNELS, SIDE, VIEWS, pieces, scene_elements
from pipeline.errors import DataError, first_problem
from pipeline.progress_bars import watched

STORED_VIEWS = VIEWS
PIXELS, INDEX = "pixels.u16", "index.json"
FORMAT = f"tiles of {SIDE}, 1"
_ITEM = 2
# Linux ignores what one request for prefetching has beyond its read-ahead, by default 128 KiB.
_PREFETCH = 128 * 1024


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Side = Annotated[int, Field(ge=1, le=2**20)]


@dataclass(frozen=True)
class StoredScene:
    """Position of a scene (`offset` in uint16 elements), its size in pixels and its SHA-256."""

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    split: Annotated[str, Field(pattern=r"^[a-z]{1,20}$")]
    source: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,255}$")]
    offset: Annotated[int, Field(ge=0)]
    height: Side
    width: Side
    sha256: Sha256

    @property
    def elements(self) -> int:
        """Number of uint16 elements of the scene."""
        return scene_elements(self.height, self.width)


class PixelStore:
    """Read access to a pixel store.

    The bytes of a scene are compared with its checksum when it is first read. A store is pickled as
    its folder's path: every process maps the file itself. Processes that get it when they are
    started share the marks of the scenes that were compared, so that none is compared twice.

    Args:
        folder: folder made by `build_store`.

    Raises:
        DataError: the folder is not a store, its pixel file doesn't have the length given in its
            index, or the checksums in the index contradict each other.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        index = _read_index(folder / INDEX)
        self.manifest_sha256 = str(index["manifest_sha256"])
        self.sha256 = str(index["sha256"])
        self.scenes: list[StoredScene] = index["scenes"]
        if self.sha256 != sha256_of_scenes(self.scenes):
            raise DataError(
                f"{folder / INDEX}: its checksums contradict each other; delete {folder} and "
                "rebuild it"
            )
        # One byte a scene, not 0 once its pixels have been compared with the checksum.
        self._compared: Any = RawArray("B", len(self.scenes))
        path = folder / PIXELS
        expected = _ITEM * sum(scene.elements for scene in self.scenes)
        if not path.is_file() or path.stat().st_size != expected:
            raise DataError(f"{path}: is not {expected} bytes long; delete {folder} and rebuild it")
        self._map: mmap.mmap | None = None
        self._pixels: NDArray[np.uint16] = np.empty(0, dtype="<u2")
        # A set with only test scenes has an empty pixel file, which cannot be mapped.
        if expected:
            with path.open("rb") as stream:
                self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
            # Crops are read from random positions, so read-ahead would be wasted.
            self._map.madvise(mmap.MADV_RANDOM)
            self._pixels = np.frombuffer(self._map, dtype="<u2")

    def __reduce__(self) -> tuple[Callable[..., PixelStore], tuple[Path, str, Any]]:
        # Shared memory can be handed over only to a process that is being started.
        starting = get_spawning_popen() is not None
        compared = self._compared if starting else bytes(self._compared)
        return _reopened, (self.folder, self.sha256, compared)

    def check_manifest(self, sha256: str) -> None:
        """Verify that the store was built from the manifest with this hash.

        Raises:
            DataError: it was built from another manifest.
        """
        if sha256 != self.manifest_sha256:
            raise DataError(
                f"{self.folder}: was built from another manifest; delete it and rebuild it"
            )

    def verify(self, *, progress: bool = False) -> None:
        """Compare the bytes of every scene with the checksum in the index.

        Raises:
            DataError: a checksum differs; the message names the scenes.
        """
        numbers = range(len(self.scenes))
        damaged = [
            self.scenes[number].source
            for number in watched(numbers, len(numbers), "Checking pixels", progress)
            if not self._matches(number)
        ]
        if damaged:
            raise DataError(
                f"{self.folder / PIXELS}: {', '.join(damaged)} differ from their checksums; "
                f"delete {self.folder} and rebuild it"
            )

    def of_split(self, split: str) -> list[int]:
        """Indexes of the scenes of `split`.

        Raises:
            DataError: there are none.
        """
        numbers = [number for number, scene in enumerate(self.scenes) if scene.split == split]
        if not numbers:
            raise DataError(
                f"{self.folder}: holds no scene of split {split!r}; add some to the set"
            )
        return numbers

    def read(
        self,
        number: int,
        window: tuple[int, int, int, int] | None = None,
        views: Sequence[str] = STORED_VIEWS,
    ) -> dict[str, NDArray[np.uint16]]:
        """Views of one scene, or of a window of it.

        Args:
            number: index in `scenes`.
            window: top, left, height, width in pixels; default: the whole image.
            views: which of `STORED_VIEWS`.

        Returns:
            uint16 `[height, width, 3]` by view, RGB; copies, with planar memory layout.

        Raises:
            DataError: the scene differs from its checksum.
        """
        scene = self.scenes[number]
        place = window or (0, 0, scene.height, scene.width)
        self.will_need(number, place, views)
        planes = np.empty((CHANNELS * len(views), *place[2:]), np.uint16)
        self.read_into(planes, number, place, views)
        images = planes.reshape(len(views), CHANNELS, *place[2:]).transpose(0, 2, 3, 1)
        return dict(zip(views, images, strict=True))

    def read_into(
        self,
        planes: NDArray[np.uint16],
        number: int,
        window: tuple[int, int, int, int],
        views: Sequence[str],
    ) -> None:
        """Read a window into an existing array, as channel planes.

        Args:
            planes: destination, `[3 * views, height, width]`; any strides.
            number: index in `scenes`.
            window: top, left, height, width in pixels.
            views: which of `STORED_VIEWS`, in the order of `planes`.

        Raises:
            DataError: the scene differs from its checksum.
        """
        if not self._compared[number]:
            self._compare(number)
        scene = self.scenes[number]
        pixels = self._stored(scene)
        shape = (len(views), CHANNELS, *planes.shape[1:])
        # Splitting the first axis never requires a copy.
        target = planes.reshape(shape, copy=False)
        order = [STORED_VIEWS.index(view) for view in views]
        for piece in pieces(scene.height, scene.width, window):
            size = scene_elements(piece.height, piece.width)
            tile = pixels[piece.offset : piece.offset + size]
            tile = tile.reshape(len(STORED_VIEWS), CHANNELS, piece.height, piece.width)
            part = tile[:, :, piece.rows, piece.columns]
            place = target[:, :, piece.to_rows, piece.to_columns]
            for position, view in enumerate(order):
                place[position] = part[view]

    def will_need(
        self, number: int, window: tuple[int, int, int, int], views: Sequence[str]
    ) -> None:
        """Ask the system to prefetch a window from disk; return immediately.

        Args:
            number: index in `scenes`.
            window: top, left, height, width in pixels.
            views: those of `STORED_VIEWS` that will be read.
        """
        scene = self.scenes[number]
        order = [STORED_VIEWS.index(view) for view in views]
        for piece in pieces(scene.height, scene.width, window):
            plane = _ITEM * CHANNELS * piece.height * piece.width
            start = _ITEM * (scene.offset + piece.offset) + plane * min(order)
            end = start + plane * (max(order) - min(order) + 1)
            self._prefetch(start, end)

    def _prefetch(self, start: int, end: int) -> None:
        start -= start % mmap.PAGESIZE
        if self._map is not None:
            for place in range(start, end, _PREFETCH):
                self._map.madvise(mmap.MADV_WILLNEED, place, min(_PREFETCH, end - place))

    def _compare(self, number: int) -> None:
        if not self._matches(number):
            raise DataError(
                f"{self.folder / PIXELS}: {self.scenes[number].source} differs from its checksum; "
                f"delete {self.folder} and rebuild it"
            )

    def _matches(self, number: int) -> bool:
        scene = self.scenes[number]
        self._prefetch(_ITEM * scene.offset, _ITEM * (scene.offset + scene.elements))
        same = hashlib.sha256(self._stored(scene).data).hexdigest() == scene.sha256
        self._compared[number] = same
        return same

    def _stored(self, scene: StoredScene) -> NDArray[np.uint16]:
        return self._pixels[scene.offset : scene.offset + scene.elements]


def sha256_of_scenes(scenes: Iterable[StoredScene]) -> str:
    """SHA-256 over the scenes' checksums, which stands for all pixels of a store."""
    return hashlib.sha256("".join(scene.sha256 for scene in scenes).encode()).hexdigest()


def _reopened(folder: Path, sha256: str, compared: Any) -> PixelStore:
    """The store in another process; `compared` is shared memory or a copy of it."""
    store = PixelStore(folder)
    if store.sha256 != sha256:
        raise DataError(f"{folder}: was replaced while in use; start again")
    if isinstance(compared, bytes):
        store._compared[:] = compared
    else:
        store._compared = compared
    return store


class _Index(BaseModel):
    """`index.json`; what else it holds is for people."""

    format: Literal[FORMAT]  # type: ignore[valid-type]
    manifest_sha256: Sha256
    sha256: Sha256
    scenes: list[StoredScene]

    @model_validator(mode="after")
    def _fills_the_pixel_file(self) -> _Index:
        end, names = 0, set[tuple[str, str]]()
        for scene in self.scenes:
            if scene.offset != end:
                raise ValueError(f"{scene.source} begins at {scene.offset}, not at {end}")
            end += scene.elements
            names.add((scene.split, scene.source))
        if len(names) != len(self.scenes):
            raise ValueError("a scene is there twice")
        return self


def _read_index(path: Path) -> dict[str, Any]:
    try:
        return vars(_Index.model_validate_json(path.read_bytes(), strict=True))
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}); build the store first"
        ) from error
    except ValidationError as error:
        raise DataError(
            f"{path}: is not a store index of this version ({first_problem(error)}); "
            f"delete {path.parent} and rebuild it"
        ) from error
