"""Second stage of the two-stage methods: from an image and its defocus map to a sharp image.

The solver and settings behind the published rows of EBDB, DMENet and JNB are not stated; the
defaults are those that DMENet's authors published later for the same data set.
"""

from baselines._deconvolution.hyper_laplacian import HyperLaplacian
from baselines._deconvolution.iterative import RichardsonLucy, Wiener
from baselines._deconvolution.layers import Solver, deconvolve_layers

__all__ = ["HyperLaplacian", "RichardsonLucy", "Solver", "Wiener", "deconvolve_layers"]
