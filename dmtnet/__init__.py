"""DMTNet, reconstruction: dynamic multi-scale network for dual-pixel defocus deblurring.

Zhang and Wang, arXiv 2209.06040 (2022). Its authors published neither code nor weights. This
reconstruction meets all ten parameter and FLOP figures of their Table 1, with FLOPs counted at
1120x1680: the paper does not state the size, but this one gives its figures. Docstrings mark what
the paper states [P], what is inferred from those figures [F] and what is a free choice [C].
"""

from dmtnet.network import (
    CITATION,
    INPUT_BITS,
    LICENCE,
    VIEWS,
    DMTNet,
    Trace,
    build,
)

__all__ = ["CITATION", "INPUT_BITS", "LICENCE", "VIEWS", "DMTNet", "Trace", "build"]
