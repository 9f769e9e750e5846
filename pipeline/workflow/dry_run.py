"""A dry run of Snakemake in a separate process; prints its jobs as JSON.

Jobs are read from Snakemake's log records, which have a field for each part of a job (the interface
of its logger plugins), and not from the text of its messages, which may change.
"""

from __future__ import annotations

import json
import logging
import sys
from contextlib import redirect_stdout
from typing import Any

from snakemake.cli import main as snakemake
from snakemake_interface_logger_plugins.common import LogEvent

_RESOURCES = ("mem_mb", "gpu", "runtime")


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
        "output": [str(path) for path in record["output"]],
        "threads": record["threads"],
        **{name: resources.get(name, 0) for name in _RESOURCES},
    }


def main(arguments: list[str]) -> int:
    """Dry-run Snakemake with these arguments; return its exit status."""
    collector = _Collector()
    logging.getLogger("snakemake").addHandler(collector)
    status: Any = 0
    with redirect_stdout(sys.stderr):
        try:
            snakemake(["--dry-run", "--nolock", *arguments])
        except SystemExit as end:
            status = end.code
    print(json.dumps({"jobs": collector.jobs, "errors": collector.errors}))
    return int(bool(status))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
