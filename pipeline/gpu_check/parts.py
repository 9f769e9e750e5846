"""The parts of a check, in the order in which they run."""

from __future__ import annotations

from dataclasses import dataclass

MACHINE = "machine"
"""What describes the device; not a part, but runs like one."""


@dataclass(frozen=True)
class Part:
    """One part.

    `title`: heading of its section. `weight`: its share of the time that is left when it starts,
    relative to the parts that have not run yet: what one part leaves over goes to the next ones.
    `gpus`: number of GPUs that it holds; 0 if what it starts takes one for itself.
    """

    name: str
    title: str
    weight: float
    gpus: int = 1


# The table of speeds comes last: it takes whatever is left, and says what it could not measure.
PARTS: dict[str, Part] = {
    part.name: part
    for part in (
        Part("rates", "Rates of plain operations", 1),
        Part("attention", "Attention kernels", 1.5),
        Part("determinism", "Determinism", 3),
        Part("feed", "Feed", 2),
        Part("tests", "Tests marked gpu", 3),
        Part("kill", "Kill drill", 3, gpus=0),
        Part("processes", "Two processes", 1, gpus=2),
        Part("speed", "Speed and memory", 8),
    )
}
