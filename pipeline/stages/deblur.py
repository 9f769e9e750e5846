"""Deblurring stage: photographs by their views, to files of the same kind and depth."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from pipeline.compute.device import prepare_device
from pipeline.data.bit_depth import to_uint8, to_uint16
from pipeline.data.photographs.orientation import upright
from pipeline.data.photographs.photograph import SUFFIXES, Metadata, Photograph
from pipeline.data.photographs.reading import read_photograph
from pipeline.data.photographs.writing import not_kept, write_photograph
from pipeline.errors import ConfigError, DataError, NoMemory
from pipeline.evaluation.image_memory import ImageMemory, PlannedImage
from pipeline.evaluation.large_images import ImageRunner
from pipeline.evaluation.loading import check_origin, load_method
from pipeline.evaluation.scale_shares import ScaleShares
from pipeline.evaluation.seamless import Blended, SeamlessTiling
from pipeline.evaluation.selection_weights import number_of_dmssrm
from pipeline.files import sha256_of, write_text
from pipeline.methods import Method
from pipeline.planning.job_needs import CLASSICAL_PER_PIXEL
from pipeline.records import Label
from pipeline.run import Run, WeightsOrigin

Progress = Callable[[int, int], None]
_WHOLE_ONLY = "two-stage"
_ROWS = 256
"""Rows that are rounded at once: a copy of a large image would take more memory than it does."""


@dataclass(frozen=True)
class Options:
    """What a user may ask for.

    `tiling`: tiles to cut images into; `None`: whole images, or tiles where memory is short.
    `max_memory`: bytes to stay below. `weights_map`: whether to write the shares of the scales.
    """

    tiling: SeamlessTiling | None = None
    max_memory: int | None = None
    weights_map: bool = False


@dataclass(frozen=True)
class Deblurred:
    """How an image was deblurred.

    `settings`: those of the publication, if the method ran with them and without a run.
    `mean_for_combined`: whether the combined view was made as the mean of the other two. `label`:
    that of images made with published or given weights; otherwise `None`. `plan`: tiles and
    predicted memory. `seam`: how far neighboring tiles differ, in parts of the full range.
    `alphas`: selection weights by DMSSRM and scale, if they were asked for. `maps`: their file.
    """

    method: str
    size: tuple[int, int]
    bits: int
    container: str
    plan: PlannedImage
    settings: str | None
    mean_for_combined: bool
    label: Label | None
    seam: float
    alphas: list[list[float]] | None = None
    maps: Path | None = None
    notes: tuple[str, ...] = ()


class Deblurring:
    """A method that is loaded once, for any number of images.

    Args:
        run: the method; its experiment gives the network's arguments and the device.
        origin: where its weights are. A method with published settings does without.
        options: tiles, memory, maps.

    Raises:
        ConfigError: the method needs a run or published weights, or has no selection weights.
        WeightsError: the weights are damaged or of another architecture.
    """

    def __init__(self, run: Run, origin: WeightsOrigin, options: Options) -> None:
        method = run.method
        self.run, self.origin, self.options = run, origin, options
        self.settings = method.as_published if origin == WeightsOrigin() else None
        if self.settings is None:
            check_origin(method, origin)
        device = prepare_device(run.compute, run.seed("deblur"))
        self.loaded = load_method(run, origin)
        if options.weights_map and not number_of_dmssrm(self.loaded.network):
            raise ConfigError(
                f"{method.name} has no selection weights; leave out --save-weights-map, or take a "
                "DMTNet with DMSSRM: S, B, L or H"
            )
        self.runner = ImageRunner(self.loaded, device)
        whole = CLASSICAL_PER_PIXEL if method.entry.kind.startswith(_WHOLE_ONLY) else None
        if whole is not None and options.tiling is not None:
            raise ConfigError(f"{method.name} deblurs whole images only; leave out --tile")
        self.memory = ImageMemory(self.runner, options.max_memory, whole)

    def key(self) -> dict[str, Any]:
        """What a result depends on besides the images, as JSON-like data."""
        weights = self.loaded.weights
        tiling = self.options.tiling
        return {
            "method": self.run.method.name,
            "code": self.run.method.code_hash(),
            "arguments": self.loaded.kwargs,
            "weights": None if weights is None else sha256_of(weights),
            "tile": None if tiling is None else [tiling.size, tiling.overlap],
            "weights_map": self.options.weights_map,
        }

    def deblur(
        self, images: Mapping[str, Path], target: Path, progress: Progress | None = None
    ) -> Deblurred:
        """Deblur one image.

        Args:
            images: photographs by view: left, right, combined.
            target: the file to write; its end names the container. It appears complete or not at
                all.
            progress: called with the steps done and their number.

        Raises:
            DataError: a view is missing, cannot be read or is not like the others; the image is too
                small for the method or too deep for the container; no space left.
            NoMemory: the image does not fit, even in tiles.
        """
        method = self.run.method
        views, main, mean = _views(method, images)
        container = SUFFIXES[target.suffix.lower()]
        if container == "jpeg" and main.bits == 16:
            raise DataError(
                f"{target}: JPEG cannot hold the 16 bits of {next(iter(images.values()))}; "
                "name a .png or .tif file"
            )
        height, width = main.pixels.shape[:2]
        network: Any = self.loaded.network
        shares = ScaleShares() if self.options.weights_map else None
        try:
            plan = self.memory.plan(height, width, self.options.tiling)
            if hasattr(network, "progress"):
                network.progress = progress
            found = self.runner.deblur(views, plan.tiling, progress=progress, shares=shares)
        except ValueError as error:
            raise DataError(f"{method.name} cannot deblur {_names(images)}: {error}") from error
        except (DataError, NoMemory) as error:
            raise type(error)(f"{_names(images)}: {error}") from error
        del views
        write_photograph(target, _rounded(found, main), container, main.metadata)
        maps = None if shares is None else _write_maps(target, shares, main.metadata)
        return Deblurred(
            method=method.name,
            size=(height, width),
            bits=main.bits,
            container=container,
            plan=plan,
            settings=self.settings,
            mean_for_combined=mean,
            label=self.loaded.label if self.origin.official else None,
            seam=found.seam,
            alphas=None if shares is None else shares.alphas,
            maps=maps,
            notes=tuple(filter(None, (*main.notes, not_kept(container, main.metadata)))),
        )


def _views(
    method: Method, images: Mapping[str, Path]
) -> tuple[dict[str, NDArray[np.uint16]], Photograph, bool]:
    """The views that the method wants, the image to be like, and whether one view is a mean."""
    mean = "combined" in method.views and "combined" not in images
    wanted = {*method.views, "left", "right"} - {"combined"} if mean else {*method.views}
    missing = sorted(wanted - {*images})
    if missing:
        needs = f"the views {', '.join(method.views)}"
        if method.views == ("combined",):
            needs = "the combined view, or left and right for their mean"
        raise DataError(f"{method.name} needs {needs}; not given: {', '.join(missing)}")
    read = {view: read_photograph(path) for view, path in images.items() if view in wanted}
    _check_alike(images, read)
    main = next(iter(read.values()))
    pixels = {view: photograph.pixels for view, photograph in read.items()}
    if mean:
        total = pixels["left"].astype(np.uint32) + pixels["right"]
        pixels["combined"] = ((total + 1) // 2).astype(np.uint16)
    return {view: pixels[view] for view in method.views}, main, mean


def _check_alike(images: Mapping[str, Path], read: Mapping[str, Photograph]) -> None:
    """Make sure that views have one size, depth and orientation."""
    looks: dict[str, dict[str, str]] = {"size": {}, "bits per channel": {}, "orientation": {}}
    for view, one in read.items():
        height, width = one.pixels.shape[:2]
        looks["size"][view] = f"{width}x{height}"
        looks["bits per channel"][view] = str(one.bits)
        looks["orientation"][view] = str(one.metadata.orientation)
    for what, values in looks.items():
        if len(set(values.values())) > 1:
            listed = ", ".join(f"{images[view]} {value}" for view, value in values.items())
            raise DataError(f"the views differ in {what} ({listed}); give those of one shot")


def _rounded(found: Blended, main: Photograph) -> NDArray[Any]:
    """The result at the depth of the photograph, upright; gray, if that is."""
    height, width = main.pixels.shape[:2]
    convert = to_uint16 if main.bits == 16 else to_uint8
    dtype = np.uint16 if main.bits == 16 else np.uint8
    rounded = np.empty((height, width) if main.gray else (height, width, 3), dtype)
    for top in range(0, height, _ROWS):
        part = found.image[top : top + _ROWS].astype(np.float64).clip(0, 1)
        rounded[top : top + _ROWS] = convert(part.mean(2) if main.gray else part)
    return upright(rounded, main.metadata.orientation)


def _write_maps(target: Path, shares: ScaleShares, metadata: Metadata) -> Path:
    """A gray strip of all maps beside the image, and the selection weights as CSV."""
    maps = target.with_name(f"{target.stem}.weights.png")
    turned = ScaleShares(
        shares.alphas,
        [[cast(Any, upright(one, metadata.orientation)) for one in row] for row in shares.maps],
    )
    write_photograph(maps, turned.strip(), "png", Metadata())
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["dmssrm", "scale", "alpha"])
    for dmssrm, alphas in enumerate(shares.alphas, 1):
        writer.writerows([dmssrm, scale, f"{alpha:.6f}"] for scale, alpha in enumerate(alphas, 1))
    write_text(maps.with_suffix(".csv"), text.getvalue())
    return maps


def _names(images: Mapping[str, Path]) -> str:
    return ", ".join(str(path) for path in images.values())
