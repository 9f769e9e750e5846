"""A dry run of Snakemake in a separate process; prints its jobs as JSON.

Jobs are read from Snakemake's log records, which have a field for each part of a job (the interface
of its logger plugins), and not from the text of its messages, which may change.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from snakemake.cli import main as snakemake
from snakemake.jobs import Job
from snakemake.persistence import PersistenceBase
from snakemake_interface_logger_plugins.common import LogEvent

_RESOURCES = ("mem_mb", "gpu", "runtime")
# What Snakemake adds to the name of a file that a job changes in place.
_FLAG = " (update)"
_STATE = Path(".snakemake")
_READ = ("metadata", "incomplete")


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[dict[str, Any]] = []
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, "event", None) == LogEvent.JOB_INFO:
            self.jobs.append(_job(vars(record)))
        elif record.levelno >= logging.ERROR:
            self.errors.append(record.getMessage())


def _job(record: dict[str, Any]) -> dict[str, Any]:
    resources = dict(record["resources"].items())
    return {
        "rule": record["rule_name"],
        "wildcards": dict(record["wildcards"] or {}),
        "reason": record["reason"],
        "input": [str(path) for path in record["input"] or []],
        "output": [str(path).removesuffix(_FLAG) for path in record["output"]],
        "threads": record["threads"],
        **{name: _number(resources.get(name, 0)) for name in _RESOURCES},
    }


def _number(value: Any) -> int | None:
    """The value of a resource; `None` for one that is not known before a file is made."""
    return value if isinstance(value, int) else None


@contextmanager
def _no_state_made() -> Iterator[None]:
    """Make Snakemake keep its state in a temporary folder if there is none, or it is read-only.

    Snakemake creates `.snakemake/` even for a dry run and has no option to prevent it. The folder
    cannot be removed afterwards: a run that started in the meantime may use it.
    """
    if os.access(_STATE, os.W_OK):
        yield
        return
    original = PersistenceBase.__init__
    with tempfile.TemporaryDirectory() as folder:
        for name in _READ:
            if (_STATE / name).is_dir():
                Path(folder, name).symlink_to((_STATE / name).resolve())

        def elsewhere(self: PersistenceBase, **options: Any) -> None:
            original(self, **{**options, "path": Path(folder)})

        PersistenceBase.__init__ = elsewhere
        try:
            yield
        finally:
            PersistenceBase.__init__ = original


async def _not_checked(_: Job) -> None:
    """In place of Snakemake's check that outputs can be written: a plan writes nothing.

    `pipeline.workflow.folders` names the folder that a run could not write to, and the remedy.
    """


def main(arguments: list[str]) -> int:
    """Dry-run Snakemake with these arguments; return its exit status."""
    collector = _Collector()
    Job.check_protected_output = _not_checked
    logging.getLogger("snakemake").addHandler(collector)
    status: Any = 0
    with redirect_stdout(sys.stderr), _no_state_made():
        try:
            snakemake(["--dry-run", "--nolock", *arguments])
        except SystemExit as end:
            status = end.code
    print(json.dumps({"jobs": collector.jobs, "errors": collector.errors}))
    return int(bool(status))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
