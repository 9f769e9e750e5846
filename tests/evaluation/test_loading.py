"""A method with its weights: which ones it needs, takes and refuses, and the scenes it is for."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import torch
from support.fixture_types import Tiny
from torch import nn

from pipeline.config.experiment import Experiment
from pipeline.data.manifest import read_manifest, write_manifest
from pipeline.errors import ConfigError, DataError, WeightsError
from pipeline.evaluation.loading import LoadedMethod, check_origin, load_method, prepare
from pipeline.evaluation.protocol import Tiling
from pipeline.files import sha256_of
from pipeline.methods import get_method
from pipeline.pins import PinnedWeights, Pins
from pipeline.run import Run, WeightsOrigin
from pipeline.weights.own_file import save_weights

RUN, FILE = Path("run"), Path("file")


@pytest.mark.parametrize(
    ("method", "run_folder", "official", "message"),
    [
        ("dmtnet-t", RUN, None, ""),
        ("dmtnet-t", None, FILE, ""),
        ("dmtnet-t", None, None, "needs a run; give its folder with --run"),
        ("dmtnet-t", RUN, FILE, "takes a run or published weights; leave out one"),
        ("unsharp", RUN, None, ""),
        ("unsharp", None, None, "needs a run"),
        ("input", None, None, ""),
        ("input", RUN, None, "needs no run; leave out --run"),
        ("dmenet", None, FILE, ""),
        ("dmenet", None, None, "runs with published weights only; `dmtbench weights fetch dmenet`"),
        ("dmenet", RUN, None, "runs with published weights only"),
        ("dmenet", RUN, FILE, "leave out one"),
    ],
)
def test_weights_that_are_missing_or_superfluous(
    method: str, run_folder: Path | None, official: Path | None, message: str
) -> None:
    origin = WeightsOrigin(run_folder, official)
    if not message:
        check_origin(get_method(method), origin)
        return
    with pytest.raises(ConfigError) as caught:
        check_origin(get_method(method), origin)
    assert str(caught.value).startswith(f"method {method!r} ")
    assert message in str(caught.value)


def saved(experiment: Experiment, folder: Path, name: str = "dmtnet-t", seed: int = 5) -> nn.Module:
    """A run folder with the weights of a method; returns its network."""
    run = Run.of(experiment, name)
    torch.manual_seed(seed)
    network = run.method.build(**run.kwargs)
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(folder / "weights.safetensors", network.state_dict(), name, run.kwargs)
    return network


def same(one: nn.Module, other: nn.Module) -> bool:
    return all(map(torch.equal, one.state_dict().values(), other.state_dict().values()))


def test_the_weights_of_a_run(tiny: Tiny, tmp_path: Path) -> None:
    network = saved(tiny.experiment, tmp_path / "run")
    run = Run.of(tiny.experiment, "dmtnet-t")
    loaded = load_method(run, WeightsOrigin(tmp_path / "run"))
    assert same(loaded.network, network)
    assert not same(run.method.build(**run.kwargs), network)
    expected = (run, run.kwargs, run.label, tmp_path / "run" / "weights.safetensors")
    assert (loaded.run, loaded.kwargs, loaded.label, loaded.weights) == expected


def test_the_weights_of_another_method_are_refused(tiny: Tiny, tmp_path: Path) -> None:
    saved(tiny.experiment, tmp_path / "run", "dmtnet-b")
    with pytest.raises(WeightsError, match="another architecture than dmtnet-t"):
        load_method(Run.of(tiny.experiment, "dmtnet-t"), WeightsOrigin(tmp_path / "run"))


def test_without_weights_a_method_is_as_it_is_built(tiny: Tiny) -> None:
    run = Run.of(tiny.experiment, "input")
    loaded = load_method(run, WeightsOrigin())
    assert loaded == LoadedMethod(run, loaded.network, run.kwargs, "demo", None)


def test_published_weights_are_those_of_the_full_size(tiny: Tiny, tmp_path: Path) -> None:
    file = tmp_path / "dpdnet.pth"
    entry = get_method("dpdnet").entry.model_copy(update={"kwargs": {"width": 4}})
    # What this experiment trains is smaller.
    changes = {
        "methods": {**tiny.experiment.methods, "dpdnet": entry},
        "trained_size": {"baselines.dpdnet": {"width": 2}},
    }
    run = Run.of(tiny.experiment.model_copy(update=changes), "dpdnet")
    full = run.method.build()
    torch.save({"params": full.state_dict()}, file)
    assert run.kwargs == {"width": 2}
    loaded = load_method(run, WeightsOrigin(official=file))
    assert same(loaded.network, full)
    assert loaded.label != run.label
    assert (loaded.kwargs, loaded.weights) == ({"width": 4}, file)


@pytest.mark.parametrize("known", [True, False])
def test_the_label_of_a_file_is_what_is_known_of_it(
    tiny: Tiny, tmp_path: Path, known: bool
) -> None:
    """Names and shapes prove nothing: anyone can save a network under them."""
    file = tmp_path / "dpdnet.pth"
    entry = get_method("dpdnet").entry.model_copy(update={"kwargs": {"width": 2}})
    methods = {**tiny.experiment.methods, "dpdnet": entry}
    run = Run.of(tiny.experiment.model_copy(update={"methods": methods}), "dpdnet")
    torch.save({"params": run.method.build().state_dict()}, file)
    digest = sha256_of(file) if known else "0" * 64
    pinned = PinnedWeights(sha256=digest, source="a DVD", added=date(2024, 5, 6))
    pins = Pins(weights={"dpdnet": (pinned,), "kpac": ()})
    run = Run.of(run.experiment.model_copy(update={"pins": pins}), "dpdnet")
    loaded = load_method(run, WeightsOrigin(official=file))
    assert loaded.label == ("official weights" if known else "given weights")


def test_a_key_is_for_files_of_weights_only() -> None:
    method = get_method("dmtnet-t")
    for folder in (RUN, None):
        with pytest.raises(ConfigError, match=r"--key chooses within a file .*; give it"):
            check_origin(method, WeightsOrigin(folder, None, "params"))
    check_origin(method, WeightsOrigin(None, FILE, "params"))


def test_the_test_scenes_with_protocol_and_tiles(tiny: Tiny) -> None:
    run = Run.of(tiny.experiment, "input")
    tiling = Tiling(32, 8)
    ready = prepare(run, origin=WeightsOrigin(), manifest=tiny.manifest, tiling=tiling)
    expected = [row for row in read_manifest(tiny.manifest) if row.split == "test"]
    assert ready.rows == expected
    assert len(ready.rows) == 2
    assert (ready.tiling, ready.protocol.id) == (tiling, "dpdd-16-tiled-32-8")
    assert ready.protocol.views == run.method.views
    whole = prepare(run, origin=WeightsOrigin(), manifest=tiny.manifest)
    assert (whole.tiling, whole.protocol.id) == (None, "dpdd-16")
    assert whole.device.type in ("cpu", "cuda")


def test_weights_are_checked_before_anything_is_read(tiny: Tiny) -> None:
    run = Run.of(tiny.experiment, "dmtnet-t")
    with pytest.raises(ConfigError, match="needs a run"):
        prepare(run, origin=WeightsOrigin(), manifest=Path("gone.csv"))


def test_images_of_too_few_bits_are_refused(tiny: Tiny, tmp_path: Path) -> None:
    rows = read_manifest(tiny.manifest)
    shallow = [row.model_copy(update={"bit_depth": 8}) for row in rows]
    write_manifest(tmp_path / "manifest.csv", shallow)
    run = Run.of(tiny.experiment, "input")
    with pytest.raises(DataError, match=r"manifest\.csv: the images have 8 bits"):
        prepare(run, origin=WeightsOrigin(), manifest=tmp_path / "manifest.csv")
