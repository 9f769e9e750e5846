"""Convolutional LSTM as Keras 2 computes it (Shi et al., NeurIPS 2015, without peepholes)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines._shared.unet import he_normal_

GATES = 4


class ConvLSTM(nn.Module):
    """ConvLSTM of 3x3 convolutions; the channels hold the gates i, f, c, o in this order.

    Per frame t, with hs(v) = clip(0.2 v + 0.5, 0, 1):
    z = W_x * x_t + W_h * h_{t-1} + b; C_t = hs(z_f) C_{t-1} + hs(z_i) tanh(z_c);
    h_t = hs(z_o) tanh(C_t). h and C start at zero.

    Initialization: He-normal input weights, orthogonal recurrent weights, bias 1 for f and 0 for
    the other gates. The convolution of the zero state is computed, as in Keras.

    Args:
        channels: channels of input, state and output.
        dropout: probability of dropping an input value in training: one mask per gate, kept for
            the whole sequence.
    """

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.input = nn.Conv2d(channels, GATES * channels, 3, padding=1, bias=False)
        self.recurrent = nn.Conv2d(channels, GATES * channels, 3, padding=1, bias=False)
        self.bias = nn.Parameter(torch.empty(GATES * channels))
        he_normal_(self.input.weight)
        nn.init.orthogonal_(self.recurrent.weight)
        nn.init.zeros_(self.bias)
        nn.init.ones_(self.bias.chunk(GATES)[1])

    def forward(self, frames: Tensor) -> Tensor:
        """All h_t: `[B, T, channels, H, W]` to the same shape."""
        masks = self._masks(frames[:, 0])
        hidden = cell = torch.zeros_like(frames[:, 0])
        outputs = []
        for frame in frames.unbind(1):
            z = self._project(frame, masks) + self.recurrent(hidden)
            z = z + self.bias[:, None, None]
            enter, keep, candidate, leave = z.chunk(GATES, dim=1)
            cell = _gate(keep) * cell + _gate(enter) * candidate.tanh()
            hidden = _gate(leave) * cell.tanh()
            outputs.append(hidden)
        return torch.stack(outputs, dim=1)

    def _masks(self, like: Tensor) -> list[Tensor]:
        if not self.training or not self.dropout:
            return []
        return [functional.dropout(torch.ones_like(like), self.dropout) for _ in range(GATES)]

    def _project(self, frame: Tensor, masks: list[Tensor]) -> Tensor:
        if not masks:
            return self.input(frame)
        weights = self.input.weight.chunk(GATES)
        pairs = zip(masks, weights, strict=True)
        gates = [functional.conv2d(frame * mask, weight, padding=1) for mask, weight in pairs]
        return torch.cat(gates, dim=1)


def _gate(values: Tensor) -> Tensor:
    # Keras 2's hard sigmoid; PyTorch's has a slope of 1/6.
    return (0.2 * values + 0.5).clamp(0, 1)
