"""Dynamic multi-scale sub-reconstruction module and its parts (paper section 3.3, Eq. 14-16)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from dmtnet.activation import PReLU

Selection = Literal["adaptive", "mean", "sum"]


def conv3x3(
    in_channels: int, out_channels: int, *, bias: bool = False, stride: int = 1
) -> nn.Conv2d:
    """A 3x3 convolution with padding 1."""
    return nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=bias)


def add_residual(fresh: Tensor, x: Tensor) -> Tensor:
    """x + F(x), in place: F(x) is the output of a convolution, which no gradient needs."""
    return fresh.add_(x)


class ResidualModule(nn.Module):
    """RM: x + Conv3x3(PReLU(Conv3x3(x))), no bias, one shared PReLU slope.

    Two 3x3 convolutions and PReLU [P]; the residual as in RCAN, no bias, and one PReLU with one
    slope between the two [F].
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv3x3(channels, channels), PReLU(), conv3x3(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same shape."""
        return add_residual(self.body(x), x)


class ResidualBlockModule(nn.Module):
    """RBM: x + Conv3x3(RM_n(... RM_1(x))); 10 RM [P], closing convolution without bias [F]."""

    def __init__(self, channels: int, num_rm: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(ResidualModule(channels) for _ in range(num_rm)), conv3x3(channels, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same shape."""
        return add_residual(self.body(x), x)


class ResidualGroupModule(nn.Module):
    """RGM: x + Conv3x3(RBM_n(... RBM_1(x))); 5 RBM [P], closing convolution without bias [F]."""

    def __init__(self, channels: int, num_rbm: int, num_rm: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(ResidualBlockModule(channels, num_rm) for _ in range(num_rbm)),
            conv3x3(channels, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same shape."""
        return add_residual(self.body(x), x)


class ScaleBranch(nn.Module):
    """One scale of a DMSSRM: down by `factor`, RGM, up by `factor`.

    Down: pixel-unshuffle of the module's input and a 1x1 convolution; up: a 1x1 convolution and
    pixel-shuffle; no bias [F]. Factor 1 is the RGM alone.
    """

    def __init__(self, channels: int, factor: int, num_rbm: int, num_rm: int) -> None:
        super().__init__()
        wide = channels * factor**2
        self.down: nn.Module = nn.Identity()
        self.up: nn.Module = nn.Identity()
        if factor > 1:
            self.down = nn.Sequential(
                nn.PixelUnshuffle(factor), nn.Conv2d(wide, channels, 1, bias=False)
            )
            self.up = nn.Sequential(
                nn.Conv2d(channels, wide, 1, bias=False), nn.PixelShuffle(factor)
            )
        self.rgm = ResidualGroupModule(channels, num_rbm, num_rm)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]`, H and W multiples of the factor, to the same shape."""
        return self.up(self.rgm(self.down(x)))


class SelectionModule(nn.Module):
    """Adaptive selection of scales (Eq. 15-16): one weight per scale and image.

    Global average pooling of the module's input, a 1x1 convolution with bias [F] and a softmax
    over the scales [P].
    """

    def __init__(self, channels: int, num_scales: int) -> None:
        super().__init__()
        # A module, not a function: counters that use hooks see modules only.
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.score = nn.Conv2d(channels, num_scales, 1)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` to weights `[B, num_scales]`, positive, summing to 1."""
        return self.score(self.pool(x)).flatten(1).softmax(1)


class DMSSRM(nn.Module):
    """Dynamic multi-scale sub-reconstruction module (Eq. 14).

    F_i = Conv1x1(sum_j a_j F_sj + F_{i-1}), the convolution with bias [F] and no activation.

    Args:
        channels: CNN channels n.
        num_scales: S; scale j works at 1/2**(j-1) of the resolution, with its own weights [F].
        num_rbm: RBM per RGM.
        num_rm: RM per RBM.
        selection: `adaptive` for Eq. 15-16; `mean` or `sum` fix the weights to 1/S or 1
            (Table 2, method 2; which of the two the authors used is unknown [C]).
    """

    def __init__(
        self, channels: int, num_scales: int, num_rbm: int, num_rm: int, selection: Selection
    ) -> None:
        super().__init__()
        self.fixed_weight = 1.0 if selection == "sum" else 1.0 / num_scales
        self.scales = nn.ModuleList(
            ScaleBranch(channels, 2**level, num_rbm, num_rm) for level in range(num_scales)
        )
        self.selection = SelectionModule(channels, num_scales) if selection == "adaptive" else None
        self.fusion = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Reconstruct one step.

        Args:
            x: F_{i-1}, `[B, C, H, W]`, H and W multiples of 2**(num_scales - 1).

        Returns:
            F_i with the shape of `x`; the selection weights `[B, num_scales]`; the features F_sj
            of every scale, each with the shape of `x`.
        """
        features = [scale(x) for scale in self.scales]
        if self.selection is None:
            weights = x.new_full((x.shape[0], len(features)), self.fixed_weight)
        else:
            weights = self.selection(x)
        total = x
        for column, feature in enumerate(features):
            total = total + weights[:, column, None, None, None] * feature
        return self.fusion(total), weights, features
