"""Where the experiment departs from the paper's: settings, choices of methods, surrogates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from markupsafe import Markup

from pipeline.config.experiment import CANON_FILE, Experiment, load_experiment
from pipeline.declared import Unreadable, declared_choices, declared_text
from pipeline.html_report.cells import Cell, Head, Table, text_cell
from pipeline.html_report.inputs import PageInputs
from pipeline.html_report.markup import render
from pipeline.public_text import public_values

_BLOCKS = ("dataset", "companion", "patches", "protocol", "repetitions", "trained_size", "compute")
_SETTINGS = (
    Head("Setting", number=False, wide=True),
    Head("Here", number=False, wide=True),
    Head("In the paper’s experiment", number=False, wide=True),
)
_CHOICES = (
    Head("Method", number=False),
    Head("Detail", number=False, wide=True),
    Head("Chosen here", number=False, wide=True),
    Head("Source", number=False),
)
_DOCUMENT = "docs/deviations.md"


def deviations(inputs: PageInputs) -> Markup:
    """Settings that differ from `config/canon.yaml`, choices of what was run, and what was not."""
    experiment = inputs.experiment
    settings = [
        [Cell(name, name), text_cell(own), text_cell(paper)]
        for name, own, paper in _differences(experiment, load_experiment(CANON_FILE))
    ]
    choices, surrogates, unread = _declared(inputs)
    return render(
        "deviations.html",
        settings=Table("settings", "Settings that differ", _SETTINGS, settings),
        choices=Table("choices", "Choices of the methods that were run", _CHOICES, choices),
        surrogates=surrogates,
        unread=unread,
        reasons=experiment.reasons(),
        document=inputs.evidence(_DOCUMENT),
    )


def _differences(own: Experiment, paper: Experiment) -> Iterator[tuple[str, str, str]]:
    """Name, value here and there, of settings and of the recipes in use."""
    mine, theirs = (public_values(one.model_dump(mode="json")) for one in (own, paper))
    for block in _BLOCKS:
        yield from _different(block, mine[block], theirs[block])
    for recipe, published in sorted(_recipes(own, paper).items()):
        there = theirs["recipes"].get(published, {})
        yield from _different(f"recipes.{recipe}", mine["recipes"][recipe], there)


def _recipes(own: Experiment, paper: Experiment) -> dict[str, str]:
    """Recipes in use, each with that of the same network in the paper's experiment."""
    known = {entry.module: str(entry.recipe) for entry in reversed(paper.methods.values())}
    entries = [own.entry(name) for name, _ in own.runs_of([*own.methods, *own.ablations])]
    return {
        entry.recipe: entry.recipe if entry.recipe in paper.recipes else known.get(entry.module, "")
        for entry in entries
        if entry.recipe is not None and entry.recipe in own.recipes
    }


def _different(name: str, mine: object, theirs: object) -> Iterator[tuple[str, str, str]]:
    if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
        for key in dict.fromkeys([*mine, *theirs]):
            yield from _different(f"{name}.{key}", mine.get(key), theirs.get(key))
    elif mine != theirs:
        yield name, _text(mine), _text(theirs)


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_text(one)}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _declared(
    inputs: PageInputs,
) -> tuple[list[list[Cell]], dict[str, str], list[str]]:
    """Choices, reasons of surrogates, and modules that do not say theirs plainly."""
    choices: list[list[Cell]] = []
    surrogates: dict[str, str] = {}
    unread = []
    for method, row in {record.method: record.row for record in inputs.results}.items():
        module = inputs.experiment.entry(method).module
        try:
            for one in declared_choices(module):
                source = "known" if one.known else "reconstruction"
                choices.append([*map(text_cell, (row, one.what, one.chosen, source))])
            if reason := declared_text(module, "SURROGATE"):
                surrogates[row] = reason
        except Unreadable:
            unread.append(method)
    return choices, surrogates, unread
