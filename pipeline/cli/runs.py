"""Commands that train, score and count methods."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.app import (
    DEFAULT_CONFIG,
    ConfigOption,
    ManifestOption,
    Panel,
    RepetitionOption,
    RootOption,
    StoreOption,
    app,
    command_line,
    complete_method,
    example,
)
from pipeline.data.canon import CANON_SIZE
from pipeline.files import need_writable

RunOption = Annotated[
    Path | None, typer.Option(help="Run folder with the weights, for methods that learn.")
]
WeightsOption = Annotated[
    Path | None,
    typer.Option(
        help="Weights published by the authors, instead of a run; see `dmtbench weights trust`."
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option(help="Which of several state dicts in the published weights, e.g. params_ema."),
]
TileOption = Annotated[
    int | None,
    typer.Option(help="Process images in tiles of this side, in pixels: a separate protocol."),
]
TileOverlapOption = Annotated[
    int | None, typer.Option(help="Overlap of neighboring tiles in pixels; 64 by default.")
]
MethodArgument = Annotated[
    str,
    typer.Argument(
        help="Method or ablation, see `dmtbench methods`.", autocompletion=complete_method
    ),
]


@app.command(
    rich_help_panel=Panel.RUNS,
    epilog=example(
        "train dmtnet-b --store STORE --patches patches.csv --manifest manifest.csv"
        " --output runs/mine"
    ),
)
def train(
    method: MethodArgument,
    store: StoreOption,
    patches: Annotated[Path, typer.Option(help="Patch index of the store.")],
    manifest: ManifestOption,
    output: Annotated[Path, typer.Option(help="Run folder to make.")],
    config: ConfigOption = DEFAULT_CONFIG,
    repetition: RepetitionOption = 0,
    companion: Annotated[
        Path | None,
        typer.Option(help="Pixel store of the companion set, for methods that are trained on one."),
    ] = None,
    progress_file: Annotated[
        Path | None, typer.Option(help="JSON file with the progress, for `dmtbench run`.")
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(help="Folder of the state to resume from; OUTPUT.state by default."),
    ] = None,
    time_limit: Annotated[
        str | None,
        typer.Option(help="Save and exit with status 75 within this time: 3h50m."),
    ] = None,
    fork: Annotated[
        bool, typer.Option("--fork", help="Start a new training from the weights of the state.")
    ] = False,
) -> None:
    """Train (or fit) one method; keep the weights with the best validation PSNR.

    After an interruption, the same command resumes. DPDNet+ and RDPD+ are also trained on a second
    set: add --companion data/clips/store
    """
    from pipeline.compute.launch import gpus_held, run_together
    from pipeline.config.experiment import load_experiment
    from pipeline.run import Run
    from pipeline.training.progress import Progress
    from pipeline.training.stop import duration

    experiment = load_experiment(config)
    this = Run.of(experiment, method, repetition)
    limit_s = duration(time_limit) if time_limit else None
    need_writable(output.parent)
    with gpus_held(experiment.compute, experiment.training_gpus(method)) as slots:
        if len(slots.devices) > 1:
            raise typer.Exit(run_together(slots, sys.argv[1:]))
        # They load torch, which must not see the GPUs of other jobs.
        from pipeline.stages.train import TrainingFiles, train_method
        from pipeline.training.checkpointing import CheckpointPolicy

        record = train_method(
            this,
            files=TrainingFiles(store, patches, manifest, companion),
            target=output,
            command=command_line(),
            progress=Progress(method, progress_file),
            policy=CheckpointPolicy(
                folder=state or output.with_name(f"{output.name}.state"),
                every_s=experiment.compute.save_every_s,
                limit_s=limit_s,
                fork=fork,
            ),
        )
    if record is None:
        return
    print(f"{output}: validation {record.val_psnr:.2f} dB at epoch {record.epoch} ({record.label})")


@app.command(
    rich_help_panel=Panel.RUNS,
    epilog=example("evaluate input --root RAW --manifest manifest.csv --output results/mine"),
)
def evaluate(
    method: MethodArgument,
    root: RootOption,
    manifest: ManifestOption,
    output: Annotated[Path, typer.Option(help="Result folder to make.")],
    config: ConfigOption = DEFAULT_CONFIG,
    repetition: RepetitionOption = 0,
    run: RunOption = None,
    weights: WeightsOption = None,
    key: KeyOption = None,
    tile: TileOption = None,
    tile_overlap: TileOverlapOption = None,
) -> None:
    """Score one method on the images of the test split.

    First it scores controls whose values are known, and refuses to continue if one is off.
    """
    from pipeline.compute.launch import gpus_held
    from pipeline.config.experiment import load_experiment
    from pipeline.run import Run, WeightsOrigin

    this = Run.of(load_experiment(config), method, repetition)
    with gpus_held(this.compute, this.gpus):
        # They load torch, which must not see the GPUs of other jobs.
        from pipeline.evaluation.protocol import tiling_from
        from pipeline.stages.evaluate import evaluate_method

        record = evaluate_method(
            this,
            origin=WeightsOrigin(run, weights, key),
            root=root,
            manifest=manifest,
            target=output,
            command=command_line(),
            tiling=tiling_from(tile, tile_overlap),
        )
    mean = record.scores["combined"].mean
    print(f"{output}: combined {mean['psnr']:.2f} dB, SSIM {mean['ssim']:.3f} ({record.label})")
    if record.floor is not None and (warning := record.floor.warning()):
        print(f"{output}: {warning}; no mistake in views, colors or ground truth explains it")


@app.command(
    rich_help_panel=Panel.RUNS,
    epilog=example("predict dmtnet-b --root RAW --manifest manifest.csv --run RUN --output sharp"),
)
def predict(
    method: MethodArgument,
    root: RootOption,
    manifest: ManifestOption,
    output: Annotated[Path, typer.Option(help="Folder of the images to make.")],
    config: ConfigOption = DEFAULT_CONFIG,
    repetition: RepetitionOption = 0,
    run: RunOption = None,
    weights: WeightsOption = None,
    key: KeyOption = None,
    tile: TileOption = None,
    tile_overlap: TileOverlapOption = None,
) -> None:
    """Deblur the test split into 16-bit PNG files; needs no ground truth (Pixel 4)."""
    from pipeline.compute.launch import gpus_held
    from pipeline.config.experiment import load_experiment
    from pipeline.run import Run, WeightsOrigin

    this = Run.of(load_experiment(config), method, repetition)
    with gpus_held(this.compute, this.gpus):
        # They load torch, which must not see the GPUs of other jobs.
        from pipeline.evaluation.protocol import tiling_from
        from pipeline.stages.predict import predict_method

        count, made = predict_method(
            this,
            origin=WeightsOrigin(run, weights, key),
            root=root,
            manifest=manifest,
            target=output,
            tiling=tiling_from(tile, tile_overlap),
        )
    print(f"{output}: {count} images, {made} of them new")


@app.command(
    rich_help_panel=Panel.RUNS,
    epilog=example("complexity dmtnet-t dmtnet-b --size 1120 1680 --json"),
)
def complexity(
    methods: Annotated[list[str] | None, typer.Argument(help="Methods or ablations.")] = None,
    all_rows: Annotated[
        bool, typer.Option("--all", help="Every row of the paper's Table 1, next to its numbers.")
    ] = False,
    size: Annotated[tuple[int, int], typer.Option(help="Height and width in pixels.")] = CANON_SIZE,
    json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
    cache: Annotated[Path, typer.Option(help="Folder of the cached records.")] = Path(
        "results/complexity"
    ),
    published: Annotated[Path, typer.Option(help="Folder of the paper's numbers.")] = Path(
        "reports/published"
    ),
    csv: Annotated[
        Path | None, typer.Option(help="With --all: also write the counts to this file.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Count parameters and FLOPs of the full models, by fvcore and by the paper's rule."""
    from pipeline.config.experiment import load_experiment
    from pipeline.errors import ConfigError
    from pipeline.reporting.complexity import (
        Comparison,
        comparison_json,
        comparison_text,
        heading,
    )
    from pipeline.stages.complexity import compare_with_table1, complexity_line, count_methods

    if bool(methods) == all_rows:
        raise ConfigError("complexity needs either names of methods or --all")
    if csv is not None and (not all_rows or size != CANON_SIZE):
        raise ConfigError("--csv needs --all, and no --size: the paper's column has one size")
    experiment = load_experiment(config)
    if not all_rows:
        for record in count_methods(experiment, methods or [], size, cache):
            print(complexity_line(record, as_json=json), flush=True)
        return
    comparisons: list[Comparison] = []
    for comparison in compare_with_table1(experiment, size, cache, published):
        if not comparisons and not json:
            print(heading())
        print(comparison_json(comparison) if json else comparison_text(comparison), flush=True)
        comparisons.append(comparison)
    if csv is not None:
        from pipeline.stages.counts import write_counts

        write_counts(experiment, comparisons, csv)
