"""Where the numbers were made: machine, packages, code and data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from markupsafe import Markup

from pipeline.html_report.inputs import PageInputs
from pipeline.html_report.markup import render
from pipeline.html_report.section import Missing

_SHORT = 10
_NAMES = {"cpu": "CPU", "gpu": "GPU", "memory_mb": "memory (MiB)", "gpu_peak_memory_mb": ""}


def environment(inputs: PageInputs) -> Markup | Missing:
    """Machine, packages, code and data, from all records."""
    made = [one for _, one in inputs.made]
    if not made:
        return Missing("Nothing has been made yet.")
    hardware = {
        _NAMES.get(name, name): values
        for name, values in _distinct(one.hardware for one in made).items()
        if _NAMES.get(name, name)
    }
    commits = {
        f"{one.git_commit[:_SHORT]}{' with changes' * bool(one.git_dirty)}"
        if one.git_commit
        else "unknown"
        for one in made
    }
    return render(
        "environment.html",
        parts={
            "Machine": hardware,
            "Packages": _distinct(one.packages for one in made),
            "Code and data": {
                "commit": sorted(commits),
                "results versions": _texts(_distinct(one.results_versions for one in made)),
                "manifest": sorted({str(one.manifest_sha256)[:_SHORT] for one in made}),
                "configuration": sorted({one.config_hash[:_SHORT] for one in made}),
                "main seed": [str(inputs.experiment.seed)],
                "seeds per method": [str(inputs.experiment.repetitions)],
            },
        },
        stale=sorted(inputs.stale),
    )


def _distinct(found: Iterable[Mapping[str, object]]) -> dict[str, list[str]]:
    """All values of each key, sorted."""
    values: dict[str, set[str]] = {}
    for one in found:
        for name, value in one.items():
            values.setdefault(name, set()).add(str(value))
    return {name: sorted(values[name]) for name in values}


def _texts(found: Mapping[str, list[str]]) -> list[str]:
    return [
        f"{name.removeprefix('pipeline.')} {', '.join(values)}"
        for name, values in sorted(found.items())
    ]
