"""What a training costs in forward passes."""

from __future__ import annotations

FORWARD_AND_BACKWARD = 3
"""Forward passes that a training step costs: one, one for gradients of inputs, one of weights."""
