"""What methods declare as their publication, read from their sources: nothing is imported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.config.experiment import Experiment, load_methods
from pipeline.config.methods import CONTROL, MethodEntry
from pipeline.declared import Unreadable, declared_text


@dataclass(frozen=True)
class MethodCitation:
    """The `CITATION` of a method; `problem`: why it cannot be read, otherwise empty."""

    method: str
    row: str
    text: str
    problem: str = ""


def known_methods(experiment: Experiment) -> dict[str, MethodEntry]:
    """All methods and ablations by name: those of the method list, and of the experiment.

    An experiment with `only` leaves out methods whose published rows its tables show.
    """
    shared = load_methods()
    names = dict.fromkeys([*shared.methods, *experiment.methods])
    names |= dict.fromkeys([*shared.ablations, *experiment.ablations])
    own = {*experiment.methods, *experiment.ablations}
    return {name: (experiment if name in own else shared).entry(name) for name in names}


def method_citations(experiment: Experiment) -> list[MethodCitation]:
    """The citations of all methods that tables may show, but for controls."""
    return list(_citations(known_methods(experiment)))


def _citations(methods: dict[str, MethodEntry]) -> Iterator[MethodCitation]:
    for name, entry in methods.items():
        if entry.kind != CONTROL:
            yield citation_of(name, entry)


def citation_of(name: str, entry: MethodEntry) -> MethodCitation:
    """The citation of one method."""
    try:
        text = " ".join(declared_text(entry.module, "CITATION").split())
    except Unreadable as error:
        return MethodCitation(name, entry.row, "", str(error))
    problem = "" if text else f"{entry.module}: declares no CITATION"
    return MethodCitation(name, entry.row, text, problem)
