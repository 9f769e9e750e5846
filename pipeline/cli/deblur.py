"""The command for your own photographs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.app import (
    DEFAULT_CONFIG,
    AnywhereConfigOption,
    JsonOption,
    Panel,
    app,
    complete_method,
    example,
)
from pipeline.cli.runs import KeyOption, RunOption, WeightsOption

if TYPE_CHECKING:
    from pipeline.data.photographs.shots import Shot
    from pipeline.run import Run, WeightsOrigin
    from pipeline.stages.deblur import Deblurring, Options


OutputOption = Annotated[
    # Text, because a path has no slash at its end.
    str,
    typer.Option(
        "--output",
        "-o",
        help="File to write (.png, .tif, .jpg), or FOLDER/ for a file named after the left image. "
        "For folders and patterns: a folder.",
    ),
]
ViewsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[LEFT RIGHT]",
        help="The two dual-pixel views: two images, two folders, or two patterns in quotes.",
    ),
]
MethodOption = Annotated[
    str | None,
    typer.Option(
        help="Method, see `dmtbench methods`. A run says it by itself.",
        autocompletion=complete_method,
    ),
]
CombinedOption = Annotated[
    str | None, typer.Option(help="Image of the whole aperture; or a folder, or a pattern.")
]
MemoryOption = Annotated[
    str | None,
    typer.Option(
        help="Memory to stay below, such as 4GB; 80 % of the free memory by default. On a GPU, its "
        "memory."
    ),
]
TileSideOption = Annotated[
    int | None,
    typer.Option(help="Side of tiles in pixels; by default as large as memory allows."),
]
OverlapOption = Annotated[
    int | None, typer.Option(help="Overlap of neighboring tiles in pixels; 256 by default.")
]
MapOption = Annotated[
    bool,
    typer.Option(
        "--save-weights-map",
        help="Also write what every scale contributes, and DMTNet's selection weights.",
    ),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]


@app.command(
    rich_help_panel=Panel.DEBLUR,
    epilog=example("deblur left.png right.png --method ebdb -o sharp.png"),
)
def deblur(
    output: OutputOption,
    views: ViewsArgument = None,
    method: MethodOption = None,
    combined: CombinedOption = None,
    run: RunOption = None,
    weights: WeightsOption = None,
    key: KeyOption = None,
    max_memory: MemoryOption = None,
    tile: TileSideOption = None,
    tile_overlap: OverlapOption = None,
    save_weights_map: MapOption = False,
    force: ForceOption = False,
    json: JsonOption = False,
    config: AnywhereConfigOption = DEFAULT_CONFIG,
) -> None:
    """Deblur photographs: PNG, TIFF or JPEG in, the same kind and depth out.

    A method that needs the combined view gets the mean of left and right without --combined.
    Folders and patterns are paired by name, and results that are current are left out. If only
    some of the images could be deblurred, the exit status is 3.
    """
    from pipeline.compute.launch import gpus_held
    from pipeline.config.experiment import load_experiment
    from pipeline.data.photographs.shots import is_many
    from pipeline.errors import ConfigError
    from pipeline.run import Run, WeightsOrigin

    if len(views or ()) not in (0, 2):
        raise ConfigError("one view is missing: name the left and the right image, or neither")
    sources = dict(zip(("left", "right"), views or (), strict=False))
    if combined is not None:
        sources["combined"] = combined
    if weights is not None and weights.is_dir() and run is None:
        run, weights = weights, None
    this = Run.of(load_experiment(config), method or _method_of(run))
    origin = WeightsOrigin(run, weights, key)
    many = any(is_many(source) for source in sources.values())
    with gpus_held(this.compute, this.gpus):
        # They load torch, which must not see the GPUs of other jobs.
        options = _options(max_memory, tile, tile_overlap, save_weights_map)
        if many:
            status = _folder(this, origin, options, sources, Path(output), force, json)
        else:
            images = {view: Path(source) for view, source in sources.items()}
            status = _single(this, origin, options, images, output, force, json)
    if status:
        raise typer.Exit(status)


def _single(
    run: Run,
    origin: WeightsOrigin,
    options: Options,
    images: dict[str, Path],
    output: str,
    force: bool,
    json: bool,
) -> int:
    from pipeline.data.photographs.output import output_file
    from pipeline.data.photographs.shots import Shot
    from pipeline.reporting.deblurred import made_json, made_lines
    from pipeline.stages.deblur import Deblurring

    target = output_file(output, images, force=force)
    deblurring = Deblurring(run, origin, options)
    made = _with_bar(deblurring, Shot(images), target, run.method.name)
    for line in [made_json(target, made)] if json else made_lines(target, made):
        print(line)
    return 0


def _folder(
    run: Run,
    origin: WeightsOrigin,
    options: Options,
    sources: dict[str, str],
    folder: Path,
    force: bool,
    json: bool,
) -> int:
    from collections import Counter

    from pipeline.data.photographs.shots import find_shots
    from pipeline.errors import PARTIAL
    from pipeline.reporting.deblurred import outcome_json, outcome_lines
    from pipeline.stages.deblur import Deblurring
    from pipeline.stages.deblur_folder import deblur_shots

    found = find_shots(sources)
    for problem in found.problems:
        print(f"error: {problem}", file=sys.stderr)
    deblurring = Deblurring(run, origin, options)
    counts: Counter[str] = Counter()

    def one(shot: Shot, target: Path) -> object:
        number = f"{sum(counts.values()) + 1} of {len(found.shots)}"
        return _with_bar(deblurring, shot, target, f"{shot.name} ({number})")

    for outcome in deblur_shots(
        found.shots, folder, deblur=one, settings=deblurring.key(), force=force
    ):
        counts[outcome.state] += 1
        if outcome.problem:
            print(f"error: {outcome.problem}", file=sys.stderr, flush=True)
        for line in [outcome_json(outcome)] if json else outcome_lines(outcome):
            print(line, flush=True)
    counts["failed"] += len(found.problems)
    if not json:
        print(", ".join(f"{counts[state]} {state}" for state in ("deblurred", "current", "failed")))
    if not counts["failed"]:
        return 0
    return PARTIAL if counts["deblurred"] or counts["current"] else 1


def _with_bar(deblurring: Deblurring, shot: Shot, target: Path, caption: str) -> object:
    from pipeline.progress_bars import steps_bar

    with steps_bar(caption, sys.stderr.isatty()) as progress:
        return deblurring.deblur(shot.images, target, progress)


def _method_of(run: Path | None) -> str:
    from pipeline.artifacts import RECORD
    from pipeline.errors import ConfigError
    from pipeline.records import RunRecord, read_record

    if run is None:
        raise ConfigError(
            "no method is named: add --method, e.g. ebdb, which needs no weights, or --run with "
            "the folder of a training"
        )
    return read_record(run / RECORD, RunRecord).method


def _options(
    max_memory: str | None, tile: int | None, overlap: int | None, weights_map: bool
) -> Options:
    from pipeline.errors import ConfigError
    from pipeline.evaluation.seamless import DEFAULT_OVERLAP, SeamlessTiling
    from pipeline.stages.deblur import Options

    if tile is None and overlap is not None:
        raise ConfigError("--tile-overlap needs --tile, e.g. --tile 1024; give both or neither")
    tiling = None
    if tile is not None:
        tiling = SeamlessTiling(tile, DEFAULT_OVERLAP if overlap is None else overlap)
    return Options(tiling, _bytes(max_memory), weights_map)


def _bytes(text: str | None) -> int | None:
    from pydantic import ByteSize, TypeAdapter, ValidationError

    from pipeline.errors import ConfigError, one_line

    if text is None:
        return None
    try:
        return int(TypeAdapter(ByteSize).validate_python(text))
    except ValidationError:
        raise ConfigError(
            f"--max-memory {one_line(text)}: is not a size; write it like 4GB or 800MB"
        ) from None
