"""What goes through a module: moments of its input and output, and channels that a ReLU closes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_RELUS = (functional.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_)


@dataclass
class Moments:
    """Mean and standard deviation of the elements of all tensors that were added.

    >>> moments = Moments()
    >>> for part in (torch.tensor([1.0, 2.0]), torch.tensor([6.0])):
    ...     moments.add(part)
    >>> moments.mean, round(moments.sd, 4)
    (3.0, 2.1602)
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    """Sum of the squared distances from the mean."""

    def add(self, values: Tensor) -> None:
        """Add the elements of a tensor of any shape."""
        count = values.numel()
        if count == 0:
            return
        # Merged as by Chan et al. (1979): no differences of large sums, no copy in float64.
        both = torch.var_mean(values.detach().float(), correction=0)
        variance, mean = (found.item() for found in both)
        total, apart = self.count + count, mean - self.mean
        self.squares += variance * count + apart * apart * self.count * count / total
        self.mean += apart * count / total
        self.count = total

    @property
    def sd(self) -> float | None:
        """Standard deviation; `None` of nothing."""
        return math.sqrt(self.squares / self.count) if self.count else None


@dataclass
class ModuleFlow:
    """What went through one module, over all its calls.

    `entered`, `left`: its first input and output tensor. `alive`: for each channel, whether a ReLU
    let any value pass; `None` without a ReLU.
    """

    entered: Moments = field(default_factory=Moments)
    left: Moments = field(default_factory=Moments)
    alive: Tensor | None = None

    def enter(self, inputs: Any) -> None:
        """Note the inputs of a call."""
        self._add(self.entered, inputs)

    def leave(self, output: Any) -> None:
        """Note the output of a call."""
        self._add(self.left, output)

    def activate(self, activated: Tensor, axis: int) -> None:
        """Note the result of a ReLU, whose channels are along `axis`."""
        channels = activated.detach().movedim(axis, 0).flatten(1)
        alive = (channels > 0).any(dim=1)
        self.alive = alive if self.alive is None else self.alive | alive

    @staticmethod
    def _add(moments: Moments, values: Any) -> None:
        found = _first_tensor(values)
        if found is not None and found.is_floating_point():
            moments.add(found)


class ReluWatch(TorchFunctionMode):
    """Sees every ReLU of PyTorch while it is active, whether module or function.

    `latest`: where to note it, and the axis of its channels: the module that began last.
    """

    latest: tuple[ModuleFlow, int] | None = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call the function unchanged."""
        result = func(*args, **(kwargs or {}))
        if func in _RELUS and self.latest is not None:
            flow, axis = self.latest
            flow.activate(result, axis)
        return result


def _first_tensor(values: Any) -> Tensor | None:
    if isinstance(values, Tensor):
        return values
    if isinstance(values, tuple | list):
        inside = (_first_tensor(value) for value in values)
        return next((found for found in inside if found is not None), None)
    return None
