"""Optimizers, by the names that recipes use."""

from __future__ import annotations

from torch import nn, optim

from pipeline.config.recipe import Recipe

_KINDS: dict[str, type[optim.Adam] | type[optim.AdamW] | type[optim.RAdam]] = {
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "radam": optim.RAdam,
}


def make_optimizer(network: nn.Module, recipe: Recipe) -> optim.Optimizer:
    """The recipe's optimizer over all parameters; the loop sets the learning rate of each step.

    Weight decay is an L2 term of the gradient for `adam` and `radam`, decoupled for `adamw`; no
    parameter is spared it, as none is in the authors' programs.
    """
    return _KINDS[recipe.optimizer](
        network.parameters(),
        lr=0.0,
        betas=recipe.betas,
        eps=recipe.eps,
        weight_decay=recipe.weight_decay,
    )
