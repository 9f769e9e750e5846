"""Meeting point of the processes of one training, which only this machine can reach.

`torchrun --standalone` listens on every network interface, without a password. Here the store is
given a socket that is bound to the loopback address.
"""

from __future__ import annotations

import socket
from collections.abc import MutableMapping

import psutil  # type: ignore[import-untyped]
from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]
from torch.distributed.elastic.rendezvous import (
    RendezvousHandler,
    RendezvousInfo,
    RendezvousParameters,
    RendezvousStoreInfo,
    rendezvous_handler_registry,
)
from torch.distributed.elastic.rendezvous.static_tcp_rendezvous import StaticTCPRendezvous

BACKEND = "dmtbench-loopback"
_ADDRESS = "127.0.0.1"
_INTERFACES = ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME")
_TIMEOUT_S = 300


class LoopbackRendezvous(StaticTCPRendezvous):
    """The rendezvous of a single machine; its store listens on the loopback address only."""

    def __init__(self, run_id: str) -> None:
        listener = socket.create_server((_ADDRESS, 0))
        port = listener.getsockname()[1]
        self._listening = TCPStore(
            _ADDRESS,
            port,
            is_master=True,
            wait_for_workers=False,
            multi_tenant=True,
            master_listen_fd=listener.detach(),
        )
        super().__init__(_ADDRESS, port, 0, 1, run_id, _TIMEOUT_S)

    def get_backend(self) -> str:
        """Name of this kind of rendezvous."""
        return BACKEND

    def next_rendezvous(self) -> RendezvousInfo:
        """The only node, and where its processes meet."""
        meeting = RendezvousStoreInfo(self.master_addr, self.master_port)
        return RendezvousInfo(PrefixStore(self.run_id, self._listening), 0, 1, meeting)


def register(environment: MutableMapping[str, str]) -> list[str]:
    """Make the rendezvous known to `torchrun`; return the options that select it.

    Args:
        environment: gets the interface for connections between the processes, unless it has one.
    """
    rendezvous_handler_registry.register(BACKEND, _create)
    for name, addresses in psutil.net_if_addrs().items():
        if any(known.address == _ADDRESS for known in addresses):
            for variable in _INTERFACES:
                environment.setdefault(variable, name)
    return ["--nnodes", "1", "--rdzv-backend", BACKEND, "--rdzv-endpoint", f"{_ADDRESS}:0"]


def _create(parameters: RendezvousParameters) -> RendezvousHandler:
    return LoopbackRendezvous(parameters.run_id)
