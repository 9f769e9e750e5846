"""The page of a check, in Markdown, made of the report and of nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from pipeline.gpu_check import sections
from pipeline.gpu_check.parts import PARTS
from pipeline.gpu_check.rows import Report, Result
from pipeline.gpu_check.text import table

_NOT_SHOWN = """\
- Whether anything is *learned*: every network has random weights and takes a few steps.
- Other devices, drivers or versions, and this device under other load or at another power limit.
- Whole batches, except under Feed: speeds and memory are those of one crop or one image.
- Disks: the feed's scenes are in memory.
"""
_CPU = "**CPU: proves the script, says nothing about a GPU.**"

Section = Callable[[Result[Any], Report], list[str]]
SECTIONS: dict[str, Section] = {
    "rates": sections.rates,
    "attention": sections.attention,
    "determinism": sections.determinism,
    "feed": sections.feed,
    "tests": sections.tests,
    "kill": sections.kill,
    "processes": sections.processes,
    "speed": sections.speed,
}


def page(report: Report) -> str:
    """The whole page."""
    lines = [f"# GPU check: {report.machine.name}", ""]
    if report.machine.kind == "cpu":
        lines += [_CPU, ""]
    state = " with uncommitted changes" if report.git_dirty else ""
    lines += [
        f"Written by `{report.command}` on {report.created}, commit "
        f"{(report.git_commit or 'unknown')[:12]}{state}, in {report.seconds:.0f} s of a budget of "
        f"{report.budget_s:.0f} s. Every number was measured in that run, on that device. The data "
        "are in the JSON file beside this page.",
        "",
        *_machine(report),
        "",
        "## Parts",
        "",
        *_outcomes(report),
    ]
    for name, part in PARTS.items():
        result = getattr(report.parts, name)
        if result is not None and result.rows:
            lines += ["", f"## {part.title}", "", *SECTIONS[name](result, report)]
            lines += _missing(result)
    return "\n".join([*lines, "", "## What this page does not show", "", _NOT_SHOWN])


def slug(name: str) -> str:
    """A device's name as part of a file's name.

    >>> slug("NVIDIA H100 80GB HBM3")
    'nvidia-h100-80gb-hbm3'
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "device"


def _machine(report: Report) -> list[str]:
    machine = report.machine
    facts = {"device": machine.name}
    if machine.memory_bytes is not None:
        facts["memory"] = f"{machine.memory_bytes / 1e9:.1f} GB"
    if machine.capability is not None:
        facts |= {"compute capability": machine.capability, "GPUs": str(machine.gpus)}
    return table(["", ""], list((facts | machine.versions).items()))


def _outcomes(report: Report) -> list[str]:
    rows: list[Sequence[str]] = []
    for name, part in PARTS.items():
        result = getattr(report.parts, name)
        if result is None:
            rows.append((part.title, "not asked for", "", ""))
        else:
            rows.append((part.title, result.outcome, f"{result.seconds:.0f}", result.reason))
    return table(["Part", "Outcome", "s", "Reason"], rows, right="s")


def _missing(result: Result[Any]) -> list[str]:
    missing = result.missing
    if not missing:
        return []
    return ["", f"Not measured ({result.outcome}): {'; '.join(missing)}."]
