"""Sections of the page, one a module; `pipeline.html_report.contents` has their order."""
