"""Learning-rate schedule: a pure function of the step, so a resumed run needs no extra state."""

from __future__ import annotations

import math


def learning_rate(step: int, steps: int, warmup: int, peak: float, final: float) -> float:
    """Linear warm-up, then one cosine from `peak` to `final` (paper 4.2: cosine annealing).

    Args:
        step: index of the coming optimizer step, from 0.
        steps: optimizer steps in all.
        warmup: how many of them warm up; 0 starts at `peak`.
        peak, final: learning rates.
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return final + 0.5 * (peak - final) * (1 + math.cos(math.pi * min(1.0, progress)))
