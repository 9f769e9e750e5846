"""Exit statuses of `dmtbench`; docs/commands.md shows this list."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.errors import PARTIAL, RESUMABLE

FAILED, USAGE = 1, 2
DIFFERS, NOT_FRESH = 3, 4
INTERRUPTED = 130

__all__ = [
    "DIFFERS",
    "EXIT_CODES",
    "FAILED",
    "INTERRUPTED",
    "NOT_FRESH",
    "PARTIAL",
    "RESUMABLE",
    "USAGE",
    "ExitCode",
]


class ExitCode(NamedTuple):
    """A status, the commands that end with it, and what it says."""

    status: int
    commands: str
    meaning: str


EXIT_CODES = (
    ExitCode(0, "all", "done"),
    ExitCode(FAILED, "all", "an error, in one line on standard error"),
    ExitCode(FAILED, "doctor", "the set has problems"),
    ExitCode(FAILED, "status", "something that the experiment requests is not fresh"),
    ExitCode(FAILED, "why", "a link of the chain is foreign, broken or missing"),
    ExitCode(USAGE, "all", "arguments that the command does not have"),
    ExitCode(PARTIAL, "deblur", "some of the images failed; the others are done"),
    ExitCode(DIFFERS, "verify", "a cell or claim differs on the worse side"),
    ExitCode(NOT_FRESH, "verify --fresh", "something behind the numbers is not fresh"),
    ExitCode(RESUMABLE, "train", "stopped with its state saved; run the command again"),
    ExitCode(INTERRUPTED, "all", "interrupted (Ctrl-C)"),
)
"""In the order of the page. `run` passes on the status of Snakemake."""
