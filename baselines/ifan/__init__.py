"""IFAN, dual-pixel variant: iterative filter adaptive network (Lee et al., CVPR 2021)."""

from baselines.ifan.network import (
    CITATION,
    IFAN,
    INPUT_BITS,
    LICENCE,
    UNTRAINED,
    VARIANTS,
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
    "VARIANTS",
    "VIEWS",
    "build",
    "load_official",
]
