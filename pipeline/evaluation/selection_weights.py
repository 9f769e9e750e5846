"""Selection weights of a trained network: what each scale counts on each test image (Eq. 16)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.compute.device import autocast, memory_format
from pipeline.compute.enough_memory import enough_memory
from pipeline.data.manifest import ManifestRow
from pipeline.errors import DataError
from pipeline.evaluation.inference import Scene, model_input
from pipeline.evaluation.loading import Prepared
from pipeline.records import MAIN_GROUP

_ROUNDING = 1e-3
# The weights are averages over the whole image, so that tiles would give others.
_REMEDY = "take a machine with more memory: selection weights need whole images"


@dataclass(frozen=True)
class SelectionWeight:
    """Alpha of Eq. 16 of one scale, on one image.

    `scene`: name as in `per_image.csv`. `dmssrm`, `scale`: counted from 1; scale 1 is the finest.
    """

    scene: str
    category: str
    dmssrm: int
    scale: int
    alpha: float


def number_of_dmssrm(network: nn.Module) -> int | None:
    """How many DMSSRM a network has, 0 for DMTNet-T; `None` for another architecture."""
    modules: Any = getattr(network, "dmssrms", None)
    return len(modules) if isinstance(modules, nn.ModuleList) else None


def selects(network: nn.Module) -> bool:
    """Whether a network weights several scales adaptively; fixed weights say nothing of images."""
    modules: Any = getattr(network, "dmssrms", ())
    return any(
        getattr(module, "selection", None) is not None and len(module.scales) > 1
        for module in modules
    )


def selection_weights(
    ready: Prepared, *, read: Callable[[ManifestRow], Scene]
) -> Iterator[SelectionWeight]:
    """The selection weights of a network on the main group of the test scenes, as it is scored.

    Args:
        ready: a network for which `selects` is true.
        read: reads one scene, e.g. `partial(read_scene, root)`.

    Yields:
        One weight for every scene, DMSSRM and scale, in this order.

    Raises:
        DataError: a scene cannot be read, or the weights of a DMSSRM do not sum to 1.
        NoMemory: an image is too large for the device.
    """
    name = ready.loaded.run.method.name
    for row in ready.rows:
        if row.group != MAIN_GROUP:
            continue
        for dmssrm, alphas in enumerate(_alphas(ready, read(row)), 1):
            if not abs(float(alphas.sum()) - 1) < _ROUNDING:
                raise DataError(
                    f"{name} on {row.source}: selection weights {alphas.tolist()} do not sum to 1; "
                    "the weights have diverged: train again, with a lower learning rate"
                )
            for scale, alpha in enumerate(alphas.tolist(), 1):
                yield SelectionWeight(Path(row.source).stem, row.category, dmssrm, scale, alpha)


def _alphas(ready: Prepared, scene: Scene) -> list[Tensor]:
    """A vector `[num_scales]` for each DMSSRM."""
    compute, device, protocol = ready.loaded.run.compute, ready.device, ready.protocol
    layout = memory_format(compute)
    network: Any = ready.loaded.network.to(device=device, memory_format=layout).eval()  # type: ignore[call-overload]
    x = model_input(scene, protocol.views, protocol.input_bits)
    with (
        enough_memory(
            "selection weights of an image of {} x {} pixels".format(*x.shape[-2:]), _REMEDY
        ),
        torch.inference_mode(),
        autocast(compute, device),
    ):
        found = network.selection_weights(x.to(device).contiguous(memory_format=layout))
    return [alphas[0].double().cpu() for alphas in found]
