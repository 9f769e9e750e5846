"""Roofline estimate of DMTNet on one H100: lower bounds of its time, and the cost of a training.

    python -m benchmarks.roofline

The operations and bytes of a layer follow from its shapes. The time of a layer is the larger of its
operations at the peak rate and its bytes at the full bandwidth, assuming that it runs alone, reads
its inputs and weights from memory once and writes its output once. Layers are not fused with each
other, but attention never writes its logits to memory. A FLOP is one multiplication or one
addition.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from dmtnet import DMTNet, build
from dmtnet.attention import TransformerBlock, WindowAttention
from dmtnet.network import VARIANTS
from dmtnet.reconstruction import (
    DMSSRM,
    ResidualBlockModule,
    ResidualGroupModule,
    ResidualModule,
)
from pipeline.data.canon import CANON_SIZE

# NVIDIA H100 SXM5 data sheet, dense rates.
BANDWIDTH = 3.35e12
PRECISIONS = {"bf16": (989e12, 2), "TF32": (495e12, 4), "fp32": (67e12, 4)}
"""Peak rate in FLOP/s and bytes per element."""

WINDOW_SIDE = 512
EPOCHS, WINDOWS_PER_EPOCH = 1000, 7000
STEP_COST = 3
"""Operations of a training step divided by those of a forward pass."""

UTILIZATION = 0.4


@dataclass(frozen=True)
class Layer:
    """Floating-point operations of a layer, and elements it reads and writes."""

    flop: int
    elements: int

    def seconds(self, precision: str) -> tuple[float, float]:
        """Seconds at the peak rate, and at the full bandwidth."""
        peak, width = PRECISIONS[precision]
        return self.flop / peak, self.elements * width / BANDWIDTH


def layers_of(network: nn.Module, shape: tuple[int, ...]) -> list[Layer]:
    """All layers of a forward pass, from shapes alone; `network` must be on the meta device."""
    layers: list[Layer] = []

    def hook(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        layers.extend(_layers(module, inputs[0], output))

    handles = [module.register_forward_hook(hook) for module in network.modules()]
    with torch.no_grad():
        network(torch.empty(shape, device="meta"))
    for handle in handles:
        handle.remove()
    return layers


def _layers(module: nn.Module, x: Tensor, output: Any) -> list[Layer]:
    if isinstance(module, nn.Conv2d | nn.Linear):
        weight = module.weight
        flop = 2 * output.numel() * prod(weight.shape[1:])
        return [Layer(flop, x.numel() + output.numel() + weight.numel())]
    for kinds, rule in _RULES.items():
        if isinstance(module, kinds):
            return rule(module, x)
    return []


def _elementwise(module: nn.Module, x: Tensor) -> list[Layer]:
    return [Layer(0, 2 * x.numel())]


def _residual(module: nn.Module, x: Tensor) -> list[Layer]:
    return [Layer(0, 3 * x.numel())]


def _attention(module: nn.Module, x: Tensor) -> list[Layer]:
    # Logits and their product with the values; reads queries, keys, values; writes the mixture.
    windows, tokens, channels = x.shape
    return [Layer(4 * windows * tokens**2 * channels, 4 * x.numel())]


def _block(module: nn.Module, x: Tensor) -> list[Layer]:
    # Two residuals; the map split into windows and merged again.
    return [Layer(0, 3 * x.numel()), Layer(0, 3 * x.numel()), *2 * [Layer(0, 2 * x.numel())]]


def _selection(module: nn.Module, x: Tensor) -> list[Layer]:
    # The weighted sum, scale by scale: each reads two operands and writes one sum.
    scales = len(module.scales)  # type: ignore[arg-type]
    return [Layer(0, x.numel()), *2 * scales * [Layer(0, 3 * x.numel())]]


_RULES: dict[Any, Callable[[nn.Module, Tensor], list[Layer]]] = {
    (nn.PReLU, nn.GELU, nn.LayerNorm, nn.PixelShuffle, nn.PixelUnshuffle): _elementwise,
    (ResidualModule, ResidualBlockModule, ResidualGroupModule): _residual,
    WindowAttention: _attention,
    TransformerBlock: _block,
    DMSSRM: _selection,
}


def _network(variant: str) -> DMTNet:
    with torch.device("meta"):
        return build(variant).eval()


def roofline_table() -> str:
    """A forward pass at full size, in Markdown.

    The times of compute-bound and of memory-bound layers; their sum bounds the pass from below.
    """
    lines = [
        "| variant | precision | TFLOP | GB | compute-bound, ms | memory-bound, ms | sum, ms "
        "| of the peak |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for variant in ("t", "b", "h"):
        layers = layers_of(_network(variant), (1, 6, *CANON_SIZE))
        flop = sum(layer.flop for layer in layers)
        for precision, (peak, width) in PRECISIONS.items():
            times = [layer.seconds(precision) for layer in layers]
            compute = sum(rate for rate, memory in times if rate >= memory)
            memory = sum(memory for rate, memory in times if rate < memory)
            gigabytes = width * sum(layer.elements for layer in layers) / 1e9
            lines.append(
                f"| {variant.upper()} | {precision} | {flop / 1e12:.3f} | {gigabytes:.1f} "
                f"| {1e3 * compute:.2f} | {1e3 * memory:.2f} | {1e3 * (compute + memory):.2f} "
                f"| {flop / peak / (compute + memory):.0%} |"
            )
    return "\n".join(lines)


def cost_table() -> str:
    """H100 hours of a whole training, in Markdown.

    For each precision: at the stated share of the peak, and at the bound of the layers above.
    """
    share = f"{UTILIZATION:.0%}"
    heads = [f"{precision} {column}" for precision in PRECISIONS for column in (share, "bound")]
    lines = [
        f"| variant | PFLOP per epoch | {' | '.join(heads)} |",
        "|---|--:|" + "--:|" * len(heads),
    ]
    steps = EPOCHS * WINDOWS_PER_EPOCH * STEP_COST / 3600
    for variant in VARIANTS:
        layers = layers_of(_network(variant), (1, 6, WINDOW_SIDE, WINDOW_SIDE))
        flop = sum(layer.flop for layer in layers)
        hours = []
        for precision, (peak, _) in PRECISIONS.items():
            bound = sum(max(layer.seconds(precision)) for layer in layers)
            hours += [steps * flop / (UTILIZATION * peak), steps * bound]
        cells = " | ".join(f"{value:,.1f}" for value in hours)
        petaflop = STEP_COST * WINDOWS_PER_EPOCH * flop / 1e15
        lines.append(f"| {variant.upper()} | {petaflop:.1f} | {cells} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.roofline",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args()
    print(roofline_table())
    print()
    print(cost_table())


if __name__ == "__main__":
    main()
