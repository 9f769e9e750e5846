"""Inference and scoring by the protocol.

Images are whole unless tiles are asked for; the prediction stays float and is clamped to [0, 1],
never quantized. Protocol `dpdd-16`: 16-bit input and ground truth / 65535. Protocol `dpdd-8`: the
high byte of both / 255, as OpenCV's 8-bit reading truncates them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.artifacts import IMAGES_FOLDER, PER_IMAGE_FILE
from pipeline.compute.device import autocast, memory_format
from pipeline.compute.enough_memory import enough_memory
from pipeline.config.blocks import Compute
from pipeline.data.bit_depth import at_depth, to_tensor, to_uint8, unit_range
from pipeline.data.manifest import ManifestRow
from pipeline.errors import DataError, NoMemory
from pipeline.evaluation.loading import Prepared
from pipeline.evaluation.metrics import Metric, score_image
from pipeline.evaluation.protocol import Tiling
from pipeline.evaluation.scores import ImageScores, aggregate, write_per_image
from pipeline.evaluation.tiling import tiled
from pipeline.progress_bars import watched
from pipeline.records import MAIN_GROUP, Scores

Scene = Mapping[str, NDArray[np.uint16]]


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found; the fields of the same names of a `ResultRecord`."""

    scores: dict[str, Scores]
    groups: dict[str, Scores]
    metric_status: dict[str, str]
    images: tuple[str, ...]


def model_input(scene: Scene, views: Sequence[str], input_bits: int) -> Tensor:
    """The network's input.

    Args:
        scene: uint16 arrays `[H, W, 3]`, RGB, by view.
        views: views in the method's channel order.
        input_bits: 16 for `v / 65535`; 8 for the high byte, `(v >> 8) / 255`.

    Returns:
        float32 `[1, 3 * len(views), H, W]` in [0, 1].
    """
    stacked = np.concatenate([scene[view] for view in views], axis=-1)
    return to_tensor(at_depth(stacked, input_bits))[None]


def ground_truth(scene: Scene, bits: int = 16) -> NDArray[np.float64]:
    """The target at 16 or 8 bits (see `model_input`): float64 `[H, W, 3]`, RGB in [0, 1]."""
    return unit_range(at_depth(scene["target"], bits), np.float64)


def predict(
    network: nn.Module,
    scene: Scene,
    *,
    views: Sequence[str],
    input_bits: int,
    compute: Compute,
    device: torch.device,
    tiling: Tiling | None = None,
    clamp: bool = True,
) -> NDArray[np.float64]:
    """Deblur one image, whole or tile by tile.

    Args:
        network: a method's network; moved to `device` and switched to evaluation mode.
        scene: uint16 arrays `[H, W, 3]`, RGB, by view.
        views: views in the method's channel order.
        input_bits: bit depth that the method expects, 8 or 16.
        compute: precision (half types compute under autocast) and memory layout.
        device: where to compute.
        tiling: tiles to cut the image into; `None` keeps it whole.
        clamp: whether values are clamped to [0, 1], as every protocol demands.

    Returns:
        float64 `[H, W, 3]`, RGB, clamped to [0, 1].

    Raises:
        DataError: the prediction is not finite.
        NoMemory: the image, or a tile, is too large for the device.
        ValueError: the network returned another shape.
    """
    layout = memory_format(compute)
    network = network.to(device=device, memory_format=layout).eval()  # type: ignore[call-overload]

    def forward(x: Tensor, **position: tuple[int, int]) -> Tensor:
        output = network(x.to(device).contiguous(memory_format=layout), **position)
        expected = (1, 3, *x.shape[-2:])
        if tuple(output.shape) != expected:
            raise ValueError(f"the network returned {tuple(output.shape)}, expected {expected}")
        return output

    x = model_input(scene, views, input_bits)
    height, width = x.shape[-2:]
    remedy = "cut it into tiles: --tile 512" if tiling is None else "take a smaller --tile"
    with (
        enough_memory(f"deblurring an image of {height} x {width} pixels", remedy),
        torch.inference_mode(),
        autocast(compute, device),
    ):
        output = forward(x) if tiling is None else tiled(forward, x, tiling)
    image = output[0].permute(1, 2, 0).double().cpu().numpy()
    bad = int(np.count_nonzero(~np.isfinite(image)))
    if bad:
        raise DataError(
            f"{bad} of {image.size} predicted values are not finite; "
            "the weights have diverged: train again, with a lower learning rate"
        )
    return np.clip(image, 0.0, 1.0) if clamp else image


def evaluate(
    ready: Prepared,
    *,
    read: Callable[[ManifestRow], Scene],
    metrics: Mapping[str, Metric],
    folder: Path,
    observe: Callable[[ManifestRow, Scene, NDArray[np.float64]], None] | None = None,
) -> Evaluation:
    """Score a network on test scenes; writes `per_image.csv` and `images/` into `folder`.

    The experiment's `sample_images` scenes of the main group, from the first, are kept as images.

    Args:
        ready: the method, and the scenes to score in the order of the table to write.
        read: reads one scene, e.g. `partial(read_scene, root)`.
        metrics: what `load_metrics` returned.
        folder: existing folder that takes the files.
        observe: called with each scene and its prediction; what it raises ends the evaluation.

    Raises:
        DataError: there are no scenes, one has no ground truth or cannot be read, or a prediction
            is not finite.
    """
    rows, sample_images = ready.rows, ready.loaded.run.experiment.sample_images
    for row in rows:
        if not row.target:
            raise DataError(
                f"{row.source}: no ground truth: inference only, use `dmtbench predict`"
            )
    kept = [row.source for row in rows if row.group == MAIN_GROUP][:sample_images]
    table: list[ImageScores] = []
    images: list[str] = []
    for row, scene, prediction in predictions(ready, rows, read=read):
        name = Path(row.source).stem
        target = ground_truth(scene, ready.protocol.ground_truth_bits)
        values = score_image(metrics, prediction, target)
        table.append(ImageScores(name, row.group, row.category, values))
        if observe is not None:
            observe(row, scene, prediction)
        if row.source in kept:
            images.append(f"{IMAGES_FOLDER}/{name}.png")
            _write_sample(folder / images[-1], scene, prediction, target)
    write_per_image(folder / PER_IMAGE_FILE, table, list(metrics))
    scores, groups = aggregate(table)
    status = {name: metric.status() for name, metric in metrics.items()}
    return Evaluation(scores, groups, status, tuple(images))


def predictions(
    ready: Prepared, rows: Sequence[ManifestRow], *, read: Callable[[ManifestRow], Scene]
) -> Iterator[tuple[ManifestRow, Scene, NDArray[np.float64]]]:
    """Deblur scene after scene, with a progress bar on a terminal.

    Args:
        ready: the method.
        rows: the scenes, all of `ready` or some.
        read: reads one scene, e.g. `partial(read_scene, root)`.

    Yields:
        The row, its images and the prediction: float64 `[H, W, 3]`, RGB, in [0, 1].

    Raises:
        DataError: there are no scenes, one cannot be read, or a prediction is not finite.
    """
    if not rows:
        raise DataError("no scenes to evaluate; the manifest has no rows of this split")
    name = ready.loaded.run.method.name

    def predicted() -> Iterator[tuple[ManifestRow, Scene, NDArray[np.float64]]]:
        for row in rows:
            scene = read(row)
            yield row, scene, predict_scene(ready, row, scene)

    yield from watched(predicted(), len(rows), name, sys.stderr.isatty())


def predict_scene(
    ready: Prepared, row: ManifestRow, scene: Scene, *, clamp: bool = True
) -> NDArray[np.float64]:
    """Deblur one scene as `ready` says; see `predict`.

    Raises:
        DataError: the prediction is not finite or has another shape; method and scene are named.
        NoMemory: the image, or a tile, is too large for the device.
    """
    name, protocol = ready.loaded.run.method.name, ready.protocol
    try:
        return predict(
            ready.loaded.network,
            scene,
            views=protocol.views,
            input_bits=protocol.input_bits,
            compute=ready.loaded.run.compute,
            device=ready.device,
            tiling=ready.tiling,
            clamp=clamp,
        )
    except (DataError, ValueError) as error:
        raise DataError(f"{name} on {row.source}: {error}") from error
    except NoMemory as error:
        raise NoMemory(f"{name} on {row.source}: {error}") from error


def _write_sample(
    path: Path, scene: Scene, prediction: NDArray[np.float64], target: NDArray[np.float64]
) -> None:
    """Input, prediction and target side by side, as an 8-bit PNG."""
    images = (unit_range(scene["combined"], np.float64), prediction, target)
    row = to_uint8(np.concatenate(images, axis=1))
    encoded, content = cv2.imencode(".png", np.ascontiguousarray(row[..., ::-1]))
    if not encoded:
        raise DataError(f"{path}: the image cannot be encoded; use a smaller scene")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.tobytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}); free some space") from error
