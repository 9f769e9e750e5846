"""Gradients of half precision, and what happens when numbers stop being finite."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pipeline.config.blocks import Compute
from pipeline.errors import UserError

MAX_SKIPPED = 20
"""Steps skipped in a row that end a training: the scale has then fallen from 65536 below 1."""


class NonFinite(UserError):
    """A training whose loss or gradient is infinite or not a number; no weight was changed."""


class Scaler:
    """Scales the loss so that small gradients do not vanish in float16; else does nothing.

    A step whose gradients overflow is skipped and the scale is halved; 2000 good steps in a row
    double it (PyTorch's `GradScaler` with its defaults).

    Args:
        compute: precision.
        device: where the gradients are.
    """

    def __init__(self, compute: Compute, device: torch.device) -> None:
        self.enabled = compute.precision == "float16"
        self.skipped = 0
        self._scaler = torch.amp.GradScaler(device.type, enabled=self.enabled)
        # Its first use initializes it, and a process may have no loss to scale.
        self._scaler.scale(torch.zeros((), device=device))

    def scale(self, loss: Tensor) -> Tensor:
        """The loss to take the gradient of."""
        return self._scaler.scale(loss)

    def unscale_(self, optimizer: torch.optim.Optimizer) -> None:
        """Give the gradients their own size, once per step."""
        self._scaler.unscale_(optimizer)

    def step(self, optimizer: torch.optim.Optimizer, *, finite: bool) -> bool:
        """Take or skip the step, and adapt the scale.

        Args:
            optimizer: with unscaled gradients.
            finite: whether the norm of its gradients is.

        Returns:
            Whether it was taken.
        """
        if finite:
            self._scaler.step(optimizer)
        self._scaler.update()
        self.skipped = 0 if finite else self.skipped + 1
        return finite

    def state_dict(self) -> dict[str, Any]:
        """Scale, and steps skipped in a row."""
        return {"scaler": self._scaler.state_dict(), "skipped": self.skipped}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned, of the same precision."""
        self._scaler.load_state_dict(state["scaler"])
        self.skipped = state["skipped"]
