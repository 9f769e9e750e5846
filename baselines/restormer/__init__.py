"""Restormer (Zamir et al., CVPR 2022), its model for dual-pixel defocus deblurring.

Attention between channels instead of pixels (MDTA) and a gated feed-forward network (GDFN) in a
U-shaped network of four levels. Written from a description of the published model; the authors'
program has a license for non-commercial use, and no part of it is used here.
"""

from baselines.restormer.network import (
    CITATION,
    INPUT_BITS,
    LICENCE,
    VIEWS,
    Restormer,
    build,
    load_official,
    official_name,
)

__all__ = [
    "CITATION",
    "INPUT_BITS",
    "LICENCE",
    "VIEWS",
    "Restormer",
    "build",
    "load_official",
    "official_name",
]
