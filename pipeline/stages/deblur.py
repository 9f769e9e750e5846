"""Deblurring stage: one image by its views, to a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from pipeline.compute.device import prepare_device
from pipeline.data.bit_depth import to_uint16
from pipeline.data.png import Image, read_png, write_png16
from pipeline.errors import DataError
from pipeline.evaluation.inference import predict
from pipeline.evaluation.loading import check_origin, load_method
from pipeline.evaluation.protocol import Tiling
from pipeline.files import need_writable
from pipeline.methods import Method
from pipeline.records import Label
from pipeline.run import Run, WeightsOrigin

Progress = Callable[[int, int], None]


class Deblurred(NamedTuple):
    """How an image was deblurred.

    `settings`: those of the publication, if the method ran with them and without a run.
    `mean_for_combined`: whether the combined view was made as the mean of the other two. `label`:
    that of images made with published or given weights; otherwise `None`.
    """

    settings: str | None
    mean_for_combined: bool
    label: Label | None = None


def deblur(
    run: Run,
    *,
    origin: WeightsOrigin,
    images: Mapping[str, Path],
    target: Path,
    tiling: Tiling | None = None,
    progress: Progress | None = None,
) -> Deblurred:
    """Deblur one image into a 16-bit PNG.

    Args:
        run: the method; its experiment gives the network's arguments and the device.
        origin: where its weights are. A method with published settings does without.
        images: RGB PNG files of 8 or 16 bits, by view: left, right, combined.
        target: the file to write; it appears complete or not at all.
        tiling: tiles to cut the image into; `None` keeps it whole.
        progress: called with the steps done and their number by methods that report them.

    Raises:
        ConfigError: the method needs a run or published weights.
        DataError: a view is missing, cannot be read or has another size; or the image is too
            small for the method; no space left.
        WeightsError: the weights are damaged or of another architecture.
    """
    method, compute = run.method, run.compute
    settings = method.as_published if origin == WeightsOrigin() else None
    if settings is None:
        check_origin(method, origin)
    views, mean = _views(method, images)
    device = prepare_device(compute, run.seed("deblur"))
    loaded = load_method(run, origin)
    network = loaded.network
    if hasattr(network, "progress"):
        cast(Any, network).progress = progress
    try:
        sharp = predict(
            network,
            views,
            views=method.views,
            input_bits=method.input_bits,
            compute=compute,
            device=device,
            tiling=tiling,
        )
    except ValueError as error:
        raise DataError(f"{method.name} cannot deblur {_names(images)}: {error}") from error
    write_png16(target, to_uint16(sharp))
    return Deblurred(settings, mean, loaded.label if origin.official else None)


def output_file(output: str, images: Mapping[str, Path], *, force: bool = False) -> Path:
    """The file that `--output` means; nothing is made.

    Args:
        output: a file, or a folder (one that exists, or any name that ends with a slash), in which
            the file is named after the first image.
        images: the images to deblur, by view; none of them is ever replaced.
        force: whether another file of that name may be replaced.

    Raises:
        DataError: the file is an image to deblur, or exists, or cannot be written.
    """
    if not output:
        raise DataError("--output is empty; name a file or a folder")
    target = Path(output)
    if output.endswith(os.sep) or target.is_dir():
        first = next(iter(images.values()), Path("sharp"))
        target = target / f"{first.stem}.png"
    if target.exists():
        for view, path in images.items():
            if path.exists() and target.samefile(path):
                raise DataError(f"{target}: is the {view} image itself; name another output")
        if not target.is_file():
            raise DataError(f"{target}: is not a regular file; name another output")
        if not force:
            raise DataError(f"{target}: exists; name another output, or replace it with --force")
    need_writable(target.parent)
    return target


def _views(method: Method, images: Mapping[str, Path]) -> tuple[dict[str, Image], bool]:
    """The views that the method wants, and whether the combined one is a mean."""
    mean = "combined" in method.views and "combined" not in images
    wanted = {*method.views, "left", "right"} - {"combined"} if mean else {*method.views}
    missing = sorted(wanted - {*images})
    if missing:
        needs = f"the views {', '.join(method.views)}"
        if method.views == ("combined",):
            needs = "the combined view, or left and right for their mean"
        raise DataError(f"{method.name} needs {needs}; not given: {', '.join(missing)}")
    read = {view: read_png(images[view]).pixels for view in sorted(wanted)}
    sizes = {view: f"{pixels.shape[1]}x{pixels.shape[0]}" for view, pixels in read.items()}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{images[view]} {size}" for view, size in sizes.items())
        raise DataError(f"the views differ in size ({listed}); give those of one shot")
    if mean:
        total = read["left"].astype(np.uint32) + read["right"]
        read["combined"] = ((total + 1) // 2).astype(np.uint16)
    return read, mean


def _names(images: Mapping[str, Path]) -> str:
    return ", ".join(str(path) for path in images.values())
