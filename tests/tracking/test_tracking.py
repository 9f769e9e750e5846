from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.factories import provenance, result, run
from support.projects import edit_record
from support.tracking_lab import CURVE, DEMO, Lab, filled

from pipeline.artifacts import WEIGHTS
from pipeline.config.experiment import load_experiment
from pipeline.errors import ConfigError, DataError, RecordError
from pipeline.tracking.ingest import Summary
from pipeline.tracking.names import DIGEST, PARENT, SUPERSEDED


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store") / "mlflow.db"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, database: Path) -> Lab:
    lab = filled(tmp_path_factory.mktemp("lab"), "shared", database)
    assert lab.ingest() == Summary(added=3, unchanged=0, superseded=0, removed=0)
    return lab


@pytest.fixture
def own(tmp_path: Path, database: Path, request: pytest.FixtureRequest) -> Lab:
    return filled(tmp_path, request.node.name.lower(), database)


def test_twice_adds_nothing(lab: Lab) -> None:
    before = [run.info.run_id for run in lab.found("shared")]
    assert lab.ingest() == Summary(added=0, unchanged=3, superseded=0, removed=0)
    assert [run.info.run_id for run in lab.found("shared")] == before


def test_runs_sort_by_test_score(lab: Lab) -> None:
    found = lab.found("shared", "metrics.`test/combined_psnr` DESC")
    assert [run.info.run_name for run in found] == [
        "dmtnet-b-seed0",
        "dmtnet-t-seed0",
        "input-seed0",
    ]
    assert [run.data.metrics["test/combined_psnr"] for run in found] == [22.0, 21.0, 20.0]
    assert all(run.info.status == "FINISHED" for run in found)


def test_curves_have_epochs_as_steps(lab: Lab) -> None:
    best = lab.found("shared", "metrics.`test/combined_psnr` DESC")[0]
    client = lab.client()

    def history(name: str) -> list[tuple[int, float]]:
        points = client.get_metric_history(best.info.run_id, name)
        return [(point.step, point.value) for point in points]

    assert history("train/loss") == [(1, 0.09), (2, 0.05)]
    assert history("train/learning_rate") == [(1, 0.002), (2, 0.001)]
    assert history("train/samples") == [(1, 320.0), (2, 640.0)]
    assert history("val/psnr") == [(2, 21.5)]


def test_numbers_params_and_tags(lab: Lab) -> None:
    best, second, blurred = lab.found("shared", "metrics.`test/combined_psnr` DESC")
    metrics, params, tags = best.data.metrics, best.data.params, best.data.tags
    assert metrics["test/indoor_psnr"] == 23.0
    assert metrics["test/stereo_psnr"] == 23.0
    assert metrics["val/best_psnr"] == 21.5
    assert metrics["cost/wall_s"] == 1.5
    assert metrics["cost/peak_memory_mb"] == 64.0
    assert metrics["cost/trained_params"] == result().trained_params
    experiment = load_experiment(DEMO)
    recipe, kwargs = experiment.recipe_of("dmtnet-b"), experiment.trained_kwargs("dmtnet-b")
    assert recipe is not None
    assert params["recipe.learning_rate"] == str(recipe.learning_rate)
    assert params["kwargs.variant"] == kwargs["variant"]
    assert params["kwargs.channels"] == str(kwargs["channels"])
    assert params["dataset.name"] == experiment.dataset.name
    assert not [key for key in params if key.startswith("methods")]
    origin = provenance()
    assert tags["label"] == "demo"
    assert tags["protocol"] == "dpdd-16"
    assert tags["config_hash"] == origin.config_hash
    assert tags["weights_sha256"] == origin.weights_sha256
    assert tags["git_dirty"] == "false"
    assert tags["packages.torch"] == origin.packages["torch"]
    assert tags["hardware.cpu"] == "test"
    assert tags["seeds.order"] == "2"
    assert tags["command"] == tags["evaluation.command"] == origin.command
    assert "arXiv:2209.06040" in tags["citation"]
    assert "reconstruction" in tags["licence"]
    assert not {"surrogate", "choices.known"} & set(tags)
    assert "test/combined_lpips" not in second.data.metrics
    assert "val/best_psnr" not in blurred.data.metrics


def test_what_the_method_declares_is_tagged(own: Lab, request: pytest.FixtureRequest) -> None:
    config = load_experiment(DEMO).model_dump(mode="json")
    for name in ("jnb", "mrnet"):
        own.add_result(result(name, name, 10.0, dataset=request.node.name, config=config))
    own.ingest()
    tags = {found.info.run_name: found.data.tags for found in own.found(request.node.name)}
    assert "CVPR 2015" in tags["jnb-seed0"]["citation"]
    assert "non-commercial" in tags["jnb-seed0"]["licence"]
    assert "most atoms: 64 of 128\n" in tags["jnb-seed0"]["choices.known"]
    assert "sparse coding: " in tags["jnb-seed0"]["choices.reconstruction"]
    assert "full description" in tags["mrnet-seed0"]["surrogate"]
    assert "citation" not in tags["input-seed0"]


def test_the_data_set_is_an_input(lab: Lab) -> None:
    for found in lab.found("shared"):
        (entered,) = found.inputs.dataset_inputs
        assert entered.dataset.name == "shared"
        assert str(provenance().manifest_sha256).startswith(entered.dataset.digest)


def test_artifacts_are_there(lab: Lab) -> None:
    best = lab.found("shared", "metrics.`test/combined_psnr` DESC")[0]
    client = lab.client()

    def listed(folder: str) -> list[str]:
        return sorted(item.path for item in client.list_artifacts(best.info.run_id, folder))

    assert listed("training") == ["training/curve.csv", "training/record.json"]
    assert listed("evaluation") == ["evaluation/per_image.csv", "evaluation/record.json"]
    assert listed("images") == ["images/a.png"]
    assert listed("weights") == ["weights/weights.safetensors"]
    assert not listed("tables")
    (parent,) = lab.parents("shared")
    tables = client.list_artifacts(parent.info.run_id, "tables")
    assert [item.path for item in tables] == ["tables/table1.csv"]
    assert best.info.artifact_uri.startswith((lab.folder / "artifacts" / "shared").as_uri())


def test_a_changed_record_supersedes(own: Lab, request: pytest.FixtureRequest) -> None:
    name = request.node.name
    own.ingest()
    original = (own.folder / "results" / "dmtnet-b-0" / "record.json").read_bytes()
    own.add_result(result(dataset=name, psnr=25.0))
    assert own.ingest() == Summary(added=1, unchanged=2, superseded=1, removed=0)
    best, old, *_ = own.found(name, "metrics.`test/combined_psnr` DESC")
    assert best.data.metrics["test/combined_psnr"] == 25.0
    assert SUPERSEDED not in best.data.tags
    assert old.data.tags[SUPERSEDED] == "true"
    assert own.ingest() == Summary(added=0, unchanged=3, superseded=0, removed=0)

    (own.folder / "results" / "dmtnet-b-0" / "record.json").write_bytes(original)
    assert own.ingest() == Summary(added=0, unchanged=3, superseded=1, removed=0)
    best, old, *_ = own.found(name, "metrics.`test/combined_psnr` DESC")
    assert best.data.tags[SUPERSEDED] == "true"
    assert SUPERSEDED not in old.data.tags


def test_a_broken_off_ingest_is_redone(own: Lab, request: pytest.FixtureRequest) -> None:
    trained = run(dataset=request.node.name)
    own.add_run(trained, curve=CURVE + "3,960,oops,0.04,22\n")
    with pytest.raises(RecordError, match=r"curve\.csv"):
        own.ingest()
    leftovers = [found for found in own.found(request.node.name) if DIGEST not in found.data.tags]
    assert len(leftovers) == 1
    own.add_run(trained)
    assert own.ingest() == Summary(added=3, unchanged=0, superseded=0, removed=1)
    assert all(DIGEST in found.data.tags for found in own.found(request.node.name))


def test_all_runs_have_one_parent_with_the_tables(own: Lab, request: pytest.FixtureRequest) -> None:
    own.ingest()
    own.table.write_text("method\nDMTNet-B\n", encoding="utf-8")
    assert own.ingest().added == 0
    (parent,) = own.parents(request.node.name)
    assert parent.info.run_name == request.node.name
    assert parent.info.status == "FINISHED"
    for found in own.found(request.node.name):
        assert found.data.tags[PARENT] == parent.info.run_id
    path = own.client().download_artifacts(parent.info.run_id, "tables/table1.csv")
    assert Path(path).read_text(encoding="utf-8") == own.table.read_text(encoding="utf-8")


def test_weights_take_no_second_space(own: Lab, request: pytest.FixtureRequest) -> None:
    own.ingest()
    best = own.found(request.node.name, "metrics.`test/combined_psnr` DESC")[0]
    stored = own.folder / "artifacts" / request.node.name / best.info.run_id / "artifacts"
    trained = own.folder / "runs" / "dmtnet-b-0"
    assert (stored / "weights" / WEIGHTS).samefile(trained / WEIGHTS)
    # Small files are copies: somebody may edit them.
    assert not (stored / "training" / "record.json").samefile(trained / "record.json")


def test_names_of_an_earlier_layout_are_not_mixed_with_new_ones(
    own: Lab, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.tracking.entries.LAYOUT", 1)
    own.ingest()
    before = {found.info.run_id for found in own.found(request.node.name)}
    monkeypatch.undo()
    assert own.ingest() == Summary(added=3, unchanged=0, superseded=3, removed=0)
    for found in own.found(request.node.name):
        assert (SUPERSEDED in found.data.tags) == (found.info.run_id in before)
        assert (PARENT in found.data.tags) == (found.info.run_id not in before)


def test_a_method_without_evaluation_is_seen(own: Lab, request: pytest.FixtureRequest) -> None:
    shutil.rmtree(own.folder / "results")
    assert own.ingest().added == 1
    (found,) = own.found(request.node.name)
    assert found.data.metrics["val/best_psnr"] == 21.5
    assert "test/combined_psnr" not in found.data.metrics


def test_long_values_are_cut(own: Lab, request: pytest.FixtureRequest) -> None:
    origin = provenance(config={"note": "x" * 9000, **{f"k{i}": i for i in range(250)}})
    own.add_run(run(dataset=request.node.name, provenance=origin))
    own.ingest()
    best = own.found(request.node.name, "metrics.`test/combined_psnr` DESC")[0]
    assert set(best.data.params["note"]) == {"x"}
    assert len(best.data.params["note"]) < 1000
    assert best.data.params["k249"] == "249"


def test_user_mistakes_are_explained(own: Lab) -> None:
    own.uri = "mlruns"
    with pytest.raises(ConfigError, match="sqlite"):
        own.ingest()
    broken = own.folder / "broken.db"
    broken.write_text("no database at all, but long enough to be read as one " * 20)
    own.uri = f"sqlite:///{broken}"
    with pytest.raises(DataError, match=r"broken\.db"):
        own.ingest()
    own.add_result(result("restormer", "Restormer", dataset="elsewhere"))
    with pytest.raises(RecordError, match="elsewhere"):
        own.ingest()
    (own.folder / "results" / "restormer-0" / "per_image.csv").unlink()
    with pytest.raises(RecordError, match=r"per_image\.csv"):
        own.ingest()
    shutil.rmtree(own.folder / "results")
    shutil.rmtree(own.folder / "runs")
    with pytest.raises(RecordError, match="no records"):
        own.ingest()


def test_result_and_run_must_belong_together(own: Lab) -> None:
    record = own.folder / "results" / "dmtnet-b-0" / "record.json"
    edit_record(record, repetition=5)
    with pytest.raises(RecordError, match="another network"):
        own.ingest()
