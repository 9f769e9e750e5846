"""Uformer-B (Wang et al., CVPR 2022) with six input channels, for dual-pixel pairs.

Window attention and a feed-forward network with a depthwise convolution (LeFF) in a U-shaped
network. The authors published no weights for dual-pixel pairs; their program has an argument for
the number of input channels, and drops the image residual unless it is three. The order of views is
our choice.
"""

from baselines.uformer.network import (
    CITATION,
    INPUT_BITS,
    LICENCE,
    VIEWS,
    Uformer,
    build,
    load_official,
    official_name,
)

__all__ = [
    "CITATION",
    "INPUT_BITS",
    "LICENCE",
    "VIEWS",
    "Uformer",
    "build",
    "load_official",
    "official_name",
]
