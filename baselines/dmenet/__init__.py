"""DMENet: deep defocus map estimation using domain adaptation (Lee et al., CVPR 2019).

Estimates a defocus map from the combined view: stage one of a two-stage method. Written from a
description of the published model. The network has 26.94 M parameters with its auxiliary heads
(25.35 M without) and 2312.05 G multiply-accumulates at 1120x1680; Table 1 prints 26.71 M. It was
not trained on dual-pixel images and is not trained here: it runs with its authors' weights.
"""

from baselines._shared.two_stage import DECONVOLUTION_CHOICES, Choice
from baselines.dmenet.deblurring import DMENetDeblurring, build, load_official
from baselines.dmenet.network import DMENet

VIEWS = ("combined",)
INPUT_BITS = 16
CITATION = (
    "J. Lee, S. Lee, S. Cho and S. Lee, 'Deep Defocus Map Estimation Using Domain Adaptation', "
    "CVPR 2019"
)
LICENCE = "Apache-2.0 (written anew; the authors' program and weights: GNU AGPL-3.0)"
CHOICES = (
    Choice("map to sigma", "max((15 m - 1) / 2, 0) px", known=True),
    Choice("weights", "the authors' later ones; those of their paper are lost", known=True),
    Choice("sides", "padded to multiples of 16; the authors crop", known=False),
    *DECONVOLUTION_CHOICES,
)

__all__ = ["DMENet", "DMENetDeblurring", "build", "load_official"]
