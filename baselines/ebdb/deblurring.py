"""EBDB as a method: its map, then deconvolution."""

from __future__ import annotations

from typing import Any

from baselines._shared.two_stage import Floats, TwoStage
from baselines.ebdb.estimation import Propagation, ebdb_map


class EBDB(TwoStage):
    """The edge-based map, then hyper-Laplacian deconvolution with it.

    Args:
        linearize, keep_zeros, propagation: as for `ebdb_map`.
        second_stage: as for `TwoStage`.
    """

    def __init__(
        self,
        *,
        linearize: bool = True,
        keep_zeros: bool = True,
        propagation: Propagation = "domain_transform",
        **second_stage: Any,
    ) -> None:
        super().__init__(**second_stage)
        self.linearize, self.keep_zeros, self.propagation = linearize, keep_zeros, propagation

    def sigma_map(self, image: Floats) -> Floats:
        """See `TwoStage`; up to 5 px."""
        return ebdb_map(
            image,
            linearize=self.linearize,
            keep_zeros=self.keep_zeros,
            propagation=self.propagation,
            eight_bit_map=self.eight_bit,
        )


def build(**kwargs: Any) -> EBDB:
    """The method with the published settings; `kwargs` are those of `EBDB`.

    Raises:
        ValueError: an argument is invalid.
        TypeError: unknown argument.
    """
    return EBDB(**kwargs)
