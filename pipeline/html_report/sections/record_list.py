"""Every record behind the numbers of the page, by row: where links of several seeds lead."""

from __future__ import annotations

from markupsafe import Markup

from pipeline.artifacts import PER_IMAGE_FILE, RECORD
from pipeline.html_report.inputs import PageInputs
from pipeline.html_report.markup import render
from pipeline.html_report.section import Missing


def records(inputs: PageInputs) -> Markup | Missing:
    """Links to results, scores of images and trainings, by row."""
    if not inputs.scored:
        return Missing("Nothing has been evaluated yet.")
    runs = {folder.name: folder for folder in inputs.runs}
    listed = []
    for row, folders in inputs.rows.items():
        lines = [
            {
                "name": folder.name,
                "record": inputs.link(folder / RECORD),
                "scores": inputs.link(folder / PER_IMAGE_FILE),
                "training": inputs.link(runs[folder.name] / RECORD) if folder.name in runs else "",
                "made": inputs.scored[folder].record.provenance.created,
            }
            for folder in folders
        ]
        listed.append({"row": row, "anchor": inputs.anchor(folders[0]), "lines": lines})
    return render("records.html", rows=listed)
