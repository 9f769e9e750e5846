"""The U-shaped network: Uformer with six input channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines._shared.official_weights import Published, load_named
from baselines.uformer.blocks import Block

VIEWS = ("left", "right")
INPUT_BITS = 16
CITATION = (
    "Z. Wang, X. Cun, J. Bao, W. Zhou, J. Liu and H. Li, 'Uformer: A General U-Shaped Transformer "
    "for Image Restoration', CVPR 2022, arXiv:2106.03106"
)
LICENCE = "Apache-2.0 (own implementation; the authors' program is under the MIT licence)"

Padding = Literal["square", "rectangle"]

_WINDOW = 8


class Uformer(nn.Module):
    """Uformer with six input channels and no image residual. The defaults are Uformer-B.

    Args:
        embed_dim: C of the first stage; doubled at each level of the encoder.
        depths: numbers of blocks of the encoder's stages, the bottleneck and the decoder's stages.
        num_heads: numbers of heads of the same stages.
        ratio: hidden width of LeFF over C.
        drop_path: largest probability of stochastic depth, which rises from 0 in the encoder and
            falls back to 0 in the decoder.
        img_size: nominal side of the input. A stage whose nominal side is at most that of a window
            has no shift, at any size of the input: at 128, as in the authors' test program for
            GoPro, this is the bottleneck; at 256, as in their training for GoPro, no stage.
        padding: `square` centers the image in the smallest square of zeros whose side is a multiple
            of the window at the bottleneck (128 pixels for Uformer-B), as the authors' test program
            does; `rectangle`, our extension, in the smallest such rectangle. Both give the same
            result if that rectangle is a square.

    Raises:
        ValueError: the lists differ in length or have an even length, a width is not a multiple of
            its heads, `img_size` cannot be halved often enough, or `padding` is unknown.
    """

    def __init__(
        self,
        *,
        embed_dim: int = 32,
        depths: Sequence[int] = (1, 2, 8, 8, 2, 8, 8, 2, 1),
        num_heads: Sequence[int] = (1, 2, 4, 8, 16, 16, 8, 4, 2),
        ratio: int = 4,
        drop_path: float = 0.1,
        img_size: int = 256,
        padding: Padding = "square",
    ) -> None:
        super().__init__()
        levels = len(depths) // 2
        widths = [embed_dim * 2**level for level in range(levels + 1)]
        # A decoder stage gets the up-sampled features and as many from the encoder.
        widths += [2 * width for width in reversed(widths[:-1])]
        _check(depths, num_heads, widths, img_size, padding)
        self.padding = padding
        self.multiple = _WINDOW * 2**levels
        drops = [
            *_ramp(0, drop_path, sum(depths[:levels])),
            *[drop_path] * depths[levels],
            *_ramp(drop_path, 0, sum(depths[levels + 1 :])),
        ]
        self.stages = nn.ModuleList()
        for number, (depth, heads, width) in enumerate(zip(depths, num_heads, widths, strict=True)):
            nominal = img_size // 2 ** min(number, 2 * levels - number)
            shift = _WINDOW // 2 if nominal > _WINDOW else 0
            window = min(_WINDOW, nominal)
            blocks = [
                Block(
                    width,
                    heads,
                    window,
                    shift * (index % 2),
                    modulated=number > levels,
                    ratio=ratio,
                    drop=drops.pop(0),
                )
                for index in range(depth)
            ]
            self.stages.append(nn.Sequential(*blocks))
        self.embedding = nn.Conv2d(3 * len(VIEWS), embed_dim, 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(width, 2 * width, 4, 2, 1) for width in widths[:levels])
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(source, target // 2, 2, 2)
            for source, target in zip(widths[levels:-1], widths[levels + 1 :], strict=True)
        )
        self.output = nn.Conv2d(2 * embed_dim, 3, 3, padding=1)
        self.apply(_initialize)

    def forward(
        self,
        x: Tensor,
        *,
        origin: tuple[int, int] | None = None,
        full_size: tuple[int, int] | None = None,
    ) -> Tensor:
        """Deblur; the image is padded according to `padding` and the result is cropped.

        Args:
            x: `[B, 6, H, W]`, left view then right view, RGB in [0, 1], any H and W.
            origin, full_size: part of the method contract; this network does not depend on them.

        Returns:
            `[B, 3, H, W]`, RGB, not clamped.

        Raises:
            ValueError: the number of channels is wrong.
        """
        if x.dim() != 4 or x.shape[1] != 3 * len(VIEWS):
            raise ValueError(f"expected [B, {3 * len(VIEWS)}, H, W], got {tuple(x.shape)}")
        height, width = x.shape[-2:]
        rows, columns = self._canvas(height, width)
        top, left = (rows - height) // 2, (columns - width) // 2
        pad = (left, columns - width - left, top, rows - height - top)
        padded = functional.pad(x, pad) if any(pad) else x
        features = _tokens(functional.leaky_relu(self.embedding(padded), 0.01))
        skips = []
        for down, stage in zip(self.down, self.stages, strict=False):
            features = stage(features)
            skips.append(features)
            features = _tokens(down(features.permute(0, 3, 1, 2)))
        features = self.stages[len(self.down)](features)
        for up, stage in zip(self.up, self.stages[len(self.down) + 1 :], strict=True):
            raised = _tokens(up(features.permute(0, 3, 1, 2)))
            features = stage(torch.cat([raised, skips.pop()], dim=-1))
            del raised
        restored: Tensor = self.output(features.permute(0, 3, 1, 2))
        return restored[..., top : top + height, left : left + width].contiguous()

    def cost_basis(self, height: int, width: int) -> tuple[int, ...]:
        """Every operation count is a multiple of the padded image's number of pixels."""
        rows, columns = self._canvas(height, width)
        return (rows * columns,)

    def _canvas(self, height: int, width: int) -> tuple[int, int]:
        rows, columns = (side + -side % self.multiple for side in (height, width))
        side = max(rows, columns)
        return (side, side) if self.padding == "square" else (rows, columns)


def _tokens(images: Tensor) -> Tensor:
    return images.permute(0, 2, 3, 1).contiguous()


def _check(
    depths: Sequence[int],
    num_heads: Sequence[int],
    widths: Sequence[int],
    img_size: int,
    padding: str,
) -> None:
    if len(depths) != len(num_heads) or len(depths) % 2 == 0 or len(depths) < 3:
        raise ValueError("depths and num_heads must be lists of the same odd length, at least 3")
    for width, heads in zip(widths, num_heads, strict=True):
        if width % heads:
            raise ValueError(f"a stage of {width} channels cannot have {heads} num_heads")
    parts = 2 ** (len(depths) // 2)
    if img_size < parts or img_size % parts:
        raise ValueError(f"img_size {img_size} is not a multiple of {parts}")
    if padding not in ("square", "rectangle"):
        raise ValueError(f"padding must be one of square, rectangle, not {padding!r}")


def _ramp(first: float, last: float, count: int) -> list[float]:
    return [first + (last - first) * index / max(count - 1, 1) for index in range(count)]


def _initialize(module: nn.Module) -> None:
    # As in the authors' program; convolutions keep PyTorch's defaults, modulators are normal(0, 1).
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)


def build(**kwargs: Any) -> Uformer:
    """Uformer-B for dual-pixel pairs; `kwargs` override constructor arguments.

    Raises:
        ValueError: the constructor rejects an argument.
        TypeError: unknown argument.
    """
    return Uformer(**kwargs)


def load_official(state: Published, **kwargs: Any) -> Uformer:
    """Uformer-B with weights of the authors' program for six input channels.

    Args:
        state: the entry `state_dict` of a checkpoint: arrays or tensors by the authors' names.
        kwargs: as for `build`; `img_size` changes the result, not the names.

    Raises:
        ValueError: an entry is missing, unknown or of another shape.
    """
    network = build(**kwargs)
    names = {name: official_name(name, len(network.down)) for name in network.state_dict()}
    return load_named(network, state, names, derived=("relative_position_index",))


_OFFICIAL_PARTS = {
    "attention.to_q": "attn.qkv.to_q",
    "attention.to_kv": "attn.qkv.to_kv",
    "attention.proj": "attn.proj",
    "attention.bias_table": "attn.relative_position_bias_table",
    "attention.modulator": "modulator.weight",
    "feed_forward.linear1": "mlp.linear1.0",
    "feed_forward.depthwise": "mlp.dwconv.0",
    "feed_forward.linear2": "mlp.linear2.0",
}
_OFFICIAL_SAMPLERS = {"down": "dowsample_{}.conv.0", "up": "upsample_{}.deconv.0"}


def official_name(name: str, levels: int = 4) -> str:
    """The authors' name for a parameter of a `Uformer` with `levels` levels (4 in Uformer-B)."""
    head, rest = name.split(".", 1)
    if head in ("embedding", "output"):
        return f"{'input' if head == 'embedding' else 'output'}_proj.proj.0.{rest}"
    index, rest = rest.split(".", 1)
    if head in ("down", "up"):
        return f"{_OFFICIAL_SAMPLERS[head].format(index)}.{rest}"
    number = int(index)
    stage = f"encoderlayer_{number}" if number < levels else f"decoderlayer_{number - levels - 1}"
    block, rest = rest.split(".", 1)
    for part, official in _OFFICIAL_PARTS.items():
        rest = rest.replace(part, official)
    return f"{'conv' if number == levels else stage}.blocks.{block}.{rest}"
