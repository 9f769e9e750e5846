"""IFAN, dual-pixel variant: iterative filter adaptive network (Lee et al., CVPR 2021).

It has 10.48 M parameters and 739.7 G multiply-accumulates at 1120x1680. Table 1 prints 14.48 M and
855.31 G, which match no published variant (the largest, N = 44, has 13.60 M parameters).
"""

from baselines.ifan.network import (
    CITATION,
    IFAN,
    INPUT_BITS,
    LICENCE,
    UNTRAINED,
    VIEWS,
    build,
)
from baselines.ifan.official import load_official
from baselines.ifan.reblurring import TRAINING_TERMS

__all__ = [
    "CITATION",
    "IFAN",
    "INPUT_BITS",
    "LICENCE",
    "TRAINING_TERMS",
    "UNTRAINED",
    "VIEWS",
    "build",
    "load_official",
]
