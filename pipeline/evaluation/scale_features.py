"""What each scale of each DMSSRM of a trained network puts out on one image (Eq. 14)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.data.manifest import ManifestRow
from pipeline.evaluation.inference import Scene, predict_scene
from pipeline.evaluation.loading import Prepared


def scale_features(ready: Prepared, row: ManifestRow, scene: Scene) -> list[NDArray[np.float32]]:
    """Strength of the features F_sj on one scene: their root mean square over channels.

    Args:
        ready: a network for which `selects` is true.
        row: of the scene.
        scene: its images.

    Returns:
        For each DMSSRM a float32 array `[scales, h, w]`, at the resolution of its features; scale
        1, the finest, first.

    Raises:
        DataError, NoMemory: as for `predict_scene`.
    """
    network: Any = ready.loaded.network
    found: list[NDArray[np.float32]] = []

    def keep(
        _module: nn.Module, _inputs: object, output: tuple[Tensor, Tensor, list[Tensor]]
    ) -> None:
        strengths = [one[0].float().pow(2).mean(0).sqrt() for one in output[2]]
        found.append(np.stack([one.cpu().numpy() for one in strengths]))

    hooks = [module.register_forward_hook(keep) for module in network.dmssrms]
    try:
        predict_scene(ready, row, scene)
    finally:
        for hook in hooks:
            hook.remove()
    return found
