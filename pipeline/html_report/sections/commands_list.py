"""The commands that make the numbers again."""

from __future__ import annotations

from markupsafe import Markup

from pipeline.html_report.inputs import PageInputs
from pipeline.html_report.markup import render


def commands(inputs: PageInputs) -> Markup:
    """One command for everything, and those in the records."""
    listed = {
        folder.name: list(
            dict.fromkeys(
                record.provenance.command
                for part, record in (
                    *((path, run) for path, run in inputs.runs.items()),
                    *((path, one.record) for path, one in inputs.scored.items()),
                )
                if part.name == folder.name
            )
        )
        for folder in inputs.scored
    }
    return render("commands.html", config=inputs.config, commands=listed)
