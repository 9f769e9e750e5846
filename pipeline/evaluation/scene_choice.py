"""Which test scenes Figure 4 shows: chosen by their scores, so that nobody picks them by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Choice:
    """A scene, and in words why it was chosen."""

    scene: str
    why: str


def choose_scenes(
    scores: Mapping[str, Mapping[str, float]], blurred: Mapping[str, float] | None
) -> list[Choice]:
    """The scenes on which methods gain most, typically (the median scene) and least.

    The gain of a scene is the median over the methods of their PSNR minus the input's. Without
    methods, or without the input, it is the PSNR itself. Of equal scenes, the first counts.

    Args:
        scores: PSNR (dB) of each method, without the input, by scene.
        blurred: PSNR of the input by scene; `None` if it was not scored.

    Returns:
        Three scenes, or all of them if there are fewer.

    >>> scores = {"a": {"x": 21.0, "y": 24.0, "z": 25.5}}
    >>> for one in choose_scenes(scores, {"x": 20.0, "y": 20.0, "z": 20.0}):
    ...     print(one.scene, "-", one.why)
    z - largest gain over the input: 5.50 dB (median over methods; 3 scenes)
    y - median gain over the input: 4.00 dB (median over methods; 3 scenes)
    x - smallest gain over the input: 1.00 dB (median over methods; 3 scenes)
    """
    gain = bool(scores) and blurred is not None
    columns = [*scores.values()] or ([blurred] if blurred is not None else [])
    if not columns:
        return []
    known = [name for name in columns[0] if all(name in column for column in columns)]
    floor = blurred if gain and blurred is not None else dict.fromkeys(known, 0.0)
    values = {
        name: median(column[name] for column in columns) - floor[name]
        for name in known
        if name in floor
    }
    ordered = sorted(values, key=lambda name: -values[name])
    places = dict.fromkeys((0, len(ordered) // 2, len(ordered) - 1)) if ordered else {}
    words = ("largest", "median", "smallest") if len(places) == 3 else ("largest", "smallest")
    what = "gain over the input" if gain else "PSNR"
    return [
        Choice(
            ordered[place],
            f"{word} {what}: {_signed(values[ordered[place]])} dB "
            f"(median over methods; {len(values)} scenes)",
        )
        for place, word in zip(places, words, strict=False)
    ]


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")
