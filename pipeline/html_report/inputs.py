"""What the sections of the page are made from: records and tables, checked and read once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline.audit.checking import Line
from pipeline.config.experiment import Experiment
from pipeline.places import Places
from pipeline.records import ComplexityRecord, ResultRecord, RunRecord
from pipeline.reporting.headings import Metrics
from pipeline.verify.own import Scored


@dataclass(frozen=True)
class PageInputs:
    """Everything that a section may show.

    All paths are relative to the folder of the project, which is the current folder.

    `table1`, `table2`, `groups`, `verdicts`, `comparisons`: the tables of those names, as
    `pipeline.reporting.tables.read_table` or `pipeline.verify.frames` give them. `scored`: results
    with the scores of their images, by result folder. `runs`: trainings by run folder. `sizes`: of
    the full networks, by method. `stale`: methods of which something was made by other code.
    `metrics`: units and directions. `audit`: the paper's claims against its own tables.
    """

    experiment: Experiment
    config: str
    table1: pd.DataFrame
    table2: pd.DataFrame
    groups: pd.DataFrame
    verdicts: pd.DataFrame
    comparisons: pd.DataFrame
    scored: Mapping[Path, Scored]
    runs: Mapping[Path, RunRecord]
    sizes: Mapping[str, ComplexityRecord]
    metrics: Metrics
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

    def link(self, path: Path) -> str:
        """Address of a file of the project, relative to the page.

        The copy of the page in `reports/` has addresses of its own; see `pipeline.html_report.copy`.
        """
        return Path(os.path.relpath(path, self.places.reports)).as_posix()
