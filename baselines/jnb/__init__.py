"""JNB: just noticeable defocus blur by sparse coding (Shi et al., CVPR 2015).

Estimates a defocus map from one image, then deconvolution: with a dictionary learned from blurred
patches, blurred patches need few atoms and sharp patches many. Written from a description of the
published method. Known: the feature and its propagation. Reconstruction: the dictionary, which is
trained anew, and the blur in pixels that a count stands for. The method distinguishes blurs up to
about 2 px.
"""

from baselines._shared.two_stage import AS_PUBLISHED, DECONVOLUTION_CHOICES, Choice
from baselines.jnb.deblurring import JNB, build
from baselines.jnb.dictionary import Dictionary, load_dictionary
from baselines.jnb.estimation import jnb_map

VIEWS = ("combined",)
INPUT_BITS = 16
CITATION = (
    "J. Shi, L. Xu and J. Jia, 'Just Noticeable Defocus Blur Detection and Estimation', CVPR 2015"
)
LICENCE = "Apache-2.0 (written anew; the authors' program and dictionary: non-commercial use only)"
CHOICES = (
    Choice(
        "feature", "atoms of an 8x8 patch down to an error norm of 18.4 gray levels", known=True
    ),
    Choice("most atoms", "64 of 128", known=True),
    Choice("textured pixels", "more than 3 atoms, 2 px inside their region", known=True),
    Choice("propagation", "recursive domain-transform filter, guided by the gray", known=True),
    Choice("full scale of the stored map", "4 px", known=True),
    Choice(
        "dictionary",
        "K-SVD on photographs blurred by 2 px, none of a test split",
        known=False,
    ),
    Choice("count to sigma", "calibrated on the same photographs, 0.25 to 4 px", known=False),
    Choice("sparse coding", "orthogonalized exactly", known=False),
    Choice("joint bilateral filter at the end", "left out", known=False),
    Choice("regions without texture nearby", "the median of the map", known=False),
    *DECONVOLUTION_CHOICES,
)

__all__ = ["AS_PUBLISHED", "JNB", "Dictionary", "build", "jnb_map", "load_dictionary"]
