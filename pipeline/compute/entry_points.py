"""The entry points of a method's network: what a training calls, for each kind of batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from torch import Tensor, nn


def training_outputs(
    network: nn.Module,
    x: Tensor,
    target: Tensor,
    *,
    frames: int,
    own_terms: bool,
    **place: Tensor,
) -> Mapping[str, Tensor]:
    """What the loss compares.

    Args:
        network: the method's.
        x: `[N, 3 * views, side, side]`, in [0, 1].
        target: `[N, 3, side, side]`, in [0, 1].
        frames: so many crops in a row are the frames of one clip.
        own_terms: whether the method itself provides terms of the loss.
        place: `origin` and `full_size` of each crop, int64 `[N, 2]`.

    Returns:
        The prediction `[N, 3, side, side]` as `output`, and the method's own terms.
    """
    method = cast(Any, network)
    if own_terms:
        outputs: Mapping[str, Tensor] = method.forward_training(x, target)
        return outputs
    if frames == 1:
        return {"output": network(x, **place)}
    clips = x.view(-1, frames, *x.shape[1:])
    first = {name: value[::frames] for name, value in place.items()}
    return {"output": method.forward_sequence(clips, **first).flatten(0, 1)}
