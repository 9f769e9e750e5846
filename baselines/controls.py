"""Controls: scores of the input, its views and two closed-form filters, without a network.

A learned method that does not beat these has learned nothing about defocus. All take
`[B, 9, H, W]`, RGB in [0, 1]: the left, right and combined view, in this order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines._shared.fitting import Pairs, clamped_psnr

VIEWS = ("left", "right", "combined")
INPUT_BITS = 16
CITATION = "Control of this benchmark; not a published method"
LICENCE = "Apache-2.0"

Control = Literal["input", "mean", "left", "right", "unsharp", "linear"]

_CHANNELS = 3 * len(VIEWS)
_SIGMA_RATIO = 1.6
_SIGMAS = tuple(0.5 * _SIGMA_RATIO**k for k in range(6))
_AMOUNT_STEP = 0.5
_AMOUNTS = tuple(_AMOUNT_STEP * k for k in range(7))
_REFINEMENTS = 2
# Input directions below this share of the energy are rounding errors of 16-bit images.
_RANK_TOLERANCE = 1e-11


def build(control: Control) -> nn.Module:
    """A control by name.

    Args:
        control: `input` (combined view), `mean` (of left and right), `left`, `right`, `unsharp`
            or `linear`; the last two have `fit`, before which they return the combined view.

    Raises:
        ValueError: there is no such control.
    """
    weights = {"left": (1.0, 0.0, 0.0), "right": (0.0, 1.0, 0.0), "input": (0.0, 0.0, 1.0)}
    weights["mean"] = (0.5, 0.5, 0.0)
    if control in weights:
        return ViewMix(weights[control])
    if control == "unsharp":
        return UnsharpMask()
    if control == "linear":
        return LinearFit()
    raise ValueError(f"unknown control {control!r}; known: {', '.join(weights)}, unsharp, linear")


class ViewMix(nn.Module):
    """A fixed weighting of the views.

    Args:
        weights: weights of the left, right and combined view; views of weight 0 are skipped.
    """

    def __init__(self, weights: tuple[float, float, float]) -> None:
        super().__init__()
        self.weights = weights

    def forward(
        self,
        x: Tensor,
        *,
        origin: tuple[int, int] | None = None,
        full_size: tuple[int, int] | None = None,
    ) -> Tensor:
        """`[B, 9, H, W]` to `[B, 3, H, W]`; `origin` and `full_size` are ignored."""
        views = _check(x).chunk(len(VIEWS), dim=1)
        parts = [
            view if weight == 1 else view * weight
            for view, weight in zip(views, self.weights, strict=True)
            if weight
        ]
        return torch.stack(parts).sum(dim=0) if len(parts) > 1 else parts[0]


class UnsharpMask(nn.Module):
    """Unsharp masking of the combined view: `x + amount * (x - gaussian(x, sigma))`.

    Buffers: `sigma` in pixels, `amount`; 1 and 0 before `fit`. Edges are replicated.
    """

    sigma: Tensor
    amount: Tensor
    radius = math.ceil(3 * _SIGMAS[-1])

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("sigma", torch.tensor(1.0))
        self.register_buffer("amount", torch.tensor(0.0))

    def forward(
        self,
        x: Tensor,
        *,
        origin: tuple[int, int] | None = None,
        full_size: tuple[int, int] | None = None,
    ) -> Tensor:
        """`[B, 9, H, W]` to `[B, 3, H, W]`, not clamped; the keywords are ignored."""
        combined = _check(x)[:, 6:]
        return combined + self.amount * (combined - self._blur(combined, self.sigma))

    @torch.no_grad()
    def fit(self, train: Pairs, val: Pairs) -> dict[str, float]:
        """Find the sigma and amount with the highest mean validation PSNR of the clamped output.

        Searches a grid, then two finer grids around its best point. The grid contains amount 0, so
        the result scores at least as high on `val` as the combined view.

        Args:
            train: not used.
            val: pairs of input `[1, 9, H, W]` and target `[1, 3, H, W]`; read three times (an
                iterator, which can be read only once, is kept in memory).

        Returns:
            `sigma` (pixels) and `amount`.

        Raises:
            ValueError: `val` is empty.
        """
        pairs = [*val] if iter(val) is val else val
        sigma, amount = self._best(pairs, _SIGMAS, _AMOUNTS)
        for step in range(_REFINEMENTS):
            # A third of the previous spacing, out to the neighbors of the best point.
            shares = [k / 3 ** (step + 1) for k in (0, -1, 1, -2, 2)]
            near = [sigma * _SIGMA_RATIO**share for share in shares]
            sigmas = [min(max(value, _SIGMAS[0]), _SIGMAS[-1]) for value in near]
            amounts = [max(amount + _AMOUNT_STEP * share, 0.0) for share in shares]
            sigma, amount = self._best(pairs, sigmas, amounts)
        self.sigma.fill_(sigma)
        self.amount.fill_(amount)
        return {"sigma": float(self.sigma), "amount": float(self.amount)}

    def _best(
        self, pairs: Pairs, sigmas: Sequence[float], amounts: Sequence[float]
    ) -> tuple[float, float]:
        total = {(sigma, amount): 0.0 for sigma in sigmas for amount in amounts}
        empty = True
        for x, target in pairs:
            empty = False
            combined = _check(x)[:, 6:]
            for sigma in dict.fromkeys(sigmas):
                detail = combined - self._blur(combined, torch.tensor(sigma).to(combined))
                for amount in dict.fromkeys(amounts):
                    total[sigma, amount] += clamped_psnr(combined + amount * detail, target)
        if empty:
            raise ValueError("no validation pairs to fit unsharp masking on")
        return max(total, key=lambda point: total[point])

    def _blur(self, image: Tensor, sigma: Tensor) -> Tensor:
        # A fixed support makes the cost and the graph independent of sigma.
        offsets = torch.arange(-self.radius, self.radius + 1, device=image.device)
        kernel = torch.exp(-0.5 * (offsets.to(image) / sigma.to(image)) ** 2)
        kernel = (kernel / kernel.sum()).expand(3, 1, 1, -1)
        padded = functional.pad(image, [self.radius] * 4, mode="replicate")
        rows = functional.conv2d(padded, kernel, groups=3)
        return functional.conv2d(rows, kernel.transpose(2, 3), groups=3)


class LinearFit(nn.Module):
    """Linear regression, pixel by pixel, from the nine values of the views and 1 to RGB.

    Buffer `weight`: float32 `[3, 10]`, the constant last; the combined view before `fit`.
    """

    weight: Tensor

    def __init__(self) -> None:
        super().__init__()
        weight = torch.zeros(3, _CHANNELS + 1)
        weight[:, 6:9] = torch.eye(3)
        self.register_buffer("weight", weight)

    def forward(
        self,
        x: Tensor,
        *,
        origin: tuple[int, int] | None = None,
        full_size: tuple[int, int] | None = None,
    ) -> Tensor:
        """`[B, 9, H, W]` to `[B, 3, H, W]`, not clamped; the keywords are ignored."""
        kernel = self.weight[:, :-1, None, None].to(x)
        return functional.conv2d(_check(x), kernel, self.weight[:, -1].to(x))

    @torch.no_grad()
    def fit(self, train: Pairs, val: Pairs) -> dict[str, float]:
        """Exact least squares over all pixels of `train`, by normal equations in float64.

        If the views are linearly dependent, the result is the solution of least norm.

        Args:
            train: pairs of input `[1, 9, H, W]` and target `[1, 3, H, W]`; read once.
            val: not used.

        Returns:
            The thirty weights, named `<output>_from_<input>`, e.g. `red_from_left_green`.

        Raises:
            ValueError: `train` is empty.
        """
        size = _CHANNELS + 1
        gram = torch.zeros(size, size, dtype=torch.float64)
        moments = torch.zeros(size, 3, dtype=torch.float64)
        for x, target in train:
            values = _check(x).double().movedim(1, -1).reshape(-1, _CHANNELS)
            values = functional.pad(values, (0, 1), value=1.0)
            gram += (values.T @ values).cpu()
            moments += (values.T @ target.double().movedim(1, -1).reshape(-1, 3)).cpu()
        if not gram.any():
            raise ValueError("no training pairs to fit the linear regression on")
        inverse = torch.linalg.pinv(gram, rtol=_RANK_TOLERANCE, hermitian=True)
        self.weight.copy_((inverse @ moments).T)
        return self._named()

    def _named(self) -> dict[str, float]:
        colors = ("red", "green", "blue")
        inputs = [*(f"{view}_{color}" for view in VIEWS for color in colors), "one"]
        rows = self.weight.tolist()
        return {
            f"{color}_from_{name}": value
            for color, row in zip(colors, rows, strict=True)
            for name, value in zip(inputs, row, strict=True)
        }


def _check(x: Tensor) -> Tensor:
    if x.dim() != 4 or x.shape[1] != _CHANNELS:
        raise ValueError(f"expected [B, {_CHANNELS}, H, W], got {tuple(x.shape)}")
    return x
