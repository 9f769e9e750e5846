"""Memory that a network really takes on a CPU, by PyTorch's profiler and its autograd hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch._C._profiler import _EventType
from torch.profiler import ProfilerActivity, profile


def allocated_peak(work: Callable[[], object]) -> int:
    """Most bytes allocated at once while `work` runs, beyond those from before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        result = work()
    results = profiler.profiler.kineto_results  # type: ignore[union-attr]
    found = sorted(_allocations(results.experimental_event_tree()))
    del result
    now = peak = 0
    for _, size in found:
        now += size
        peak = max(peak, now)
    return peak


def _allocations(events: Iterable[Any]) -> Iterable[tuple[int, int]]:
    """Time and bytes of every allocation; negative where memory is freed."""
    for event in events:
        kind, fields = event.typed
        if kind == _EventType.Allocation:
            yield event.start_time_ns, fields.alloc_size
        yield from _allocations(event.children)


def kept_bytes(network: nn.Module, x: Tensor) -> int:
    """Bytes that autograd keeps for the backward pass of `network(x)`, without the weights."""
    own = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        # The result keeps every storage alive until all are counted.
        result = network(x)
    total = sum(size for place, size in kept.items() if place not in own)
    del result
    return total
