"""The sections of the page, in their order."""

from __future__ import annotations

from pipeline.html_report.section import Section

SECTIONS: tuple[Section, ...] = ()
