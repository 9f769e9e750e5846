"""`dmtbench`: the command line. Thin: parses arguments, calls a stage, shows errors as one line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import UserError

app = typer.Typer(
    name="dmtbench",
    help="Reproducibility benchmark and ablation harness for DMTNet (arXiv 2209.06040).",
    epilog="Example: dmtbench run reports/table1.csv   (the demo; add --config config/canon.yaml)",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

DEFAULT_CONFIG = Path("config/demo.yaml")
ConfigOption = Annotated[Path, typer.Option("--config", help="Experiment file.")]
RepetitionOption = Annotated[int, typer.Option(min=0, help="Which seed of the experiment.")]
RootOption = Annotated[Path, typer.Option(help="Folder of the images.")]
ManifestOption = Annotated[Path, typer.Option(help="Manifest of the data set.")]
MethodArgument = Annotated[str, typer.Argument(help="Method or ablation, see `dmtbench methods`.")]


ResultsOption = Annotated[Path, typer.Option(help="Result folders of the data set.")]
ComplexityOption = Annotated[Path, typer.Option(help="Folder of complexity records.")]
PublishedOption = Annotated[Path, typer.Option(help="Folder of the paper's numbers.")]
OutputOption = Annotated[Path, typer.Option(help="Folder to write to.")]


_RECORDS = (
    "--results results/synthetic --complexity results/complexity --published reports/published"
    " --output reports"
)


def _command() -> str:
    return " ".join(["dmtbench", *sys.argv[1:]])


def _example(arguments: str) -> str:
    return f"Example: dmtbench {arguments}"


def _list(paths: list[Path]) -> None:
    for path in paths:
        print(path)


@app.command(epilog=_example("methods"))
def methods(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """List methods and ablations of an experiment."""
    from pipeline.config import load_experiment

    experiment = load_experiment(config)
    for name in [*experiment.methods, *experiment.ablations]:
        entry = experiment.entry(name)
        print(f"{name:26s} {entry.row:42s} {entry.recipe or 'nothing to train'}")


@app.command(epilog=_example("data --root data/demo/raw --manifest data/demo/manifest.csv"))
def data(
    root: RootOption,
    manifest: ManifestOption,
    config: ConfigOption = DEFAULT_CONFIG,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
) -> None:
    """Make the synthetic images (or check the real ones) and write their manifest."""
    from pipeline.config import load_experiment
    from pipeline.stages.data import make_data

    count = make_data(
        load_experiment(config), root, manifest, workers, progress=sys.stderr.isatty()
    )
    print(f"{manifest}: {count} scenes")


@app.command(
    epilog=_example("store --root RAW --manifest manifest.csv --output data/synthetic/store")
)
def store(
    root: RootOption,
    manifest: ManifestOption,
    output: Annotated[Path, typer.Option(help="Store folder to make.")],
) -> None:
    """Decode training and validation images into a memory-mapped pixel store."""
    from pipeline.data.store import build_store

    build_store(root, manifest, output, progress=sys.stderr.isatty())


@app.command(
    epilog=_example("train dmtnet-b --store STORE --manifest manifest.csv --output runs/mine")
)
def train(
    method: MethodArgument,
    store: Annotated[Path, typer.Option(help="Pixel store of the data set.")],
    manifest: ManifestOption,
    output: Annotated[Path, typer.Option(help="Run folder to make.")],
    config: ConfigOption = DEFAULT_CONFIG,
    repetition: RepetitionOption = 0,
    progress_file: Annotated[
        Path | None, typer.Option(help="JSON file kept up to date for `dmtbench run`.")
    ] = None,
) -> None:
    """Train (or fit) one method; keeps the weights with the best validation PSNR."""
    from pipeline.config import load_experiment
    from pipeline.stages.train import train_method
    from pipeline.training.progress import Progress

    record = train_method(
        load_experiment(config),
        method,
        repetition,
        store,
        manifest,
        output,
        _command(),
        Progress(method, progress_file),
    )
    print(f"{output}: validation {record.val_psnr:.2f} dB at epoch {record.epoch} ({record.label})")


@app.command(
    epilog=_example("evaluate input --root RAW --manifest manifest.csv --output results/mine")
)
def evaluate(
    method: MethodArgument,
    root: RootOption,
    manifest: ManifestOption,
    output: Annotated[Path, typer.Option(help="Result folder to make.")],
    config: ConfigOption = DEFAULT_CONFIG,
    repetition: RepetitionOption = 0,
    run: Annotated[
        Path | None, typer.Option(help="Run folder with the weights, for methods that learn.")
    ] = None,
) -> None:
    """Score one method on the whole images of the test split."""
    from pipeline.config import load_experiment
    from pipeline.stages.evaluate import evaluate_method

    record = evaluate_method(
        load_experiment(config), method, repetition, root, manifest, run, output, _command()
    )
    mean = record.scores["combined"].mean
    print(f"{output}: combined {mean['psnr']:.2f} dB, SSIM {mean['ssim']:.3f} ({record.label})")


@app.command(epilog=_example("complexity dmtnet-t dmtnet-b --size 1120 1680 --json"))
def complexity(
    methods: Annotated[list[str], typer.Argument(help="Methods or ablations.")],
    size: Annotated[tuple[int, int], typer.Option(help="Height and width in pixels.")] = (
        1120,
        1680,
    ),
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    cache: Annotated[Path, typer.Option(help="Folder of the cached records.")] = Path(
        "results/complexity"
    ),
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Count parameters and FLOPs of the full models, by fvcore and by the paper's rule."""
    from pipeline.config import load_experiment
    from pipeline.stages.complexity import complexity_line, count_methods

    experiment = load_experiment(config)
    for record in count_methods(experiment, methods, size, cache):
        print(complexity_line(record, as_json=json), flush=True)


@app.command(epilog=_example("table1 " + _RECORDS))
def table1(
    results: ResultsOption,
    complexity: ComplexityOption,
    published: PublishedOption,
    output: OutputOption,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Make Table 1, the table of further scene groups and the metrics file from records."""
    from pipeline.config import load_experiment
    from pipeline.stages.report import make_table1

    _list(make_table1(load_experiment(config), results, complexity, published, output))


@app.command(epilog=_example("table2 " + _RECORDS))
def table2(
    results: ResultsOption,
    complexity: ComplexityOption,
    published: PublishedOption,
    output: OutputOption,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Make Table 2 from records."""
    from pipeline.config import load_experiment
    from pipeline.stages.report import make_table2

    _list(make_table2(load_experiment(config), results, complexity, published, output))


@app.command(epilog=_example("plot --table reports/table1.csv --output reports"))
def plot(
    output: OutputOption,
    table: Annotated[Path, typer.Option(help="Table 1 as CSV.")] = Path("reports/table1.csv"),
) -> None:
    """Draw PSNR over parameters, after the paper's Figure 1, from Table 1."""
    from pipeline.stages.report import make_plot

    _list(make_plot(table, output))


@app.command(epilog=_example("track --runs runs/synthetic --results results/synthetic"))
def track(
    runs: Annotated[Path, typer.Option(help="Run folders of the data set.")],
    results: ResultsOption,
    tables: Annotated[list[Path] | None, typer.Option("--table", help="Artefacts.")] = None,
    uri: Annotated[str, typer.Option(help="MLflow store.")] = "sqlite:///mlflow.db",
    artifacts: Annotated[Path, typer.Option(help="Artefact folder.")] = Path("mlartifacts"),
    output: Annotated[Path | None, typer.Option(help="Summary to write, as JSON.")] = None,
) -> None:
    """Bring records into MLflow; what is there already is left alone."""
    from pipeline.stages.track import track_records

    print(track_records(runs, results, tables or [], uri, artifacts, output))


@app.command(epilog=_example("schemas docs/schemas"))
def schemas(output: Annotated[Path, typer.Argument(help="Folder to write to.")]) -> None:
    """Write the JSON Schemas of all records."""
    from pipeline.records import write_schemas

    _list(write_schemas(output))


@app.command(epilog=_example("run reports/table1.csv --cores 8 --config config/canon.yaml"))
def run(
    targets: Annotated[
        list[str] | None, typer.Argument(help="Files to make; everything when absent.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    cores: Annotated[str, typer.Option(help="Jobs at once; `all` takes every core.")] = "all",
) -> None:
    """Run the workflow (Snakemake) with a progress bar for it and for every training."""
    from pipeline.watch import run_workflow

    raise typer.Exit(run_workflow(targets or [], config, cores))


def main() -> None:
    """Entry point: user errors end in one line on standard error and exit code 1."""
    try:
        app()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
