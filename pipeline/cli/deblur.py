"""The command for your own photographs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.app import DEFAULT_CONFIG, AnywhereConfigOption, Panel, app, example
from pipeline.cli.runs import KeyOption, RunOption, TileOption, TileOverlapOption, WeightsOption


@app.command(
    rich_help_panel=Panel.DEBLUR,
    epilog=example("deblur left.png right.png --method ebdb -o sharp.png"),
)
def deblur(
    method: Annotated[str, typer.Option(help="Method, see `dmtbench methods`.")],
    output: Annotated[
        # Text, because a path has no slash at its end.
        str,
        typer.Option(
            "--output",
            "-o",
            help="16-bit PNG to write, or FOLDER/ for a file named after the left image.",
        ),
    ],
    views: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[LEFT RIGHT]", help="The two dual-pixel views, RGB PNG files."),
    ] = None,
    combined: Annotated[Path | None, typer.Option(help="Image of the whole aperture.")] = None,
    run: RunOption = None,
    weights: WeightsOption = None,
    key: KeyOption = None,
    tile: TileOption = None,
    tile_overlap: TileOverlapOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
    config: AnywhereConfigOption = DEFAULT_CONFIG,
) -> None:
    """Deblur one photograph.

    A method that needs the combined view gets the mean of left and right without --combined.
    """
    from pipeline.compute.launch import gpus_held
    from pipeline.config.experiment import load_experiment
    from pipeline.errors import ConfigError
    from pipeline.progress_bars import steps_bar
    from pipeline.run import Run, WeightsOrigin

    images = dict(zip(("left", "right"), views or (), strict=False))
    if len(views or ()) not in (0, 2):
        raise ConfigError("one view is missing: name the left and the right image, or neither")
    if combined is not None:
        images["combined"] = combined
    this = Run.of(load_experiment(config), method)
    with gpus_held(this.compute, this.gpus):
        # They load torch, which must not see the GPUs of other jobs.
        from pipeline.evaluation.protocol import tiling_from
        from pipeline.stages.deblur import deblur as deblur_image
        from pipeline.stages.deblur import output_file

        target = output_file(output, images, force=force)
        with steps_bar(method, sys.stderr.isatty()) as progress:
            done = deblur_image(
                this,
                origin=WeightsOrigin(run, weights, key),
                images=images,
                target=target,
                tiling=tiling_from(tile, tile_overlap),
                progress=progress,
            )
    if done.mean_for_combined:
        print("combined view: the mean of left and right; give --combined for the camera's own")
    settings = f", published settings: {done.settings}" if done.settings else ""
    label = f", {done.label}" if done.label else ""
    print(f"{target}: {method}{settings}{label}")
