"""Exponential moving average of the weights."""

from __future__ import annotations

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def moving_average(network: nn.Module, decay: float) -> AveragedModel:
    """A copy of the network for the average of its weights, `module` of what is returned.

    `update_parameters(network)` after a step makes each weight `decay` times itself plus
    `1 - decay` times the network's; the first call copies them. Buffers are copied each time.

    Args:
        network: before it is compiled or made to recompute, which a copy would not survive.
        decay: in (0, 1).
    """
    mean = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    average = AveragedModel(network, multi_avg_fn=mean)
    return average.requires_grad_(False)
