"""The commands that make the numbers again."""

from __future__ import annotations

from markupsafe import Markup

from pipeline.html_report.inputs import PageInputs
from pipeline.html_report.markup import render


def commands(inputs: PageInputs) -> Markup:
    """One command for everything, and those in the records."""
    listed: dict[str, dict[str, None]] = {folder.name: {} for folder in inputs.scored}
    for name, made in inputs.made:
        if name in listed:
            listed[name][made.command] = None
    return render("commands.html", config=inputs.config, commands=listed)
