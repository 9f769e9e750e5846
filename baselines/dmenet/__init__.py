"""DMENet: deep defocus map estimation using domain adaptation (Lee et al., CVPR 2019).

A defocus map from one picture, without dual-pixel views; stage one of a two-stage method. Written
from a description of the published model. The network has 26.94 M parameters with its auxiliary
heads (25.35 M without) and 2312.05 G multiply-accumulates at 1120x1680; Table 1 prints 26.71 M.
"""

from baselines.dmenet.network import CITATION, LICENCE, DMENet, build
from baselines.dmenet.official import load_official

__all__ = ["CITATION", "LICENCE", "DMENet", "build", "load_official"]
