"""The `dmtbench` application, and the options that several commands share."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import ConfigError
from pipeline.public_text import public_command

app = typer.Typer(
    name="dmtbench",
    help="Reproducibility benchmark and ablation harness for DMTNet (arXiv 2209.06040).",
    epilog="Example: dmtbench run reports/table1.csv   (the demo; add --config config/canon.yaml)",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


class Panel(StrEnum):
    """Headings of `dmtbench --help`, in its order; every command stands under one of them."""

    DATA = "Data"
    RUNS = "Train and evaluate"
    REPORTS = "Reports"
    DEBLUR = "Your own images"
    DEBUG = "Look inside"


DEFAULT_CONFIG = Path("config/demo.yaml")


def _existing(config: Path) -> Path:
    """The experiment file, checked first: the usual mistake is another current folder.

    Raises:
        ConfigError: there is no such file.
    """
    if not config.exists():
        raise ConfigError(
            f"{config}: cannot be read (no such file); name an experiment file with --config, "
            "or run the command in the folder of the project (`dmtbench init` makes one)"
        )
    return config


ConfigOption = Annotated[
    Path, typer.Option("--config", help="Experiment file.", callback=_existing)
]


def _existing_or_demo(config: Path) -> Path:
    if config != DEFAULT_CONFIG or config.exists():
        return _existing(config)
    from pipeline.config.experiment import DEMO_FILE

    return DEMO_FILE


AnywhereConfigOption = Annotated[
    Path,
    typer.Option(
        "--config",
        help="Experiment file. Outside the project's folder, that of the demo.",
        callback=_existing_or_demo,
    ),
]
"""For commands that only need the list of methods, and so work in every folder."""


def complete_method(incomplete: str) -> list[str]:
    """Names of methods and ablations that begin so, for completion in the shell."""
    from pipeline.config.experiment import load_methods
    from pipeline.errors import UserError

    try:
        known = load_methods()
    except UserError:
        return []
    return [name for name in (*known.methods, *known.ablations) if name.startswith(incomplete)]


RepetitionOption = Annotated[
    int, typer.Option(min=0, help="Number of the repetition; each has its own seed.")
]
RootOption = Annotated[Path, typer.Option(help="Folder of the images.")]
StoreOption = Annotated[Path, typer.Option(help="Folder of the pixel store.")]
ManifestOption = Annotated[Path, typer.Option(help="Manifest of the data set.")]
WorkersOption = Annotated[int, typer.Option(min=1, help="Number of processes.")]
ResultsOption = Annotated[Path, typer.Option(help="Folder of the result records.")]
UriOption = Annotated[
    str, typer.Option(envvar="MLFLOW_TRACKING_URI", help="Address of the MLflow store.")
]
DEFAULT_URI = "sqlite:///mlflow.db"
OutputOption = Annotated[Path, typer.Option(help="Folder to write to.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]


def example(arguments: str) -> str:
    """The epilog of a command: one line that works as typed."""
    return f"Example: dmtbench {arguments}"


def command_line() -> str:
    """The command line of this process, for records: paths as others may see them."""
    return public_command(["dmtbench", *sys.argv[1:]])


def print_paths(paths: list[Path]) -> None:
    """Print one path per line."""
    for path in paths:
        print(path)
