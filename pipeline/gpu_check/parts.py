"""The parts of a check, in the order in which they run."""

from __future__ import annotations

from dataclasses import dataclass

MACHINE = "machine"
"""What describes the device; not a part, but runs like one."""


@dataclass(frozen=True)
class Part:
    """One part.

    `title`: heading of its section. `share`: most that it may take of the time that is left when
    it starts; what it leaves over goes to the next ones, and the last one may take all. `gpus`:
    number of GPUs that it holds and sees; 0 if what it starts takes its own.
    """

    name: str
    title: str
    share: float
    gpus: int = 1


# The table of speeds comes last: it takes whatever is left, and says what it could not measure.
PARTS: dict[str, Part] = {
    part.name: part
    for part in (
        Part("rates", "Rates of plain operations", 0.15),
        Part("attention", "Attention kernels", 0.15),
        Part("determinism", "Determinism", 0.25),
        Part("feed", "Feed", 0.2),
        Part("tests", "Tests marked gpu", 0.25, gpus=0),
        Part("kill", "Kill drill", 0.3, gpus=0),
        Part("processes", "Two processes", 0.25, gpus=2),
        Part("speed", "Speed and memory", 1),
    )
}
