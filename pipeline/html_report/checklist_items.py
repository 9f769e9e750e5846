"""The reproducibility checklists, answered for one experiment: evidence, or an honest no."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.config.methods import WITHOUT_NETWORK
from pipeline.html_report.inputs import PageInputs
from pipeline.reporting.tables import CANON
from pipeline.verdicts import ENOUGH_SEEDS

YES, PARTLY, NO, NEITHER = "yes", "partly", "no", "does not apply"


@dataclass(frozen=True)
class Item:
    """A question, the answer and its reason; `evidence`: a file, or an anchor of the page."""

    question: str
    answer: str
    reason: str
    evidence: str = ""


def completeness(inputs: PageInputs) -> Iterator[Item]:
    """The five items of the ML Code Completeness Checklist (Papers with Code, 2020)."""
    trained = [folder for folder, run in inputs.runs.items() if run.samples]
    weights = any(record.label == "official weights" for record in inputs.results)
    yield Item("Specification of dependencies", YES, "locked versions", "requirements.lock")
    yield Item("Training code", YES, "dmtbench train; recipes as data", "config/recipes.yaml")
    yield Item("Evaluation code", YES, "dmtbench evaluate; one protocol", "docs/protocol.md")
    yield Item(
        "Pre-trained models",
        PARTLY if trained or weights else NO,
        f"{len(trained)} networks lie in the folder of the project; none is published"
        if trained
        else "no network was trained here",
        "#records" if trained else "",
    )
    yield Item("Table of results and the commands behind it", YES, "this page", "#commands")


def neurips(inputs: PageInputs) -> Iterator[Item]:
    """The questions of the NeurIPS Paper Checklist (2024), put to this reproduction."""
    yield from _claims(inputs)
    yield from _experiments(inputs)
    yield from _wider()


def _claims(inputs: PageInputs) -> Iterator[Item]:
    run = sum(1 for verdict in inputs.verdicts["verdict"] if verdict not in _OPEN)
    yield Item(
        "Claims match what was found",
        YES if run else PARTLY,
        f"{run} cells and claims of the paper have a verdict; the others say why not",
        "#verdicts",
    )
    yield Item("Limitations", YES, "what was never run, and what is uncertain", "docs/status.md")
    yield Item("Theory, assumptions and proofs", NEITHER, "there is no theorem")


_OPEN = ("not run", "not comparable")


def _experiments(inputs: PageInputs) -> Iterator[Item]:
    on_canon = any(record.dataset == CANON for record in inputs.results)
    yield Item(
        "Information to reproduce the results",
        YES,
        "every record holds command, configuration, code and data by their hashes",
        "#records",
    )
    yield Item(
        "Open access to data and code",
        PARTLY if on_canon else YES,
        "the code is open; the Canon set has terms of its own"
        if on_canon
        else "the code is open and draws the images itself",
        "docs/data.md",
    )
    yield Item("Settings of the experiments", YES, "the whole configuration", "#deviations")
    seeds = _seeds(inputs)
    yield Item(
        "Statistical significance",
        YES if seeds >= ENOUGH_SEEDS else NO if seeds < 2 else PARTLY,
        f"intervals over {seeds} seeds" if seeds > 1 else "one seed: no spread over seeds is known",
        "docs/verdicts.md",
    )
    yield Item(
        "Compute resources",
        PARTLY,
        "time and memory of every run; energy was not measured",
        "#compute",
    )


def _seeds(inputs: PageInputs) -> int:
    """The fewest repetitions of a row that depends on a seed; 0 if nothing was trained."""
    counts = [
        len(folders)
        for folders in inputs.rows.values()
        if inputs.scored[folders[0]].record.method_kind not in WITHOUT_NETWORK
        and inputs.scored[folders[0]].record.label not in ("official weights", "given weights")
    ]
    return min(counts, default=0)


def _wider() -> Iterator[Item]:
    yield Item("Code of ethics", NO, "no review was made")
    yield Item("Broader impacts", NO, "not discussed")
    yield Item("Safeguards against misuse", NEITHER, "nothing with a high risk is released")
    yield Item(
        "Licenses of what is used",
        YES,
        "every method declares its own; dmtbench methods --long lists them",
        "docs/adding_a_method.md",
    )
    yield Item("Documentation of new assets", YES, "files and columns", "docs/records.md")
    yield Item("Crowdsourcing and human subjects", NEITHER, "there were none")
    yield Item("Review board approval", NEITHER, "there were no human subjects")
