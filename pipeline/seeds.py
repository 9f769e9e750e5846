"""Seeds derived from one main seed, so that each purpose has a stream of its own."""

from __future__ import annotations

import hashlib


def derive_seed(main: int, purpose: str, repetition: int = 0) -> int:
    """A seed in [0, 2**63) that depends on all three arguments and on nothing else.

    Methods share `purpose="data"`, so at one repetition all see the same order of crops.
    """
    text = f"{main}:{purpose}:{repetition}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 1
