"""Cite stage: what to cite for an experiment, a method or a result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.artifacts import RECORD
from pipeline.chain.experiment import Chain
from pipeline.config.experiment import Experiment
from pipeline.config.methods import CONTROL
from pipeline.config.software import read_software
from pipeline.data.citations import dataset_citations
from pipeline.errors import ConfigError, one_line
from pipeline.method_citations import MethodCitation, citation_of, known_methods, method_citations
from pipeline.records import Provenance, ResultRecord, read_record
from pipeline.reporting.bibliography import citation_entry, citation_keys
from pipeline.reporting.cited import Cited, Item
from pipeline.reporting.references import bibtex_entry, bibtex_text
from pipeline.result_folder import result_folder

_SOFTWARE, _PAPER = "This software", "The paper that it reproduces"
_METHOD, _DATA = "The method", "The images"
_REPRODUCED = "dmtnet-b"


def cite(experiment: Experiment, name: str | None) -> Cited:
    """What to cite.

    Args:
        experiment: its methods, data set and results.
        name: of a method, or of a result or its folder; `None` for the experiment.

    Raises:
        ConfigError: there is no such method or result, or `CITATION.cff` cannot be used.
        RecordError: the record of the result is damaged, or the result is not what the experiment
            requests.
    """
    if name is None:
        block = experiment.dataset.model_dump(mode="json")
        items = [_software({}), _method(experiment, _REPRODUCED, _PAPER)]
        items += _images(experiment, block)
        return Cited(f"experiment {experiment.name}", tuple(items))
    if name in known_methods(experiment):
        items = [_software({}), *_methods(experiment, name)]
        return Cited(f"method {name}", tuple(items))
    return _result(experiment, name)


def _result(experiment: Experiment, name: str) -> Cited:
    try:
        folder = result_folder(experiment, name)
    except ConfigError as error:
        raise ConfigError(f"{error}; or a method (`dmtbench methods` lists them)") from error
    chain, artifact = Chain(experiment), f"evaluate {folder.name}"
    if artifact in chain.artifacts and folder / RECORD in chain.artifacts[artifact].outputs:
        chain.standing(artifact).require()
    record = read_record(folder / RECORD, ResultRecord)
    made = record.provenance
    facts = _facts(record, made)
    block = made.config.get("dataset")
    items = [
        _software(facts),
        *_methods(experiment, record.method),
        *_images(experiment, block if isinstance(block, Mapping) else {}),
    ]
    return Cited(f"result {folder.as_posix()}", tuple(items), facts)


def _facts(record: ResultRecord, made: Provenance) -> dict[str, str]:
    changes = {True: " (with changes)", False: "", None: " (state unknown)"}[made.git_dirty]
    facts = {
        "label": record.label,
        "data set": f"{record.dataset} by {record.protocol.id}",
        "commit": f"{made.git_commit}{changes}" if made.git_commit else "none",
        "manifest": made.manifest_sha256 or "none",
        "weights": made.weights_sha256 or "none",
        "configuration": made.config_hash,
        "created": made.created,
    }
    return {name: one_line(text) for name, text in facts.items()}


def _software(facts: Mapping[str, str]) -> Item:
    """This software; for a result with the commit and the manifest in its record."""
    software = read_software()
    names = {"commit": "commit", "manifest": "SHA-256 of the manifest"}
    kept = [f"{text} {facts[name]}" for name, text in names.items() if name in facts]
    version = ", ".join([f"version {software.version}", *kept])
    authors = [author.full for author in software.authors]
    year = f", {software.year}" if software.year else ""
    fields = {
        "author": " and ".join(f"{{{bibtex_text(author)}}}" for author in authors),
        "title": f"{{{bibtex_text(software.title)}}}",
        "note": bibtex_text(f"Software, {version}"),
        "year": software.year,
    }
    text = f"{', '.join(authors)}, '{software.title}', {version}{year}"
    return Item(_SOFTWARE, text, software.title, bibtex_entry("misc", software.title, fields))


def _methods(experiment: Experiment, name: str) -> Iterator[Item]:
    """The paper, and the method unless it is the paper's."""
    paper, own = (_method(experiment, *one) for one in ((_REPRODUCED, _PAPER), (name, _METHOD)))
    yield paper
    if own.text != paper.text:
        yield own


def _method(experiment: Experiment, name: str, role: str) -> Item:
    known = known_methods(experiment)
    if name not in known:
        raise ConfigError(f"method {name!r}: not in this experiment; give its file with --config")
    cited = citation_of(name, known[name])
    if cited.problem:
        return Item(role, f"{name}: see its module ({cited.problem})")
    if known[name].kind == CONTROL:
        return Item(role, cited.text)
    return _published(experiment, cited, role)


def _published(experiment: Experiment, cited: MethodCitation, role: str) -> Item:
    keys = citation_keys([*method_citations(experiment), cited])
    key = keys[cited.text]
    return Item(role, cited.text, key, citation_entry(key, cited))


def _images(experiment: Experiment, block: Mapping[str, Any]) -> list[Item]:
    name, kind = (one_line(str(block.get(key, "unknown"))) for key in ("name", "kind"))
    found = [MethodCitation(name, name, text) for text in dataset_citations(block)]
    items = [_published(experiment, one, _DATA) for one in found]
    if kind == "synthetic":
        source = ", with the photographs of:" if items else ""
        return [Item(_DATA, f"data set {name}: drawn by this software{source}"), *items]
    return items or [Item(_DATA, f"data set {name}: its publication is not known here")]
