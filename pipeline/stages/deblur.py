"""Deblurring stage: one image by its views, to a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from pipeline.compute.device import prepare_device
from pipeline.config.experiment import Experiment
from pipeline.data.bit_depth import to_uint16
from pipeline.data.png import Image, read_png, write_png16
from pipeline.errors import DataError
from pipeline.evaluation.inference import predict
from pipeline.evaluation.loading import check_origin, load_method
from pipeline.evaluation.protocol import Tiling
from pipeline.methods import Method, get_method
from pipeline.seeds import derive_seed

Progress = Callable[[int, int], None]


class Deblurred(NamedTuple):
    """What was done: the settings of a method that ran without a run, and whether the combined
    view was made as the mean of the other two."""

    settings: str | None
    mean_for_combined: bool


def deblur(
    experiment: Experiment,
    name: str,
    images: Mapping[str, Path],
    target: Path,
    run: Path | None = None,
    official: Path | None = None,
    tiling: Tiling | None = None,
    progress: Progress | None = None,
) -> Deblurred:
    """Deblur one image into a 16-bit PNG.

    Args:
        experiment: gives the method's arguments and the device.
        name: method or ablation.
        images: RGB PNG files of 8 or 16 bits, by view: left, right, combined.
        target: the file to write; it appears complete or not at all.
        run: run folder with the weights. A method with published settings does without.
        official: published weights, instead of a run.
        tiling: tiles to cut the image into; `None` keeps it whole.
        progress: called with the steps done and their number by methods that tell them.

    Raises:
        ConfigError: unknown method, or it needs a run or published weights.
        DataError: a view is missing, cannot be read or has another size; or the image is too
            small for the method; no space left.
        WeightsError: the weights are damaged or of another architecture.
    """
    method = get_method(name, experiment)
    alone = method.as_published if run is None and official is None else None
    if alone is None:
        check_origin(method, run, official)
    views, mean = _views(method, images)
    device = prepare_device(experiment.compute, derive_seed(experiment.seed, "deblur", 0))
    network = load_method(experiment, name, run, official).network
    if hasattr(network, "progress"):
        cast(Any, network).progress = progress
    compute = experiment.compute
    how = (method.input_bits, device, compute.precision, compute.channels_last, tiling)
    try:
        sharp = predict(network, views, method.views, *how)
    except ValueError as error:
        raise DataError(f"{name} cannot deblur {_names(images)}: {error}") from error
    write_png16(target, to_uint16(sharp))
    return Deblurred(alone, mean)


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
