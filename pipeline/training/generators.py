"""State of the random generators that a network may draw from: PyTorch's.

The order of the data has generators of its own, which follow from seed and epoch.
"""

from __future__ import annotations

from typing import Any

import torch


def random_state() -> dict[str, Any]:
    """Of the processor's generator, and of each CUDA device's."""
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": devices}


def restore(state: dict[str, Any]) -> None:
    """Put every generator where it was; of another number of devices, only the processor's."""
    torch.set_rng_state(state["cpu"])
    if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
