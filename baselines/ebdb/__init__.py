"""EBDB: edge-based defocus blur with adaptive scale selection (Karaali and Jung, TIP 2018).

Estimates a defocus map from one image, without training; then deconvolution. Written from a
description of the authors' program. The edge detector is scikit-image's; the authors' detector
shifts edges by half a pixel, so their published maps can be approximated but not reproduced.
"""

from baselines._shared.two_stage import AS_PUBLISHED, DECONVOLUTION_CHOICES, Choice
from baselines.ebdb.deblurring import EBDB, build
from baselines.ebdb.estimation import SparseBlur, ebdb_map, sparse_blur

VIEWS = ("combined",)
INPUT_BITS = 16
CITATION = (
    "A. Karaali and C. R. Jung, 'Edge-Based Defocus Blur Estimation With Adaptive Scale "
    "Selection', IEEE TIP 27(3), 2018"
)
LICENCE = "Apache-2.0 (written anew; the authors' program: GPL-3.0, later MIT)"
CHOICES = (
    Choice("luma", "BT.601, to the power of 2.4", known=True),
    Choice("reliable edges", "in all Canny maps of sigma 1 to 2.5 of nine", known=True),
    Choice("scale of an edge", "half of the last sigma of its first unbroken run", known=True),
    Choice("edges that no blur explains", "sigma 0, kept as data", known=True),
    Choice("smoothing along edges", "weights of stability, gamma 10", known=True),
    Choice("propagation", "recursive domain-transform filter, guided by itself", known=True),
    Choice("Canny's filters", "scikit-image's: centered, the authors' are not", known=False),
    Choice("smoothing along edges, solver", "one sparse system for all edges", known=False),
    Choice("no edges", "a map of zeros; the authors' divides by 0", known=False),
    *DECONVOLUTION_CHOICES,
)

__all__ = ["AS_PUBLISHED", "EBDB", "SparseBlur", "build", "ebdb_map", "sparse_blur"]
