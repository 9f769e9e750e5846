"""The figures of docs/cluster.md, from the jobs that `dmtbench plan` finds for the paper.

`PYTHONPATH=.:tests python -m support.cluster_page` writes them into the page; it counts all
networks, which takes minutes.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from unittest.mock import patch

from pipeline.planning.schedule import Schedule, schedule
from pipeline.planning.speed import Speed
from pipeline.stages.plan import tasks_of
from pipeline.workflow.jobs import Job, planned_jobs
from support.paths import CONFIG, DOCS, PUBLISHED, REPOSITORY
from support.projects import working_in

PAGE = DOCS / "cluster.md"
GPUS = (1, 8, 64)
_TABLE = re.compile(
    r"(?<=<!-- made by tests/support/cluster_page.py -->\n).*?(?=\n\nHours)", re.DOTALL
)


def table() -> str:
    """The table, as it should be."""
    with tempfile.TemporaryDirectory() as folder, working_in(Path(folder)):
        # Nothing has been made here.
        shutil.copytree(PUBLISHED, "reports/published")
        with patch.dict(os.environ, PYTHONPATH=str(REPOSITORY)):
            jobs = planned_jobs(CONFIG / "canon.yaml", [])
    tasks = tasks_of(jobs, Speed())
    return "\n".join(_lines(jobs, [schedule(tasks, number) for number in GPUS]))


def printed() -> str:
    """The table that the page has."""
    found = _TABLE.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    return found[0]


def _lines(jobs: list[Job], schedules: list[Schedule]) -> list[str]:
    rules = [job.rule for job in jobs]
    path = _days(schedules[0].critical_path_hours)
    return [
        "| GPUs | Wall time | GPUs idle |",
        "|---|---|---|",
        *(f"| {s.gpus} | {_days(s.hours)} | {s.idle:.0%} |" for s in schedules),
        "",
        f"{len(jobs)} jobs, of which {rules.count('train')} trainings or fits and "
        f"{rules.count('evaluate')} evaluations; critical path: {path}.",
    ]


def _days(hours: float) -> str:
    """In two digits: operations are known to about a percent, speeds are assumed."""
    return f"{float(f'{hours / 24:.2g}'):,g} days"


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(_TABLE.sub(table(), text), encoding="utf-8")
