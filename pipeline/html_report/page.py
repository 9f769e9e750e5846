"""The whole page: sections, styles and scripts in one file that needs no network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from markupsafe import Markup

from pipeline.html_report.contents import SECTIONS
from pipeline.html_report.inputs import PageInputs
from pipeline.html_report.markup import render
from pipeline.html_report.section import Missing, Section
from pipeline.reporting import tables

_STATIC = Path(__file__).with_name("static")
STYLES = ("base.css", "tables.css", "charts.css", "figures.css", "print.css")
"""Style sheets, in their order."""
SCRIPTS = ("tables.js", "charts.js", "pairs.js", "figures.js")
"""Scripts, in their order; each does nothing where its elements are missing."""
_EARLY = "document.documentElement.classList.add('js')"
"""Runs before anything is shown: what only scripts can use stays hidden without them."""


def page(inputs: PageInputs, sections: Sequence[Section] = SECTIONS) -> str:
    """The page as HTML; equal inputs give equal text.

    Args:
        inputs: what it shows.
        sections: what it consists of.
    """
    made = [(section, _body(section, inputs)) for section in sections]
    scripts = [Markup(_EARLY), *map(_static, SCRIPTS)]
    return str(
        render(
            "page.html",
            experiment=inputs.experiment.name,
            facts=_facts(inputs),
            comparable=_comparable(inputs),
            sections=made,
            styles=[_static(name) for name in STYLES],
            early=scripts[0],
            scripts=scripts[1:],
            allowed=" ".join(f"'sha256-{_digest(script)}'" for script in scripts),
        )
    )


def _body(section: Section, inputs: PageInputs) -> Markup:
    body = section.body(inputs)
    return render("missing.html", reason=body.reason) if isinstance(body, Missing) else body


def _facts(inputs: PageInputs) -> dict[str, str]:
    """What a reader must know first."""
    results = inputs.results
    return {
        "Data set": ", ".join(sorted({one.dataset for one in results})) or "none yet",
        "Protocol": ", ".join(sorted({one.protocol.id for one in results})) or "none yet",
        "Labels": ", ".join(sorted({one.label for one in results})) or "none yet",
        "Rows run": str(len(inputs.rows)),
        "Results": str(len(results)),
        "Seeds": str(inputs.experiment.repetitions),
    }


def _comparable(inputs: PageInputs) -> bool:
    """Whether every result may be compared with the published ones."""
    return all(
        (one.dataset, one.protocol.id) == (tables.CANON, tables.PROTOCOL) for one in inputs.results
    )


@cache
def _static(name: str) -> Markup:
    """A style sheet or script of this package; it is trusted."""
    return Markup((_STATIC / name).read_text(encoding="utf-8"))


def _digest(script: str) -> str:
    """As a content security policy names a script."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
