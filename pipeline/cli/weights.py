"""Commands for weights that authors have published."""

from __future__ import annotations

import sys
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from pipeline.cli.app import (
    DEFAULT_CONFIG,
    AnywhereConfigOption,
    ConfigOption,
    JsonOption,
    Panel,
    app,
    example,
)
from pipeline.cli.runs import KeyOption

weights_app = typer.Typer(
    help="Fetch and check weights that authors have published.",
    epilog=example("weights fetch dpdnet --source model.hdf5"),
    no_args_is_help=True,
)
app.add_typer(weights_app, name="weights", rich_help_panel=Panel.RUNS)

MethodArgument = Annotated[str, typer.Argument(help="Method, see `dmtbench weights list`.")]


@weights_app.command("list", epilog=example("weights list"))
def list_weights(json: JsonOption = False) -> None:
    """List where weights are available, and under which terms."""
    from pipeline.weights.registry import all_weights

    if json:
        for method, entry in all_weights().items():
            print(f'{{"method": "{method}", {entry.model_dump_json()[1:]}')
        return

    for method, entry in all_weights().items():
        print(f"{method}: {entry.title}; licence: {entry.licence}")
        for source in entry.sources:
            (archive,) = source.archives
            through = "in a browser" if source.transport == "browser" else source.transport
            known = f"sha256 {archive.sha256}" if archive.sha256 else "checksum unknown"
            name = f"{archive.name}/{source.member}" if source.member else archive.name
            print(f"  {source.name} ({through}): {name} at {archive.address}")
            print(f"    {source.layout}; {known}{'; ' if source.note else ''}{source.note}")
        if entry.none:
            print(f"  none: {entry.none}")


@weights_app.command("fetch", epilog=example("weights fetch dpdnet --source model.hdf5"))
def fetch_weights(
    method: MethodArgument,
    source: Annotated[
        str | None,
        typer.Option(help="Name of a source, an address, or a file downloaded by hand."),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Folder for the file; weights/METHOD by default.")
    ] = None,
) -> None:
    """Fetch a method's published weights, or those that a metric needs; nothing is executed."""
    from pipeline.files import sha256_of
    from pipeline.weights.fetch import WeightsFetch
    from pipeline.weights.registry import published_weights

    entry = published_weights(method)
    target = folder or Path("weights", method)
    path = WeightsFetch(method, entry, target, progress=sys.stderr.isatty()).run(source)
    print(f"{path}: sha256 {sha256_of(path)}; licence: {entry.licence}")
    if entry.metric:
        print(f"the next `dmtbench run` scores again what lacks {entry.metric}")
    else:
        print(f"check it with: dmtbench weights check {method} {path}")


@weights_app.command("check", epilog=example("weights check dpdnet weights/dpdnet/model.hdf5"))
def check_weights(
    method: MethodArgument,
    file: Annotated[Path, typer.Argument(help="File of weights as published.")],
    key: KeyOption = None,
    config: AnywhereConfigOption = DEFAULT_CONFIG,
    json: JsonOption = False,
) -> None:
    """Load published weights into a method's full-size network, and say whether they are trusted.

    Results of files that are not trusted have the label `given weights`.
    """
    from pipeline.config.experiment import load_experiment
    from pipeline.methods import get_method
    from pipeline.reporting.terminal import print_object
    from pipeline.stages.weights import check_weights as check
    from pipeline.weights.trust import known_source

    experiment = load_experiment(config)
    params, digest = check(get_method(method, experiment), file, key)
    source = known_source(method, digest, experiment.pins)
    if json:
        found = {"method": method, "file": str(file), "params": params, "sha256": digest}
        print_object(found | {"trusted": source is not None, "source": source})
        return
    print(f"{file}: fits {method}, {params:,} parameters, sha256 {digest}")
    if source is None:
        command = (
            f"dmtbench weights trust {method} {quote(str(file))} --config {quote(str(config))}"
        )
        print(
            f"not trusted, results are labeled given weights; to trust it: {command} --source WHERE"
        )
    else:
        print(f"trusted; from: {source}")


@weights_app.command(
    "trust",
    epilog=example('weights trust dpdnet weights/dpdnet/model.hdf5 --source "authors\' page"'),
)
def trust_weights(
    method: MethodArgument,
    file: Annotated[Path, typer.Argument(help="File of weights as published.")],
    source: Annotated[str, typer.Option(help="Where the file came from, in words.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Pin the checksum of published weights beside the experiment file.

    Their results then have the label `official weights`.
    """
    from pipeline.config.experiment import load_experiment
    from pipeline.methods import get_method
    from pipeline.pins import pins_file
    from pipeline.stages.weights import trust_weights as trust

    pins = pins_file(config)
    pinned = trust(get_method(method, load_experiment(config)), file, source, pins)
    print(f"{pins}: {method}: sha256 {pinned.sha256}, from: {pinned.source}")
