"""DMTNet, reconstruction: dynamic multi-scale network for dual-pixel defocus deblurring.

Zhang and Wang, arXiv 2209.06040 (2022). Its authors published neither code nor weights. This
reconstruction meets all ten parameter and FLOP figures of their Table 1; what is stated in the
paper, inferred from those figures or a free choice is marked [P], [F] or [C] in the docstrings.
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
