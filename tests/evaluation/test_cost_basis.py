"""A `cost_basis` that does not describe the network is refused, whichever way it is wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from torch import Tensor, nn
from torch.nn import functional

from pipeline.errors import ConfigError
from pipeline.evaluation.flops_fvcore import flops_fvcore

Basis = Callable[[int, int], tuple[int, ...]]


class Padded(nn.Module):
    """Nine products a pixel, and one for each pixel of the image padded to whole blocks of 24."""

    def __init__(self, basis: Basis) -> None:
        super().__init__()
        self.plain = nn.Conv2d(1, 1, 3, padding=1)
        self.padded = nn.Conv2d(1, 1, 1)
        self.cost_basis = basis

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        wide = functional.pad(self.plain(x), (0, -width % 24, 0, -height % 24))
        return self.padded(wide)[..., :height, :width]


def up(side: int, step: int) -> int:
    return side + -side % step


RIGHT: dict[str, Basis] = {
    "exact": lambda h, w: (h * w, up(h, 24) * up(w, 24)),
    "with a constant": lambda h, w: (h * w, up(h, 24) * up(w, 24), 1),
    "in other units": lambda h, w: (2 * h * w, up(h, 24) * up(w, 24) // 576),
}
WRONG: dict[str, Basis] = {
    "pixels only": lambda h, w: (h * w,),
    "pixels and a constant": lambda h, w: (h * w, 1),
    "another block": lambda h, w: (h * w, up(h, 16) * up(w, 16)),
    "a coarser block": lambda h, w: (h * w, up(h, 48) * up(w, 48)),
    "sides instead of areas": lambda h, w: (h * w, h + w),
    "one side padded": lambda h, w: (h * w, up(h, 24) * w),
    "swapped sides": lambda h, w: (h * w, up(h, 24) * h),
    "too long an expansion": lambda h, w: (h * w, h + w, 1),
    "dependent values": lambda h, w: (h * w, 2 * h * w),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_one_gives_the_count_of_the_full_run(name: str) -> None:
    counts = [flops_fvcore(Padded(RIGHT[name]), 1, 250, 331, fit=fit) for fit in (True, False)]
    assert counts[0].by_operator == counts[1].by_operator
    assert counts[0].total == 9 * 250 * 331 + 264 * 336


def test_height_and_width_are_not_the_same() -> None:
    class Rows(Padded):
        """Padded below only."""

        def forward(self, x: Tensor) -> Tensor:
            height = x.shape[-2]
            wide = functional.pad(self.plain(x), (0, 0, 0, -height % 24))
            return self.padded(wide)[..., :height, :]

    count = flops_fvcore(Rows(lambda h, w: (h * w, up(h, 24) * w)), 1, 250, 331)
    assert count.total == 9 * 250 * 331 + 264 * 331


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_one_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"Padded\.cost_basis does not describe .*; fix it"):
        flops_fvcore(Padded(WRONG[name]), 1, 250, 331)


class Halved(nn.Conv2d):
    """One product a pixel; its basis counts two for each pixel of the small sizes."""

    def __init__(self, extra: int) -> None:
        super().__init__(1, 1, 1, bias=False)
        self.extra = extra

    def cost_basis(self, height: int, width: int) -> tuple[int, ...]:
        return (2 * height * width + (self.extra if height > 192 else 0),)


@pytest.mark.parametrize("extra", [1, -4 * 200 * 200])
def test_counts_at_the_full_size_are_whole_and_not_negative(extra: int) -> None:
    assert flops_fvcore(Halved(2), 1, 200, 200).total == 200 * 200 + 1
    with pytest.raises(ConfigError, match="not a whole number"):
        flops_fvcore(Halved(extra), 1, 200, 200)
