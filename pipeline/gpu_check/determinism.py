"""Part `determinism`: is a training repeatable, and what does the switch cost?"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline.gpu_check.meter import Meter, ran_out_of_memory
from pipeline.gpu_check.rows import DeterminismRow, Planned
from pipeline.gpu_check.setting import RATE, Setting, Subject

STEPS = 4
"""Steps of each training; the first one is not timed."""

_WARNING = " does not have a deterministic implementation"


@dataclass(frozen=True)
class Short:
    """A short training: SHA-256 of its weights, seconds of its fastest step, what warned."""

    digest: str
    seconds: float
    warned: set[str]


def run(setting: Setting) -> Iterator[Planned | DeterminismRow]:
    """Train every network twice with the switch and twice without."""
    yield Planned(names=tuple(subject.name for subject in setting.subjects))
    for subject in setting.subjects:
        try:
            yield measured(setting, subject)
        except Exception as error:
            if not ran_out_of_memory(error):
                raise
            yield DeterminismRow(name=subject.name, method=subject.name)


def measured(setting: Setting, subject: Subject) -> DeterminismRow:
    """Train one network twice with the switch and twice without."""
    on, off = (
        [short_training(setting, subject, deterministic=wanted) for _ in range(2)]
        for wanted in (True, False)
    )
    return DeterminismRow(
        name=subject.name,
        method=subject.name,
        same=on[0].digest == on[1].digest,
        same_off=off[0].digest == off[1].digest,
        warned=tuple(sorted(on[0].warned | on[1].warned)),
        on_s=min(short.seconds for short in on),
        off_s=min(short.seconds for short in off),
    )


def short_training(setting: Setting, subject: Subject, *, deterministic: bool) -> Short:
    """Train for a few steps on one crop, from the same seed at every call."""
    device = setting.prepare(deterministic=deterministic)
    meter = Meter(device)
    meter.start_peak()
    train_step = subject.train_step(setting.compute(deterministic=deterministic), device)
    batch = subject.batch(1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        times = [
            meter.seconds(lambda: train_step.step(batch, 1, RATE, "the check"))
            for _ in range(STEPS)
        ]
    digest = hashlib.sha256()
    for value in train_step.network.state_dict().values():
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return Short(digest.hexdigest(), min(times[1:]), operations_in(caught))


def operations_in(caught: Iterable[warnings.WarningMessage]) -> set[str]:
    """The operations that PyTorch names in its warnings about determinism."""
    messages = [str(each.message) for each in caught]
    return {text.partition(_WARNING)[0] for text in messages if _WARNING in text}
