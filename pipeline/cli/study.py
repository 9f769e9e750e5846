"""Commands that make a study over seeds, and a page from a copy of one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.app import ConfigOption, Panel, app, example, print_paths

STUDY_CONFIG = Path("config/study.yaml")
_EXAMPLE = example("ablation --config config/study.yaml")


@app.command(rich_help_panel=Panel.REPORTS, epilog=_EXAMPLE)
def ablation(config: ConfigOption = STUDY_CONFIG) -> None:
    """Test differences between methods over seeds, with a verdict per claim at this scale.

    Writes tables, plots, the record study.json and the page ablation.md to reports/EXPERIMENT/. The
    experiment needs a block `study`, and all of its trainings must be finished.
    """
    from pipeline.config.experiment import load_experiment
    from pipeline.stages.ablation import make_ablation

    print_paths(make_ablation(load_experiment(config)))


@app.command(
    rich_help_panel=Panel.REPORTS, epilog=example("study-page docs/study --output docs/study.md")
)
def study_page(
    folder: Annotated[Path, typer.Argument(help="Folder with study.json and its tables.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")],
    copy: Annotated[
        Path | None,
        typer.Option(help="Folder to copy record, tables and plots to; the page then shows those."),
    ] = None,
) -> None:
    """Write the page of a study from its tables, for example those of a copy under docs/.

    Every table is compared with its checksum in study.json first.
    """
    from pipeline.stages.ablation import copy_study, write_page

    if copy is not None:
        copy_study(folder, copy)
    write_page(copy or folder, output)
    print(output)
