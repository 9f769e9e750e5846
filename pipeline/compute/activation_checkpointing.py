"""Activation checkpointing of any network: less memory, more computation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

_LARGEST_SHARE = 1 / 8
"""Largest share of the parameters that a block may have: recomputing it holds its activations."""


def checkpoint_activations(network: nn.Module) -> list[str]:
    """Make the blocks of a network save only their input, and recompute their activations (Chen et
    al., 2016, "Training deep nets with sublinear memory cost").

    Results, gradients and parameter names stay the same; each block's forward pass runs twice.

    Args:
        network: changed in place; later copies would still use its weights.

    Returns:
        Names of the blocks; empty if there is nothing to gain.
    """
    blocks = dict(_blocks(network, "", sum(value.numel() for value in network.parameters())))
    for block in blocks.values():
        # An instance attribute, which shadows the method of the class.
        block.forward = _recomputing(block, block.forward)
    return list(blocks)


def _blocks(module: nn.Module, prefix: str, total: int) -> Iterator[tuple[str, nn.Module]]:
    """The outermost members of module lists that are small enough and have submodules."""
    for name, child in module.named_children():
        path = f"{prefix}{name}"
        if isinstance(module, nn.Sequential | nn.ModuleList) and _is_block(child, total):
            yield path, child
        else:
            yield from _blocks(child, f"{path}.", total)


def _is_block(module: nn.Module, total: int) -> bool:
    if isinstance(module, nn.ModuleList):
        # A list is never called.
        return False
    if any(isinstance(part, nn.modules.batchnorm._NormBase) for part in module.modules()):
        # The second pass would count the batch twice in the running statistics.
        return False
    own = sum(value.numel() for value in module.parameters())
    return len(list(module.children())) > 0 and 0 < own <= _LARGEST_SHARE * total


def _recomputing(block: nn.Module, forward: Callable[..., Any]) -> Callable[..., Any]:
    def recomputed(*args: Any, **kwargs: Any) -> Any:
        if not (block.training and torch.is_grad_enabled()):
            return forward(*args, **kwargs)
        return checkpoint(forward, *args, use_reentrant=False, **kwargs)

    return recomputed
