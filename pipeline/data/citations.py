"""What to cite for the images of a data set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CANON = (
    "A. Abuolaim and M. S. Brown, 'Defocus Deblurring Using Dual-Pixel Data', ECCV 2020, "
    "pp. 111-126, arXiv:2005.00305"
)
"""The Canon dual-pixel set (DPDD)."""

PHOTOGRAPHS = (
    "S. van der Walt, J. L. Schönberger, J. Nunez-Iglesias, F. Boulogne, J. D. Warner, N. Yager, "
    "E. Gouillart and T. Yu, 'scikit-image: image processing in Python', PeerJ 2, 2014"
)
"""The package whose photographs the synthetic set shows."""

STEREO = (
    "D. Scharstein, H. Hirschmüller, Y. Kitajima, G. Krathwohl, N. Nešić, X. Wang and P. Westling, "
    "'High-Resolution Stereo Datasets with Subpixel-Accurate Ground Truth', GCPR 2014"
)
"""The stereo pair of the synthetic set."""

_SPLITS = ("train", "val", "test")


def dataset_citations(block: Mapping[str, Any]) -> list[str]:
    """The publications behind a data set; empty if none is known.

    Args:
        block: `dataset` of an experiment, as JSON-like data.

    >>> [text.split(",")[0] for text in dataset_citations({"kind": "canon"})]
    ['A. Abuolaim and M. S. Brown']
    """
    if block.get("kind") == "canon":
        return [CANON]
    if block.get("kind") != "synthetic":
        return []
    splits = [block[name] for name in _SPLITS if isinstance(block.get(name), Mapping)]
    found = [PHOTOGRAPHS] if any(split.get("photographs") for split in splits) else []
    return [*found, STEREO] if any(split.get("stereo") for split in splits) else found
