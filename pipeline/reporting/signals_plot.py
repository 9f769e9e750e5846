"""Plot of a network's signals: size of activations, gradients and updates, module by module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import ConfigError
from pipeline.files import atomic_file, need_writable

if TYPE_CHECKING:
    from pipeline.training.module_signals import ModuleSignals, Signals

_UNDATED: dict[str, dict[str, Any]] = {
    ".png": {"metadata": {"Software": None}, "dpi": 150},
    ".svg": {"metadata": {"Date": None}},
    ".pdf": {"metadata": {"CreationDate": None, "ModDate": None}},
}
_STYLE = {"svg.hashsalt": "dmtbench", "font.size": 8.0, "text.parse_math": False}
_MOST_GROUPS = 28
_PANELS: tuple[tuple[str, Callable[[ModuleSignals], float | None]], ...] = (
    ("standard deviation\nof the output", lambda one: one.output_sd),
    ("norm of the gradient", lambda one: one.gradient_norm),
    ("last update\nover weights", lambda one: one.update_ratio),
)


def check_plot(path: Path | None) -> None:
    """Check, before long work, that a plot can be written.

    Raises:
        ConfigError: the ending is unknown.
        DataError: the folder is read-only.
    """
    if path is None:
        return
    if path.suffix not in _UNDATED:
        raise ConfigError(f"{path}: a plot ends in {', '.join(_UNDATED)}")
    need_writable(path.parent)


def plot_signals(signals: Signals, path: Path) -> None:
    """Draw the layers that have weights, in the network's order, one line for each step.

    Panels: standard deviation of the output, norm of the gradient, and the last update over the
    weights if there was one. The same signals give the same bytes.

    Raises:
        ConfigError: the ending of `path` is unknown.
        DataError: the folder is read-only or full.
    """
    from matplotlib import colormaps, rc_context
    from matplotlib.figure import Figure

    check_plot(path)
    layers = [one for one in signals.modules if one.leaf and one.gradient_norm is not None]
    steps = {step: [*group] for step, group in groupby(layers, key=lambda one: one.step)}
    panels = [
        (title, value) for title, value in _PANELS if any(value(one) is not None for one in layers)
    ]
    style: Any = _STYLE
    with rc_context(style):
        figure = Figure(figsize=(11, 1.2 + 2.2 * len(panels)), layout="constrained")
        rows = [*figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]]
        colors = colormaps["viridis"].resampled(len(steps) + 1)
        for axes, (title, value) in zip(rows, panels, strict=True):
            for place, (step, group) in enumerate(steps.items()):
                heights = [value(one) for one in group]
                axes.plot(
                    [height or float("nan") for height in heights],
                    *(".-",),
                    color=colors(place),
                    lw=0.8,
                    ms=3,
                    label=f"{step} steps",
                )
            axes.set_yscale("log")
            axes.set_ylabel(title)
            axes.grid(axis="y", color="0.9")
        _name_groups(rows, [one.module for one in next(iter(steps.values()))])
        rows[0].set_title(f"{signals.subject}; {signals.batch}", loc="left")
        rows[0].legend(ncols=len(steps), loc="best", frameon=False)
        with atomic_file(path) as temporary:
            figure.savefig(temporary, format=path.suffix[1:], **_UNDATED[path.suffix])


def _name_groups(rows: Sequence[Any], names: Sequence[str]) -> None:
    groups = group_names(names)
    starts = [
        place for place in range(len(groups)) if not place or groups[place - 1] != groups[place]
    ]
    ends = [*starts[1:], len(groups)]
    for axes in rows:
        for start in starts[1:]:
            axes.axvline(start - 0.5, color="0.85", lw=0.6, zorder=0)
    middles = [(start + end - 1) / 2 for start, end in zip(starts, ends, strict=True)]
    rows[-1].set_xticks(middles, [groups[start] for start in starts], rotation=90)


def group_names(names: Sequence[str], most: int = _MOST_GROUPS) -> list[str]:
    """For each name, the first parts of it that name its group; neighbors share them.

    The largest group is divided as long as there are no more than `most`.

    >>> group_names(["a.0.x", "a.0.y", "a.1.x", "b"], most=3)
    ['a.0', 'a.0', 'a.1', 'b']
    """
    depths = dict.fromkeys(names, 1)
    while True:
        groups = [".".join(name.split(".")[: depths[name]]) for name in names]
        count = {group: groups.count(group) for group in groups}
        largest = max(count, key=lambda group: count[group])
        inside = [name for name, group in zip(names, groups, strict=True) if group == largest]
        finer = {".".join(name.split(".")[: depths[name] + 1]) for name in inside}
        if count[largest] == 1 or len(count) - 1 + len(finer) > most:
            return groups
        for name in inside:
            depths[name] += 1
