"""Command that checks the paper's claims against its own tables."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.app import Panel, app, example


class _Format(StrEnum):
    TEXT = "text"
    MARKDOWN = "markdown"
    LATEX = "latex"


@app.command(rich_help_panel=Panel.REPORTS, epilog=example("audit --format markdown -o audit.md"))
def audit(
    format: Annotated[_Format, typer.Option("--format", help="For readers.")] = _Format.TEXT,
    json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write instead of printing.")
    ] = None,
    published: Annotated[
        Path, typer.Option(help="Folder of the paper's numbers and claims.")
    ] = Path("reports/published"),
    counted: Annotated[
        Path, typer.Option(help="Counts made by `dmtbench complexity --all --csv`.")
    ] = Path("reports/counted/complexity.csv"),
) -> None:
    """Check every claim of the paper against its own tables: no data, no GPU, no training.

    Printed numbers are intervals: 25.65 is any value in [25.645, 25.655). A claim holds or fails
    for all such values, or lies within rounding. A claim that fails is a finding, not an error:
    the exit status is 0.
    """
    from pipeline.audit.checking import audit as check
    from pipeline.audit.render import FORMATS
    from pipeline.files import write_text

    text = FORMATS["json" if json else format](check(published, counted))
    if output is None:
        print(text, end="")
    else:
        write_text(output, text)
        print(output)
