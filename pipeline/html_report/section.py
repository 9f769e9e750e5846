"""What a section of the page is: a title, an anchor, and a function that makes its HTML."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup

from pipeline.html_report.inputs import PageInputs


@dataclass(frozen=True)
class Missing:
    """What stands in place of a section whose data does not exist.

    `reason`: one sentence in plain text that says what is missing and what would make it.
    """

    reason: str


Body = Callable[[PageInputs], "Markup | Missing"]


@dataclass(frozen=True)
class Section:
    """One section of the page.

    `id`: its anchor, of a-z and hyphens. `title`: plain text. `body`: makes the HTML below the
    heading; it must come out the same for the same inputs.
    """

    id: str
    title: str
    body: Body
