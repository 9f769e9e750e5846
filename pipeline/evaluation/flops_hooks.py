"""Operation count by the module-hook rule that reproduces the paper's FLOPs column (Table 1).

The paper states neither rule nor image size (reconstruction). A multiply-accumulate counts 1.
Convolutions count one more per output element if they have a bias; linear layers count `in * out`
per row; PReLU and GELU modules count one per output element; adaptive average pooling modules
count one per input element. Everything else counts 0: layer normalization, softmax, attention
products, additions, pixel shuffling.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

_Count = Callable[[Any, Tensor, Tensor], int]


def _convolution(module: Any, _: Tensor, output: Tensor) -> int:
    per_element = math.prod(module.kernel_size) * module.in_channels // module.groups
    return output.numel() * (per_element + (module.bias is not None))


def _transposed_convolution(module: Any, source: Tensor, output: Tensor) -> int:
    per_element = math.prod(module.kernel_size) * module.out_channels // module.groups
    return source.numel() * per_element + output.numel() * (module.bias is not None)


def _linear(module: nn.Linear, _: Tensor, output: Tensor) -> int:
    return output.numel() * module.in_features


def _per_output(_module: nn.Module, _: Tensor, output: Tensor) -> int:
    return output.numel()


def _per_input(_module: nn.Module, source: Tensor, _: Tensor) -> int:
    return source.numel()


_RULES: tuple[tuple[tuple[type[nn.Module], ...], _Count], ...] = (
    ((nn.Conv1d, nn.Conv2d, nn.Conv3d), _convolution),
    ((nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d), _transposed_convolution),
    ((nn.Linear,), _linear),
    ((nn.PReLU, nn.GELU), _per_output),
    ((nn.AdaptiveAvgPool2d,), _per_input),
)


def _rule(module: nn.Module) -> _Count | None:
    return next((count for kinds, count in _RULES if isinstance(module, kinds)), None)


def flops_paper(network: nn.Module, in_channels: int, height: int, width: int) -> float:
    """Count one forward pass of `1 x in_channels x height x width` by module hooks.

    Args:
        network: on the meta device, so that nothing is computed; a module that is called twice
            counts twice.
        in_channels: number of input channels.
        height: height of the input in pixels.
        width: width of the input in pixels.

    Returns:
        Number of operations by the rule of this module.
    """
    total = 0

    def hook(count: _Count) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def add(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            nonlocal total
            total += count(module, inputs[0], output)

        return add

    rules = ((module, _rule(module)) for module in network.modules())
    handles = [module.register_forward_hook(hook(rule)) for module, rule in rules if rule]
    try:
        with torch.no_grad():
            network.eval()(torch.empty(1, in_channels, height, width, device="meta"))
    finally:
        for handle in handles:
            handle.remove()
    return float(total)
