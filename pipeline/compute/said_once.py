"""What all processes of a training have to say is said by one of them."""

from __future__ import annotations

import hashlib
import os
import sys
from datetime import timedelta

_WAIT = timedelta(seconds=5)


def complain(message: str) -> None:
    """Print a line on standard error, unless another process of this training has printed it."""
    if _is_first(message):
        # In one piece, or lines of several processes run into each other.
        print(f"{message}\n", end="", file=sys.stderr, flush=True)


def _is_first(message: str) -> bool:
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return True
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    name = f"said/{hashlib.sha256(message.encode()).hexdigest()}"
    try:
        # The launcher keeps it, however the processes end.
        store = TCPStore(address, port, is_master=False, timeout=_WAIT)
        first: bool = store.add(name, 1) == 1
    except RuntimeError:
        # A launcher that is gone; better twice than never.
        return True
    return first
