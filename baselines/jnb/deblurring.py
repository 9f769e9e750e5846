"""JNB as a method: its map, then deconvolution."""

from __future__ import annotations

from typing import Any

from baselines._shared.two_stage import Floats, TwoStage
from baselines.jnb.estimation import jnb_map
from baselines.jnb.feature import PATCH


class JNB(TwoStage):
    """The map from atom counts, then hyper-Laplacian deconvolution with it.

    Args:
        mask_threshold, joint_filter, stride, max_atoms: as for `jnb_map`.
        second_stage: as for `TwoStage`.
    """

    def __init__(
        self,
        *,
        mask_threshold: int | None = 3,
        joint_filter: bool = False,
        stride: int = 1,
        max_atoms: int = PATCH**2,
        **second_stage: Any,
    ) -> None:
        super().__init__(**second_stage)
        self.mask_threshold, self.joint_filter = mask_threshold, joint_filter
        self.stride, self.max_atoms = stride, max_atoms

    def sigma_map(self, image: Floats) -> Floats:
        """See `TwoStage`; 0.25 to 4 px."""
        return jnb_map(
            image,
            mask_threshold=self.mask_threshold,
            joint_filter=self.joint_filter,
            stride=self.stride,
            max_atoms=self.max_atoms,
            eight_bit_map=self.eight_bit,
            progress=self.progress,
        )


def build(**kwargs: Any) -> JNB:
    """The method with the published settings; `kwargs` are those of `JNB`.

    Raises:
        ValueError: an argument is invalid.
        TypeError: unknown argument.
    """
    return JNB(**kwargs)
