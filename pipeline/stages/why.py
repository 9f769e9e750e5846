"""Why stage: from a cell of a table back to scores, weights, data, code and machine."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd

from pipeline.chain.experiment import COMPLEXITY_OF, Chain
from pipeline.chain.links import Link, links_of_result
from pipeline.chain.report_rows import TABLES, given, methods_of, results_of
from pipeline.chain.reports import table_report
from pipeline.config.experiment import Experiment
from pipeline.errors import ConfigError, RecordError
from pipeline.places import PUBLISHED, Places
from pipeline.records import Provenance, ResultRecord, read_record
from pipeline.reporting import tables
from pipeline.reporting.published import read_published_table1
from pipeline.tracking.find import run_page

_SIZES = ("params", "flops_paper_g", "flops_fvcore_g")
_SHORT = 12
_OWN = "ours"
"""Instead of a reference: a method of the paper itself."""


@dataclass(frozen=True)
class Origin:
    """One result behind a cell.

    `folder`: name of its folders. `links`: from the result to the data. `facts`: what the record
    says of its making, by heading; empty if it cannot be read.
    """

    folder: str
    links: tuple[Link, ...]
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Why:
    """A cell and where it comes from.

    `value`: as in the CSV; empty where there is none. `links`: those that do not belong to one
    result: the table, sizes, published numbers. `origins`: one for each repetition.
    """

    table: str
    row: str
    column: str
    value: str
    label: str
    links: tuple[Link, ...]
    origins: tuple[Origin, ...]

    @property
    def holds(self) -> bool:
        """Whether each link holds: nothing is foreign, broken or missing."""
        links = [*self.links, *(link for origin in self.origins for link in origin.links)]
        return all(link.state in ("fresh", "stale", "published") for link in links)


def explain(experiment: Experiment, table: str, row: str, column: str) -> Why:
    """Find out where a cell of `table1` or `table2` comes from, and check each step.

    Args:
        experiment: the table is that of this experiment.
        table: `table1` or `table2`.
        row: label of the row, or name of the method.
        column: of the CSV file.

    Raises:
        ConfigError: there is no such table, row or column.
        DataError: the table has not been made, or that of the paper cannot be read.
    """
    if table not in TABLES:
        raise ConfigError(f"{table!r} is no table{_meant(table, TABLES)}")
    path = table_report(experiment, table).files[0]
    frame = tables.read_table(path)
    columns = [name for name in frame.columns if name not in ("method", *tables.ORIGIN)]
    if column not in columns:
        raise ConfigError(f"{path}: has no column {column!r}{_meant(column, columns)}")
    cells = _row(frame, row, path, experiment)
    name, label = str(cells.get("row") or cells["method"]), str(cells["label"])
    chain, value = Chain(experiment), cells[column]
    links = [Link.of(table, chain.standing(table))]
    method = _method_of(experiment, table, name)
    if "_published" in column or (label == tables.PUBLISHED and column not in _SIZES):
        links.append(_published(table, str(cells["method"]), experiment))
        return Why(table, name, column, _text(value), label, tuple(links), ())
    if column in _SIZES:
        size = f"{COMPLEXITY_OF}{method}"
        if size in chain.artifacts:
            links.append(Link.of("size", chain.standing(size)))
        return Why(table, name, column, _text(value), label, tuple(links), ())
    found = _results(experiment, method, label)
    origins = tuple(_origin(chain, artifact, record) for artifact, record in found.items())
    return Why(table, name, column, _text(value), label, tuple(links), origins)


def _row(frame: pd.DataFrame, row: str, path: Path, experiment: Experiment) -> pd.Series:
    known = [*experiment.methods, *experiment.ablations]
    wanted = {row, experiment.entry(row).row} if row in known else {row}
    names = [frame[part] for part in ("row", "method") if part in frame]
    for part in names:
        chosen = frame[part.isin(wanted)]
        if not chosen.empty:
            return chosen.iloc[0]
    raise ConfigError(f"{path}: has no row {row!r}{_meant(row, [*filter(None, names[0])])}")


def _meant(word: str, known: Sequence[str]) -> str:
    """The end of a message about an unknown name."""
    lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=0.5)
    return f"; did you mean {lower[close[0]]!r}?" if close else f"; known: {', '.join(known)}"


def _method_of(experiment: Experiment, table: str, row: str) -> str:
    """The method of a row; empty if the experiment does not have it."""
    marks = (tables.GIVEN, tables.OFFICIAL, tables.SURROGATE)
    names = {row, *(row.removesuffix(f" ({mark})") for mark in marks)}
    methods = methods_of(experiment, table)
    return next((m for m in methods if m in names or experiment.entry(m).row in names), "")


def _published(table: str, row: str, experiment: Experiment) -> Link:
    """The source of a published number: the paper's table, with reference and reason."""
    path = PUBLISHED / f"{table}.csv"
    source = [f"arXiv 2209.06040, Table {table.removeprefix('table')}"]
    if table == "table1":
        paper = read_published_table1(path).set_index("method")
        if row in paper.index and paper["reference"][row] != _OWN:
            source.append(f"reference {paper['reference'][row]}, {paper['venue'][row]}")
    reason = experiment.reasons().get(row)
    source += [f"not run: {reason}"] if reason else []
    return Link("published", "published", path.as_posix(), "; ".join(source))


def _results(experiment: Experiment, method: str, label: str) -> dict[str, Path]:
    """Records behind a row, by name of the artifact."""
    methods = [method] if method else []
    own = results_of(experiment, methods)
    asked = {f"evaluate {name}-given": path for name, path in given(experiment, methods).items()}
    with_weights = label in (tables.GIVEN, tables.OFFICIAL)
    return {
        name: path
        for name, path in {**own, **asked}.items()
        if name.endswith("-given") is with_weights
    }


def _origin(chain: Chain, artifact: str, path: Path) -> Origin:
    folder = artifact.removeprefix("evaluate ")
    links = tuple(links_of_result(chain, artifact, path))
    try:
        record = read_record(path, ResultRecord)
    except RecordError:
        return Origin(folder, links)
    return Origin(folder, links, dict(_facts(record.provenance)))


def _facts(made: Provenance) -> Iterator[tuple[str, str]]:
    """What a record says of its making, for readers."""
    state = {True: " (with changes)", False: "", None: " (state unknown)"}[made.git_dirty]
    hardware = made.hardware
    yield "command", made.command
    yield "configuration", f"{made.config_hash[:_SHORT]}, key {made.configuration_key[:_SHORT]}"
    yield "commit", f"{made.git_commit or 'none'}{state}"
    versions = ", ".join(f"{name} {number}" for name, number in made.results_versions.items())
    yield "code", f"{versions}; Python {made.packages.get('python', '?')}"
    yield "manifest", made.manifest_sha256 or "none"
    yield "weights", made.weights_sha256 or "none"
    kept = ("platform", "cpu", "cores", "memory_mb", "gpu")
    yield "machine", ", ".join(f"{name} {hardware[name]}" for name in kept if name in hardware)
    yield "created", made.created


def _text(value: object) -> str:
    return "" if pd.isna(value) else str(value)


def why_json(found: Why) -> str:
    """The explanation as one JSON object."""
    return json.dumps({**asdict(found), "holds": found.holds})


def why_lines(found: Why) -> Iterator[str]:
    """The explanation for readers, from the cell to the machine."""
    value = found.value or "empty"
    yield f"{found.table}, {found.row}, {found.column}: {value} ({found.label})"
    for link in found.links:
        yield f"  {link}"
    for origin in found.origins:
        yield f"  {origin.folder}:"
        for link in origin.links:
            yield f"    {link}"
        for name, text in origin.facts.items():
            yield f"    {name}: {text}"
    if not found.origins and found.label not in ("", tables.PUBLISHED) and len(found.links) == 1:
        yield "  no record of this row"


def run_pages(experiment: Experiment, found: Why, uri: str, port: int) -> list[str]:
    """Addresses of the runs in MLflow's pages, which `dmtbench ui` serves.

    Raises:
        ConfigError: the cell does not come from a run.
        DataError: a run was not imported.
    """
    if not found.origins:
        raise ConfigError(f"{found.row}, {found.column}: comes from no run; leave out --open")
    places = Places.of(experiment)
    return [run_page(places, origin.folder, uri, port) for origin in found.origins]
