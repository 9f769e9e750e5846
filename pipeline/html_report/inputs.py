"""What the sections of the page are made from: records and tables, checked and read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from pipeline.artifacts import RECORD
from pipeline.audit.checking import Line
from pipeline.chain.copies import UP
from pipeline.config.experiment import Experiment
from pipeline.places import Places
from pipeline.records import ComplexityRecord, Provenance, ResultRecord, RunRecord
from pipeline.reporting import tables
from pipeline.reporting.headings import Metrics
from pipeline.verify.own import Scored


@dataclass(frozen=True)
class PageInputs:
    """Everything that a section may show.

    All paths are relative to the folder of the project, which is the current folder.

    `config`: the experiment file, as others may see it. `table1`, `table2`: as
    `pipeline.reporting.tables.read_table` gives them. `verdicts`, `comparisons`: the files of
    these names, as text. `scored`: results with the scores of their images, by result folder.
    `runs`: trainings by run folder. `sizes`: of the full networks, by method. `stale`: methods of
    which something was made by other code. `metrics`: units and directions. `paper_rows`: rows of
    the paper's Table 1, in its order. `audit`: the paper's claims against its own tables.
    """

    experiment: Experiment
    config: str
    table1: pd.DataFrame
    table2: pd.DataFrame
    verdicts: pd.DataFrame
    comparisons: pd.DataFrame
    scored: Mapping[Path, Scored]
    runs: Mapping[Path, RunRecord]
    sizes: Mapping[str, ComplexityRecord]
    metrics: Metrics
    paper_rows: tuple[str, ...] = ()
    audit: tuple[Line, ...] = ()
    stale: frozenset[str] = frozenset()

    @property
    def places(self) -> Places:
        """Folders of the experiment; `places.reports` is that of the page."""
        return Places.of(self.experiment)

    @property
    def results(self) -> list[ResultRecord]:
        """Records of all results."""
        return [one.record for one in self.scored.values()]

    @property
    def made(self) -> list[tuple[str, Provenance]]:
        """Where trainings and results come from, each with the name of its folder."""
        trained = [(folder.name, run.provenance) for folder, run in self.runs.items()]
        return trained + [
            (folder.name, one.record.provenance) for folder, one in self.scored.items()
        ]

    @cached_property
    def rows(self) -> dict[str, list[Path]]:
        """Result folders of each row of the tables, by repetition.

        Raises:
            RecordError: the records of one row do not belong together.
        """
        folders = {id(one.record): folder for folder, one in self.scored.items()}
        return {
            name: [folders[id(record)] for record in sorted(group, key=lambda r: r.repetition)]
            for name, group in tables.by_row(self.results).items()
        }

    def link(self, path: Path) -> str:
        """Address of a file of the project, relative to the page.

        The copy of the page in `reports/` gets addresses of its own (`pipeline.chain.copies`).
        """
        return f"{UP}{quote(path.as_posix())}"

    def evidence(self, path: str) -> str:
        """The same for a file that need not be there; empty if it is not."""
        return self.link(Path(path)) if Path(path).exists() else ""

    def record_link(self, row: str) -> str:
        """Address of the record behind a row, or of the list of them; empty if it was not run."""
        folders = self.rows.get(row, [])
        if len(folders) == 1:
            return self.link(folders[0] / RECORD)
        return f"#{self.anchor(folders[0])}" if folders else ""

    def anchor(self, folder: Path) -> str:
        """Anchor of the records of a row on the page, from the first of its folders."""
        return f"records-{folder.name}"
