"""Seeds derived from one main seed, so that each purpose has an independent random stream."""

from __future__ import annotations

import hashlib


def derive_seed(main: int, purpose: str, repetition: int = 0) -> int:
    """A seed in [0, 2**63) that depends only on the three arguments.

    All methods use `purpose="data"` for crops, so in one repetition they see the same crop order.

    Args:
        main: main seed of the experiment.
        purpose: what the seed is for.
        repetition: number of the repetition, from 0.

    >>> derive_seed(2022, "data")
    8682029219233925363
    """
    text = f"{main}:{purpose}:{repetition}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 1
