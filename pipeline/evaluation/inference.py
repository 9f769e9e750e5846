"""Inference and scoring by the protocol.

Images are whole unless tiles are asked for; the prediction stays float and is clamped to [0, 1],
never quantized. Protocol `dpdd-16`: 16-bit input and ground truth / 65535. Protocol `dpdd-8`: the
high byte of both / 255, as OpenCV's 8-bit reading truncates them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn

from pipeline.artifacts import IMAGES_FOLDER, PER_IMAGE_FILE
from pipeline.compute.device import HALF
from pipeline.config.blocks import Compute
from pipeline.data.bit_depth import at_depth, to_tensor, to_uint8, unit_range
from pipeline.data.manifest import ManifestRow
from pipeline.errors import DataError
from pipeline.evaluation.metrics import Metric, score_image
from pipeline.evaluation.protocol import Tiling
from pipeline.evaluation.scores import ImageScores, aggregate, write_per_image
from pipeline.evaluation.tiling import tiled
from pipeline.methods import Method
from pipeline.records import MAIN_GROUP, Protocol, Scores

Scene = Mapping[str, NDArray[np.uint16]]
Precision = Literal["float32", "bfloat16", "float16"]


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
    views: Sequence[str],
    input_bits: int = 16,
    device: torch.device | str = "cpu",
    precision: Precision = "float32",
    channels_last: bool = False,
    tiling: Tiling | None = None,
) -> NDArray[np.float64]:
    """Deblur one image, whole or tile by tile.

    Args:
        network: a method's network; moved to `device` and switched to evaluation mode.
        scene: uint16 arrays `[H, W, 3]`, RGB, by view.
        views: views in the method's channel order.
        input_bits: bit depth that the method expects, 8 or 16.
        device: where to compute.
        precision: `bfloat16` and `float16` compute under autocast.
        channels_last: memory layout; changes speed, not meaning.
        tiling: tiles to cut the image into; `None` keeps it whole.

    Returns:
        float64 `[H, W, 3]`, RGB, clamped to [0, 1].

    Raises:
        DataError: the prediction is not finite.
        ValueError: the network returned another shape.
    """
    layout = torch.channels_last if channels_last else torch.contiguous_format
    where = torch.device(device)
    network = network.to(device=where, memory_format=layout).eval()  # type: ignore[call-overload]
    half = precision != "float32"
    cast = torch.autocast(where.type, HALF[precision]) if half else nullcontext()

    def forward(x: Tensor, **position: tuple[int, int]) -> Tensor:
        output = network(x.to(where).contiguous(memory_format=layout), **position)
        expected = (1, 3, *x.shape[-2:])
        if tuple(output.shape) != expected:
            raise ValueError(f"the network returned {tuple(output.shape)}, expected {expected}")
        return output

    x = model_input(scene, views, input_bits)
    with torch.inference_mode(), cast:
        output = forward(x) if tiling is None else tiled(forward, x, tiling)
    image = output[0].permute(1, 2, 0).double().cpu().numpy()
    bad = int(np.count_nonzero(~np.isfinite(image)))
    if bad:
        raise DataError(
            f"{bad} of {image.size} predicted values are not finite; "
            "the weights have diverged: train again, with a lower learning rate"
        )
    return np.clip(image, 0.0, 1.0)


def evaluate(
    network: nn.Module,
    method: Method,
    protocol: Protocol,
    rows: Sequence[ManifestRow],
    read: Callable[[ManifestRow], Scene],
    metrics: Mapping[str, Metric],
    folder: Path,
    *,
    compute: Compute,
    device: torch.device | str,
    sample_images: int,
    tiling: Tiling | None = None,
) -> Evaluation:
    """Score a network on test scenes; writes `per_image.csv` and `images/` into `folder`.

    Args:
        network: the method's network with its weights.
        method: gives the name.
        protocol: gives views and bit depths.
        rows: the scenes to score, in the order of the table to write.
        read: reads one scene, e.g. `partial(read_scene, root)`.
        metrics: what `load_metrics` returned.
        folder: existing folder that takes the files.
        compute: precision and memory layout.
        device: where to compute.
        sample_images: how many scenes of the main group, from the first, are kept as images.
        tiling: tiles to cut the images into, as `protocol` says; `None` keeps them whole.

    Raises:
        DataError: there are no scenes, one has no ground truth or cannot be read, or a prediction
            is not finite.
    """
    for row in rows:
        if not row.target:
            raise DataError(
                f"{row.source}: no ground truth: inference only, use `dmtbench predict`"
            )
    kept = [row.source for row in rows if row.group == MAIN_GROUP][:sample_images]
    table: list[ImageScores] = []
    images: list[str] = []
    for row, scene, prediction in predictions(
        network, method, protocol, rows, read, compute=compute, device=device, tiling=tiling
    ):
        name, target = Path(row.source).stem, ground_truth(scene, protocol.ground_truth_bits)
        values = score_image(metrics, prediction, target)
        table.append(ImageScores(name, row.group, row.category, values))
        if row.source in kept:
            images.append(f"{IMAGES_FOLDER}/{name}.png")
            _write_sample(folder / images[-1], scene, prediction, target)
    write_per_image(folder / PER_IMAGE_FILE, table, list(metrics))
    scores, groups = aggregate(table)
    status = {name: metric.status() for name, metric in metrics.items()}
    return Evaluation(scores, groups, status, tuple(images))


def predictions(
    network: nn.Module,
    method: Method,
    protocol: Protocol,
    rows: Sequence[ManifestRow],
    read: Callable[[ManifestRow], Scene],
    *,
    compute: Compute,
    device: torch.device | str,
    tiling: Tiling | None = None,
) -> Iterator[tuple[ManifestRow, Scene, NDArray[np.float64]]]:
    """Deblur scene after scene, with a progress bar; arguments as for `evaluate`.

    Yields:
        The row, its images and the prediction: float64 `[H, W, 3]`, RGB, in [0, 1].

    Raises:
        DataError: there are no scenes, one cannot be read, or a prediction is not finite.
    """
    if not rows:
        raise DataError("no scenes to evaluate; the manifest has no rows of this split")
    how = (protocol.views, protocol.input_bits, device, compute.precision, compute.channels_last)
    for row in _progress(rows, method.name):
        scene = read(row)
        try:
            prediction = predict(network, scene, *how, tiling)
        except (DataError, ValueError) as error:
            raise DataError(f"{method.name} on {row.source}: {error}") from error
        yield row, scene, prediction


def _progress(rows: Sequence[ManifestRow], name: str) -> Iterable[ManifestRow]:
    console = Console(stderr=True)
    return track(rows, name, console=console, disable=not console.is_terminal, transient=True)


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
