"""Plot of a network's signals: size of activations, gradients and updates, module by module."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import ConfigError
from pipeline.files import need_writable
from pipeline.reporting.style import ENDINGS, FONT, figure_style, map_colors, save_as

if TYPE_CHECKING:
    from pipeline.training.module_signals import ModuleSignals, Signals

_MOST_GROUPS = 24
_WIDTH, _LABEL = 11.0, 0.15
"""Inches: width of the figure, and of a label that stands upright."""

_Value = Callable[["ModuleSignals"], float | None]
_PANELS: tuple[tuple[str, _Value], ...] = (
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
    if path.suffix not in ENDINGS:
        raise ConfigError(f"{path}: a plot ends in {', '.join(ENDINGS)}")
    need_writable(path.parent)


def plot_signals(signals: Signals, path: Path) -> None:
    """Draw convolutions and linear layers in the network's order, one line for each step.

    Panels: standard deviation of the output, norm of the gradient, and the last update over the
    weights if there was one. The same signals give the same bytes.

    Raises:
        ConfigError: the ending of `path` is unknown.
        DataError: the folder is read-only or full.
    """
    from matplotlib.figure import Figure

    check_plot(path)
    layers = [one for one in signals.modules if one.leaf and one.mixes]
    panels = [
        (title, value) for title, value in _PANELS if any(value(one) is not None for one in layers)
    ]
    with figure_style():
        figure = Figure(figsize=(_WIDTH, 1.6 + 2 * len(panels)), layout="constrained")
        rows = [*figure.subplots(max(1, len(panels)), sharex=True, squeeze=False)[:, 0]]
        for axes, (title, value) in zip(rows, panels, strict=False):
            _draw(axes, layers, value)
            axes.set_ylabel(title)
        rows[0].set_title(f"{signals.subject}; {signals.batch}", loc="left")
        if layers:
            rows[0].legend(ncols=8, loc="lower right", bbox_to_anchor=(1, 1), frameon=False)
            _name_groups(rows, [one.module for one in layers if one.step == layers[0].step])
        save_as(figure, path)


def _draw(axes: Any, layers: Sequence[ModuleSignals], value: _Value) -> None:
    steps = {step: [*group] for step, group in groupby(layers, key=lambda one: one.step)}
    colors = map_colors(len(steps))
    for place, (step, group) in enumerate(steps.items()):
        # A logarithmic axis has no place for 0.
        heights = [value(one) or float("nan") for one in group]
        axes.plot(heights, ".-", color=colors[place], lw=0.8, ms=3, label=f"{step} steps")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:.0e}")
    axes.yaxis.set_minor_formatter("")
    axes.grid(axis="x", visible=False)


def _name_groups(rows: Sequence[Any], names: Sequence[str]) -> None:
    """Lines between the groups of layers, and their names where there is room."""
    groups = group_names(names)
    starts = [place for place, group in enumerate(groups) if groups.index(group) == place]
    ends = [*starts[1:], len(groups)]
    for axes in rows:
        axes.set_xlim(-1, len(groups))
        for start in starts[1:]:
            axes.axvline(start - 0.5, color="0.85", lw=0.6, zorder=0)
    room = len(groups) * _LABEL / _WIDTH
    shown: dict[float, str] = {}
    for start, end in sorted(zip(starts, ends, strict=True), key=lambda both: both[0] - both[1]):
        middle = (start + end - 1) / 2
        if all(abs(middle - other) >= room for other in shown):
            shown[middle] = groups[start]
    rows[-1].set_xticks([*shown], [*shown.values()], rotation=90, fontsize=FONT - 1.5)


def group_names(names: Sequence[str], most: int = _MOST_GROUPS) -> list[str]:
    """For each of several different names, the first parts of it that name its group.

    The largest group is divided as long as there are no more than `most`.

    >>> group_names(["a.0.x", "a.0.y", "a.1.x", "b"], most=3)
    ['a.0', 'a.0', 'a.1', 'b']
    """
    depths = dict.fromkeys(names, 1)
    while True:
        groups = [_begin(name, depths[name]) for name in names]
        sizes = Counter(groups)
        largest = max(sizes, key=lambda group: sizes[group])
        inside = [name for name, group in zip(names, groups, strict=True) if group == largest]
        # Parts that all share would only make the name longer.
        depth = depths[inside[0]] + 1
        while sizes[largest] > 1 and len({_begin(name, depth) for name in inside}) == 1:
            depth += 1
        if sizes[largest] == 1 or len(sizes) - 1 + len({_begin(n, depth) for n in inside}) > most:
            return groups
        depths.update(dict.fromkeys(inside, depth))


def _begin(name: str, depth: int) -> str:
    return ".".join(name.split(".")[:depth])
