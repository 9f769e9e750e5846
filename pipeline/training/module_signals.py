"""What a network's modules do to its signals: numbers of each module, at one step."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.errors import UserError

NETWORK = "(network)"
"""Name of the row of the whole network."""


@dataclass(frozen=True)
class ModuleSignals:
    """What one module did in a forward and a backward pass of one batch.

    Standard deviations and the mean are over all elements of the module's first input and output
    tensor; `None` if it was not called, or not given a tensor. A module that is called more than
    once counts all calls.

    Args:
        step: optimizer steps taken before.
        module: dotted name in the network.
        kind: its class.
        leaf: whether it has no modules inside.
        mixes: whether one of its own weights has several axes, as those of convolutions and linear
            layers have, and those of norms and activations don't.
        input_sd, output_sd: standard deviations.
        output_mean: mean of the output.
        gradient_norm: Euclidean norm of the gradients of its parameters, those of modules inside
            included; `None` without parameters.
        weight_norm: the same of the parameters.
        update_ratio: norm of the last optimizer step over that of the weights before it; `None`
            before the first step.
        channels, dead: channels that went through a ReLU inside or right after this module, and how
            many of them were 0 everywhere; `None` without a ReLU.
    """

    step: int
    module: str
    kind: str
    leaf: bool
    mixes: bool
    input_sd: float | None
    output_sd: float | None
    output_mean: float | None
    gradient_norm: float | None
    weight_norm: float | None
    update_ratio: float | None
    channels: int | None
    dead: int | None

    @property
    def ratio(self) -> float | None:
        """Standard deviation of the output over that of the input."""
        if self.output_sd is None or not self.input_sd:
            return None
        return self.output_sd / self.input_sd


@dataclass
class Signals:
    """What was measured of one network.

    `subject`: its method and which weights, in words. `batch`: what was sent through it, in
    words. `modules`: those of each step, step by step. `diverged`: the error that ended the
    training before the last step.
    """

    subject: str
    batch: str
    modules: list[ModuleSignals] = field(default_factory=list)
    diverged: UserError | None = None
