"""The command for whoever has a GPU."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.app import Panel, app, command_line, example
from pipeline.gpu_check.parts import PARTS


class Device(StrEnum):
    """Where to run the check."""

    AUTO = "auto"
    CUDA = "cuda"
    CPU = "cpu"


@app.command(
    rich_help_panel=Panel.DEBUG,
    epilog=example("gpu-check --only rates --only speed --budget 5m --output mine.md"),
)
def gpu_check(
    device: Annotated[
        Device,
        typer.Option(help="`cpu` only proves that the check works: small sizes, no GPU needed."),
    ] = Device.AUTO,
    budget: Annotated[
        str | None,
        typer.Option(help="Time for everything, like 10m; by default 10m on a GPU, 5m on a CPU."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help=f"Only this part; may be repeated. Parts: {', '.join(PARTS)}."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Page to write, FILE.md; by default docs/gpu-<device>.md."),
    ] = None,
) -> None:
    """Measure on a GPU what cannot be measured elsewhere, and write a page of it.

    Speed and memory of every network in every precision, against plain operations; attention
    kernels, determinism, the feed, the tests marked gpu, a kill drill, two GPUs against one. Each
    part has its share of the time; what fails or does not fit is named on the page. Ctrl-C keeps
    what there is. The GPU should be idle otherwise.
    """
    from pipeline.stages.gpu_check import Request
    from pipeline.stages.gpu_check import gpu_check as check
    from pipeline.training.stop import duration

    made = check(
        Request(
            device=device.value,
            only=tuple(only or ()),
            budget_s=duration(budget) if budget else None,
            output=output,
            command=command_line(),
        )
    )
    print(made)
