"""Less memory for time: activation checkpointing of any network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

_LARGEST_SHARE = 1 / 8
"""Of the parameters. What one block keeps while it is computed again must be little, too."""


def checkpoint_activations(network: nn.Module) -> list[str]:
    """Make the blocks of a network keep their input only, and compute the rest again (Chen et al.,
    2016, "Training deep nets with sublinear memory cost").

    Results, gradients and names of weights stay the same; each block's forward pass runs twice.

    Args:
        network: changed in place; copies of it would go on using its own weights.

    Returns:
        Names of the blocks; none if there is nothing to gain.
    """
    blocks = dict(_blocks(network, "", sum(value.numel() for value in network.parameters())))
    for block in blocks.values():
        # An attribute of the object, in place of the method of its class.
        block.forward = _recomputing(block, block.forward)
    return list(blocks)


def _blocks(module: nn.Module, prefix: str, total: int) -> Iterator[tuple[str, nn.Module]]:
    """The outermost members of lists of modules that are small enough and have parts themselves."""
    for name, child in module.named_children():
        path = f"{prefix}{name}"
        if isinstance(module, nn.Sequential | nn.ModuleList) and _is_block(child, total):
            yield path, child
        else:
            yield from _blocks(child, f"{path}.", total)


def _is_block(module: nn.Module, total: int) -> bool:
    if isinstance(module, nn.ModuleList):
        # It is never called itself.
        return False
    if any(isinstance(part, nn.modules.batchnorm._NormBase) for part in module.modules()):
        # The second pass would count the batch twice in the running mean.
        return False
    own = sum(value.numel() for value in module.parameters())
    return len(list(module.children())) > 0 and 0 < own <= _LARGEST_SHARE * total


def _recomputing(block: nn.Module, forward: Callable[..., Any]) -> Callable[..., Any]:
    def recomputed(*args: Any, **kwargs: Any) -> Any:
        if not (block.training and torch.is_grad_enabled()):
            return forward(*args, **kwargs)
        return checkpoint(forward, *args, use_reentrant=False, **kwargs)

    return recomputed
