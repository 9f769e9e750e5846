"""Optimizers, by the names that recipes use, and the moving average of the weights."""

from __future__ import annotations

from torch import nn, optim
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pipeline.config.recipe import Recipe

_KINDS: dict[str, type[optim.Adam] | type[optim.AdamW] | type[optim.RAdam]] = {
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "radam": optim.RAdam,
}


def make_optimizer(network: nn.Module, recipe: Recipe) -> optim.Optimizer:
    """The recipe's optimizer over all parameters; the loop sets the learning rate of each step.

    Weight decay is an L2 term of the gradient for `adam` and `radam`, decoupled for `adamw`; it
    applies to every parameter, as in the authors' programs.
    """
    return _KINDS[recipe.optimizer](
        network.parameters(),
        lr=0.0,
        betas=recipe.betas,
        eps=recipe.eps,
        weight_decay=recipe.weight_decay,
    )


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
