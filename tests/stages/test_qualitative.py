"""The stages `qualitative` and `figures`, and their chain, on small trained networks."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from support.fixture_types import EnterCopy
from support.fixture_types import Run as Command
from support.projects import CONFIG, edit_record, train_and_evaluate, working_in, write_config

from pipeline.chain.experiment import Chain
from pipeline.chain.qualitative import qualitative_results
from pipeline.config.experiment import Experiment, load_experiment
from pipeline.data.manifest import ManifestRow, read_manifest, read_scene
from pipeline.errors import ConfigError, RecordError
from pipeline.evaluation.metrics import psnr
from pipeline.places import Places
from pipeline.qualitative_files import QualitativeScene, Selection, read_figure4, read_figure5
from pipeline.run import Run
from pipeline.stages.figures import make_figures
from pipeline.stages.qualitative import make_qualitative
from pipeline.weights.own_file import load_weights

FOLDER = Path("reports/small")
ONLY = ["input", "unsharp", "dmtnet-t", "dmtnet-s", "dmtnet-b", "dmtnet-b-fixed"]
FILES = ("figure4.csv", "figure4.npz", "figure5.csv", "figure5.npz")


@pytest.fixture(scope="module")
def selecting(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished project with networks that select; tests must not write into it."""
    folder = tmp_path_factory.mktemp("selecting") / "project"
    shutil.copytree(finished, folder)
    with working_in(folder):
        experiment = write_config(only=ONLY)
        for name in ("dmtnet-s", "dmtnet-b", "dmtnet-b-fixed"):
            train_and_evaluate(Run.of(experiment, name), Places.of(experiment))
        make_qualitative(experiment)
    return folder


@pytest.fixture
def experiment(selecting: Path, enter_copy: EnterCopy) -> Experiment:
    """The experiment of a copy of that project, which is the current folder."""
    enter_copy(selecting)
    return load_experiment(CONFIG)


def scene_files(experiment: Experiment, name: str) -> tuple[ManifestRow, Any]:
    places = Places.of(experiment)
    rows = read_manifest(places.manifest)
    row = next(row for row in rows if Path(row.source).stem == name and row.split == "test")
    return row, read_scene(places.data / "raw", row)


def made() -> tuple[list[QualitativeScene], Selection]:
    found = read_figure5(FOLDER)
    assert found is not None
    return read_figure4(FOLDER), found


def test_methods_are_compared_and_controls_are_not(experiment: Experiment) -> None:
    scenes, _ = made()
    # Two test scenes; ablations have no place in a comparison of methods.
    assert len(scenes) == 2
    for scene in scenes:
        names = [method.method for method in scene.methods]
        assert names == ["input", "dmtnet-t", "dmtnet-s", "dmtnet-b"]
        assert {method.label for method in scene.methods} == {"demo"}
        assert scene.images.shape == (5, 64, 64, 3)


def test_scores_are_those_of_the_results(experiment: Experiment) -> None:
    for scene in made()[0]:
        for method in scene.methods:
            table = pd.read_csv(Places.of(experiment).per_image(method.method, 0))
            assert method.psnr == table.set_index("scene").loc[scene.scene, "psnr"]


def test_boxes_and_errors_are_those_of_the_images(experiment: Experiment) -> None:
    for scene in made()[0]:
        _, images = scene_files(experiment, scene.scene)
        blurred, target = images["combined"] / 65535, images["target"] / 65535
        top, left, side = scene.blue_top, scene.blue_left, scene.side
        cut = np.s_[top : top + side, left : left + side]
        assert scene.methods[0].blue_psnr == pytest.approx(psnr.score(blurred[cut], target[cut]))
        assert np.abs(scene.blue[0] / 255 - blurred[cut]).max() < 0.5 / 255 + 1e-9
        assert np.abs(scene.blue[-1] / 255 - target[cut]).max() < 0.5 / 255 + 1e-9
        assert np.abs(scene.images[-1] / 255 - target).max() < 0.5 / 255 + 1e-9
        expected = np.abs(blurred - target).mean(axis=2)
        assert np.abs(scene.errors[0] - expected).max() < 1e-3


def test_the_network_of_figure_5_is_dmtnet_b(experiment: Experiment) -> None:
    scenes, found = made()
    assert (found.method, found.row, found.scene) == ("dmtnet-b", "DMTNet-B", scenes[0].scene)
    assert len(found.weights) == 2 * 2 * 3
    run = Run.of(experiment, "dmtnet-b")
    network = run.method.build(**run.kwargs).eval()
    load_weights(Places.of(experiment).weights("dmtnet-b", 0), network, "dmtnet-b")
    _, images = scene_files(experiment, found.scene)
    stacked = np.concatenate([images["right"], images["left"]], axis=-1)
    x = torch.from_numpy(stacked.astype(np.float32) / 65535).permute(2, 0, 1)[None]
    kept: list[Any] = []
    hooks = [
        module.register_forward_hook(lambda *a: kept.append(a[2])) for module in network.dmssrms
    ]
    with torch.inference_mode():
        network(x)
    assert len(found.features) == len(hooks) == 2
    for maps, (_, alphas, features), dmssrm in zip(found.features, kept, (1, 2), strict=True):
        expected = torch.stack([one[0].pow(2).mean(0).sqrt() for one in features])
        assert maps == pytest.approx(expected.numpy(), rel=2e-3, abs=1e-4)
        own = found.weights[
            (found.weights["scene"] == found.scene) & (found.weights["dmssrm"] == dmssrm)
        ]
        assert own["alpha"].to_numpy() == pytest.approx(alphas[0].numpy(), rel=1e-4)


def test_the_same_results_give_the_same_bytes(experiment: Experiment) -> None:
    before = [(FOLDER / name).read_bytes() for name in FILES]
    shutil.rmtree(FOLDER)
    make_qualitative(experiment)
    assert [(FOLDER / name).read_bytes() for name in FILES] == before


def test_an_experiment_file_names_scene_boxes_and_network(experiment: Experiment) -> None:
    name = made()[0][1].scene
    wanted = {"scenes": [{"scene": name, "yellow": [0, 5]}], "crop": 9, "network": "dmtnet-s"}
    mine = write_config(only=ONLY, qualitative=wanted)
    assert Chain(mine).standing("qualitative").state == "foreign"
    make_qualitative(mine)
    (scene,), found = made()
    assert (scene.scene, scene.side, scene.yellow_top, scene.yellow_left) == (name, 9, 0, 5)
    assert (found.method, found.scene) == ("dmtnet-s", name)
    assert Chain(mine).standing("qualitative").state == "fresh"


def test_an_ablation_may_be_the_network_of_figure_5(experiment: Experiment) -> None:
    wanted = {"network": "dmtnet-b-fixed"}
    mine = write_config(only=ONLY, qualitative=wanted)
    last = qualitative_results(mine)[-1]
    assert (last.method, last.compared) == ("dmtnet-b-fixed", False)
    with pytest.raises(ConfigError, match="qualitative: network: 'dmtnet-b-fixed' does not weight"):
        make_qualitative(mine)


def test_a_network_that_makes_something_else_is_refused(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    score = psnr.score
    monkeypatch.setattr(psnr, "score", lambda *images: score(*images) + 0.011)
    with pytest.raises(
        RecordError, match=r"dmtnet-b on .*its result says .* dB, its network now makes"
    ):
        make_qualitative(experiment)


def test_the_chain_of_qualitative_and_figures(experiment: Experiment, run: Command) -> None:
    def states() -> list[str]:
        chain = Chain(experiment)
        return [chain.standing(name).state for name in ("qualitative", "figures")]

    assert states() == ["fresh", "foreign"]
    make_figures(experiment)
    assert states() == ["fresh", "fresh"]
    assert Path("reports/figure4.pdf").read_bytes() == (FOLDER / "figure4.pdf").read_bytes()
    assert {*Chain(experiment).to_make(["reports/small/figure4.pdf"])} == set()
    place = Places.of(experiment).run("dmtnet-b", 0) / "record.json"
    edit_record(place, provenance__wall_s=1.0)
    assert states() == ["foreign", "fresh"]
    done = run("figures", "--config", CONFIG)
    assert done.code == 1
    assert done.err[-1].startswith(
        "error: reports/small/qualitative.record.json: made from another"
    )


def test_an_image_that_was_edited_is_not_drawn(experiment: Experiment) -> None:
    path = FOLDER / "figure4.csv"
    path.write_text(path.read_text().replace("demo", "reproduced"))
    with pytest.raises(RecordError, match=r"figure4\.csv: was changed"):
        make_figures(experiment)


def test_without_a_network_that_selects(project: Path, run: Command) -> None:
    done = run("qualitative", "--config", CONFIG)
    assert (done.code, done.err) == (0, [])
    assert done.out == [f"reports/small/{name}" for name in FILES]
    assert read_figure5(FOLDER) is None
    assert [len(scene.methods) for scene in read_figure4(FOLDER)] == [2, 2]


def test_without_results(project: Path) -> None:
    shutil.rmtree("results/tiny")
    experiment = load_experiment(CONFIG)
    make_qualitative(experiment)
    make_figures(experiment)
    assert read_figure4(FOLDER) == []
