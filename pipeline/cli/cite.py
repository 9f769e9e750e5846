"""Commands for manuscripts: numbers and references for LaTeX, and what to cite."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.app import (
    DEFAULT_CONFIG,
    AnywhereConfigOption,
    ConfigOption,
    Panel,
    app,
    example,
    print_paths,
)


@app.command(rich_help_panel=Panel.REPORTS, epilog=example("latex --config config/canon.yaml"))
def latex(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Write every number of the tables as a LaTeX command, and the publications of all methods.

    They are values.tex and methods.bib in reports/EXPERIMENT/, copied to reports/. The tables must
    have been made.
    """
    from pipeline.config.experiment import load_experiment
    from pipeline.stages.latex import make_latex

    print_paths(make_latex(load_experiment(config)))


@app.command(rich_help_panel=Panel.REPORTS, epilog=example("cite dmtnet-b --bibtex"))
def cite(
    name: Annotated[
        str | None,
        typer.Argument(help="Method, result such as dmtnet-b-seed0, or folder of a result."),
    ] = None,
    bibtex: Annotated[bool, typer.Option("--bibtex", help="BibTeX entries.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    config: AnywhereConfigOption = DEFAULT_CONFIG,
) -> None:
    """Print what to cite for an experiment, a method or a result.

    For a result: this software with its version, the commit and the data's checksum in the record,
    the paper that is reproduced, the method and the images.
    """
    from pipeline.config.experiment import load_experiment
    from pipeline.reporting.cited import cited_bibtex, cited_json, cited_text
    from pipeline.stages.cite import cite as cite_one

    found = cite_one(load_experiment(config), name)
    show = cited_json if json else cited_bibtex if bibtex else cited_text
    print(show(found))
