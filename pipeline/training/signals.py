"""Signals and gradients of each module of a network, measured with hooks during a training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.data.sampling.loader import Batch
from pipeline.training.module_flow import ModuleFlow, ReluWatch
from pipeline.training.module_signals import NETWORK, ModuleSignals
from pipeline.training.random_streams import restore_stream, stream_state
from pipeline.training.train_step import TrainStep

Weights = Mapping[nn.Parameter, Tensor]
"""The value that each parameter of a network once had."""

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def weights_of(network: nn.Module) -> Weights:
    """A copy of the weights."""
    return {weight: weight.detach().clone() for weight in network.parameters()}


def measure(
    train_step: TrainStep, batch: Batch, step: int, before: Weights | None = None
) -> list[ModuleSignals]:
    """Signals and gradients of every module for one batch.

    Weights, buffers and random numbers stay as they were: a training continues as without it.

    Args:
        train_step: the network and its loss.
        batch: goes forward and backward.
        step: optimizer steps taken.
        before: weights before the last of them.

    Returns:
        One entry for each module but the containers, in the network's order, the network first.

    Raises:
        NoMemory: the device has too little memory.
    """
    network = train_step.network
    with _unchanged(train_step):
        with recorded(network) as flows:
            train_step.gradients(batch, len(batch.target))
        return [
            _signals(name, module, flows[name], step, before) for name, module in _measured(network)
        ]


@contextmanager
def recorded(network: nn.Module) -> Iterator[dict[str, ModuleFlow]]:
    """Record what goes through the modules of a network; its results stay the same, bit by bit.

    Args:
        network: its modules get hooks, which are removed at the end, however it comes.

    Yields:
        What goes through each module but the containers, by name; that of the network is empty.

    Example:
        >>> network = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        >>> with recorded(network) as flows:
        ...     _ = network(torch.ones(5, 2))
        >>> flows["0"].entered.mean, flows["1"].left.count
        (1.0, 10)
    """
    relus = ReluWatch()
    flows = {name: ModuleFlow() for name, _ in _measured(network)}
    with ExitStack() as cleanup:
        for name, module in _measured(network):
            leaf, axis = _is_leaf(module), -1 if isinstance(module, nn.Linear) else 1
            cleanup.callback(_hook(module, flows[name], relus if leaf else None, axis))
        cleanup.enter_context(relus)
        yield flows


def _hook(module: nn.Module, flow: ModuleFlow, relus: ReluWatch | None, axis: int) -> Any:
    """Add the hooks of one module; what removes them."""

    def enters(_module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if relus is not None:
            relus.latest = flow, axis
        flow.enter(inputs)

    def leaves(_module: nn.Module, _inputs: object, output: Any) -> None:
        flow.leave(output)

    # An input is read before the module, an output at once: both may be overwritten later.
    handles = (module.register_forward_pre_hook(enters), module.register_forward_hook(leaves))

    def remove() -> None:
        for handle in handles:
            handle.remove()

    return remove


@contextmanager
def _unchanged(train_step: TrainStep) -> Iterator[None]:
    """Leave no gradients, and undo what a forward pass in training mode changes."""
    network, device = train_step.network, train_step.device
    stream = stream_state(device)
    buffers = [(buffer, buffer.clone()) for buffer in network.buffers()]
    try:
        yield
    finally:
        train_step.optimizer.zero_grad(set_to_none=True)
        restore_stream(stream, device)
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)


def _signals(
    name: str, module: nn.Module, flow: ModuleFlow, step: int, before: Weights | None
) -> ModuleSignals:
    weights = [*module.parameters()]
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    update = None
    if before is not None and weights:
        earlier = [before[weight] for weight in weights]
        moved = _norm([now - then for now, then in zip(weights, earlier, strict=True)])
        update = moved / _norm(earlier) if _norm(earlier) else None
    return ModuleSignals(
        step=step,
        module=name or NETWORK,
        kind=type(module).__name__,
        leaf=_is_leaf(module),
        mixes=any(weight.dim() > 1 for weight in module.parameters(recurse=False)),
        input_sd=flow.entered.sd,
        output_sd=flow.left.sd,
        output_mean=flow.left.mean if flow.left.count else None,
        gradient_norm=_norm(gradients) if weights else None,
        weight_norm=_norm(weights) if weights else None,
        update_ratio=update,
        channels=None if flow.alive is None else flow.alive.numel(),
        dead=None if flow.alive is None else int((~flow.alive).sum()),
    )


def _norm(tensors: list[Any]) -> float:
    with torch.no_grad():
        return float(nn.utils.get_total_norm(tensors)) if tensors else 0.0


def _measured(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for name, module in network.named_modules():
        if not name or not isinstance(module, _CONTAINERS):
            yield name, module


def _is_leaf(module: nn.Module) -> bool:
    return next(module.children(), None) is None
