"""Several training processes at once, as `torchrun` starts them."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

import torch
from torch import multiprocessing

from pipeline.compute.distributed import World, world

CPU = torch.device("cpu")


def run_ranks(function: Callable[..., None], size: int, *arguments: Any) -> None:
    """Call `function(world, *arguments)` in each of `size` processes that gloo connects."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(_one_of, (size, port, function, arguments), size)  # type: ignore[no-untyped-call]


def _one_of(
    rank: int, size: int, port: int, function: Callable[..., None], arguments: tuple[Any, ...]
) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_RANK": str(rank)}
    torch.set_num_threads(1)
    with world(CPU) as together:
        assert together == World(rank, size)
        function(together, *arguments)
