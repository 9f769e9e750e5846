"""Optimizers, by the names that recipes use, and the moving average of the weights."""

from __future__ import annotations

from typing import Any

from torch import nn, optim
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pipeline.config.recipe import Recipe


def make_optimizer(network: nn.Module, recipe: Recipe) -> optim.Optimizer:
    """The recipe's optimizer over all parameters; the loop sets the learning rate of each step.

    Weight decay is an L2 term of the gradient for `adam`, decoupled for `adamw` and `radam`; it
    applies to every parameter, as in the authors' programs. On a CPU, Adam and AdamW take a step in
    one pass over the weights, three times as fast and equal up to rounding.
    """
    numbers: dict[str, Any] = {
        "lr": 0.0,
        "betas": recipe.betas,
        "eps": recipe.eps,
        "weight_decay": recipe.weight_decay,
    }
    parameters = list(network.parameters())
    if recipe.optimizer == "radam":
        # The package that IFAN's authors used decays the weights directly. As an L2 term, the
        # adaptive step would scale the decay up to the full learning rate.
        return optim.RAdam(parameters, **numbers, decoupled_weight_decay=True)
    on_cpu = all(parameter.device.type == "cpu" for parameter in parameters)
    kind = optim.Adam if recipe.optimizer == "adam" else optim.AdamW
    return kind(parameters, **numbers, fused=on_cpu)


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
