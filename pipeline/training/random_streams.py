"""Random streams of a training: one for each process, saved and restored with its state.

They are what a network draws from while it learns, such as the masks of dropout and drop-path.
"""

from __future__ import annotations

from typing import Any

import torch

from pipeline.seeds import derive_seed


def begin_stream(rank: int) -> None:
    """Give this process a stream of its own.

    To be called once the network is initialized: all processes do that from one seed, so that
    their weights agree. From then on, equal streams would give all parts of a batch the same
    masks. The main process keeps the stream it has, so that a training in one process draws what it
    always has.

    Args:
        rank: of this process.
    """
    if rank:
        torch.manual_seed(derive_seed(torch.initial_seed(), "process", rank))


def stream_state(device: torch.device) -> dict[str, Any]:
    """State of this process's generators: the CPU's, and its own device's.

    Other devices that it may see belong to other processes.
    """
    own = [torch.cuda.get_rng_state(device)] if device.type == "cuda" else []
    return {"cpu": torch.get_rng_state(), "cuda": own}


def resume_stream(
    states: list[dict[str, Any]], *, rank: int, size: int, step: int, device: torch.device
) -> None:
    """Continue the stream of this process, after `begin_stream`.

    What was not saved continues as a new stream, derived from seed, rank and step: everything
    after a change of the number of processes, and the device's generator after a training on
    another kind of device. To repeat the first one would draw the same masks again.

    Args:
        states: what `stream_state` returned in each process of the earlier run.
        rank: of this process.
        size: number of processes now.
        step: optimizer steps taken.
        device: of this process.
    """
    torch.manual_seed(derive_seed(torch.initial_seed(), f"resumed at step {step}", rank))
    if len(states) != size:
        return
    restore_stream(states[rank], device)


def restore_stream(state: dict[str, Any], device: torch.device) -> None:
    """Continue where `stream_state` was asked; a generator that it does not hold is left alone."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and len(state["cuda"]) == 1:
        torch.cuda.set_rng_state(state["cuda"][0], device)
