"""A field of the configuration that nothing reads is a promise not kept.

Reads are recorded while the whole harness runs on the tiny set: names alone, looked for in the
source, would take any `.size` for the read of every `size`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from support.paths import CONFIG, PUBLISHED, TINY
from support.played_canon import claims, papers
from support.studies import made_up_scores

from pipeline.chain.experiment import Chain
from pipeline.chain.reports import reports
from pipeline.chain.shown import Shown
from pipeline.config.blocks import (
    Budget,
    Canon,
    Clips,
    Compute,
    Folder,
    Patches,
    SplitScenes,
    Strict,
    Synthetic,
)
from pipeline.config.experiment import Experiment, load_experiment
from pipeline.config.given_weights import GivenWeights
from pipeline.config.methods import AblationEntry, MethodEntry, MethodList, MetricEntry
from pipeline.config.qualitative import Qualitative, RequestedScene
from pipeline.config.recipe import Batches, Cosine, Downscale, Multistep, Noise, Phase, Recipe
from pipeline.config.study import Compared, Study
from pipeline.data.manifest import read_manifest, read_scene
from pipeline.data.sampling.loader import CropLoader
from pipeline.data.sampling.patch_index import read_patch_index, write_patch_index
from pipeline.data.store.build import build_store
from pipeline.data.store.reader import PixelStore
from pipeline.evaluation.chosen_scenes import chosen_scenes
from pipeline.evaluation.metrics import load_metrics
from pipeline.keys import study_keys
from pipeline.run import Run, WeightsOrigin
from pipeline.stages.complexity import count_methods
from pipeline.stages.data import make_data
from pipeline.stages.evaluate import evaluate_method
from pipeline.stages.report import write_table1
from pipeline.stages.train import TrainingFiles, train_method
from pipeline.study.tables import tables_of
from pipeline.training.checkpointing import CheckpointPolicy
from pipeline.training.progress import Progress
from pipeline.training.schedule import TrainingSchedule
from pipeline.workflow.experiment import Workflow

CLIPS = Clips(
    kind="clips",
    name="tiny-clips",
    size=(64, 64),
    clips=1,
    frames=4,
    coc_far=(10.0, 14.0),
    focus=(1.5, 2.5),
    distortion=False,
)
MODELS = [
    AblationEntry,
    Batches,
    Budget,
    Canon,
    Clips,
    Compared,
    Compute,
    Cosine,
    Downscale,
    Experiment,
    Folder,
    GivenWeights,
    MethodEntry,
    MetricEntry,
    Multistep,
    Noise,
    Patches,
    Phase,
    Qualitative,
    Recipe,
    RequestedScene,
    SplitScenes,
    Study,
    Synthetic,
]


def subclasses(model: type) -> Iterator[type]:
    for child in model.__subclasses__():
        yield child
        yield from subclasses(child)


def test_no_model_is_forgotten() -> None:
    # Tolerances are a file of their own, which no run reads.
    models = {
        model
        for model in subclasses(Strict)
        if model.__module__.startswith("pipeline.config.")
        and model.__module__ != "pipeline.config.tolerances"
    }
    assert models - {MethodList} == set(MODELS)


@pytest.fixture(scope="module")
def reads(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    """Model and field of everything that a whole run reads."""
    folder = tmp_path_factory.mktemp("use")
    experiment = load_experiment(TINY)
    found: set[tuple[str, str]] = set()

    def spy(model: Strict, name: str) -> object:
        if name in type(model).model_fields:
            found.add((type(model).__name__, name))
        return object.__getattribute__(model, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Strict, "__getattribute__", spy, raising=False)
        run_everything(experiment, folder)
    return found


def run_everything(experiment: Experiment, folder: Path) -> None:
    (folder / "own.yaml").write_text(
        (CONFIG / "canon.yaml")
        .read_text()
        .replace("kind: canon", "kind: folder")
        .replace("name: canon", "name: own")
    )
    tiny, canon = TINY, CONFIG / "canon.yaml"
    for config in (tiny, canon, folder / "own.yaml"):
        workflow = Workflow(config)
        for report in reports(workflow.experiment):
            assert workflow.inputs(report)
            assert workflow.outputs(report)
        assert Chain(workflow.experiment).standing("complexity dmtnet-t")
        for method in workflow.all_methods:
            workflow.named_runs([method])
            workflow.experiment.training_gpus(method)
    study_config = CONFIG / "study.yaml"
    study = load_experiment(study_config)
    steps = {name: [0.0, 0.1, 0.3] for name, _ in study.runs_of(Workflow(study_config).all_methods)}
    assert tables_of(study, made_up_scores(steps), claims(), papers())
    assert study_keys(study).configuration
    official = Workflow(CONFIG / "official.yaml")
    for method in official.experiment.given_of(official.all_methods):
        assert official.given_option(method)
    raw, manifest, store, run = (folder / name for name in ("raw", "manifest.csv", "store", "run"))
    make_data(experiment, raw, manifest, 1, progress=False)
    build_store(raw, manifest, store, progress=False)
    patches = folder / "patches.csv"
    write_patch_index(PixelStore(store), experiment.patches, patches)
    name = "dmtnet-b-fixed"
    train_method(
        Run.of(experiment, name),
        files=TrainingFiles(store, patches, manifest),
        target=run,
        command="test",
        progress=Progress(name),
        policy=CheckpointPolicy(run.with_name("state"), experiment.compute.save_every_s),
    )
    draw_every_recipe(experiment, folder, PixelStore(store), patches)
    rows = [row for row in read_manifest(manifest) if row.split == "test"]
    stem = Path(rows[0].source).stem
    chosen_scenes(
        Qualitative(scenes=(RequestedScene(scene=stem),)),
        {"input": {stem: 20.0}},
        rows,
        read=partial(read_scene, raw),
        blurred="input",
    )
    load_metrics(experiment.metrics)
    # LPIPS takes longer than all the rest.
    metrics = {name: entry for name, entry in experiment.metrics.items() if name != "lpips"}
    quick = experiment.model_copy(update={"metrics": metrics})
    results = folder / "results"
    record = evaluate_method(
        Run.of(quick, name),
        origin=WeightsOrigin(run),
        root=raw,
        manifest=manifest,
        target=results / f"{name}-seed0",
        command="test",
    )
    list(count_methods(experiment, ["dmtnet-t"], (64, 64), None))
    write_table1(experiment, Shown(experiment.name, [record], [], frozenset()), PUBLISHED, folder)


def draw_every_recipe(
    experiment: Experiment, folder: Path, store: PixelStore, patches: Path
) -> None:
    with_clips = experiment.model_copy(update={"companion": CLIPS})
    raw, manifest = folder / "clips", folder / "clips.csv"
    make_data(with_clips, raw, manifest, 1, progress=False, companion=True)
    build_store(raw, manifest, folder / "clip-store", progress=False)
    # No experiment of the project has a budget of its own any more.
    budgets = {"dmtnet-t": Budget(passes_per_epoch=1)}
    demo = load_experiment(CONFIG / "demo_all.yaml").model_copy(update={"budgets": budgets})
    windows = read_patch_index(patches, store, experiment.patches)
    for recipe in filter(None, map(demo.recipe_of, demo.methods_run())):
        # The images are smaller than the demo's.
        small = recipe.model_copy(update={"crop": 32, "phases": recipe.phases[:1]})
        others = PixelStore(folder / "clip-store") if small.companion else None
        loader = CropLoader(
            store,
            windows,
            views=("left",),
            recipe=small,
            compute=demo.compute,
            seed=1,
            input_bits=8,
            companion=others,
        )
        next(loader.epoch(1))
        TrainingSchedule(small, len(windows)).learning_rate(1)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_field_is_read(model: type[Strict], reads: set[tuple[str, str]]) -> None:
    fields = {(model.__name__, name) for name in model.model_fields}
    if model in (Canon, Clips, Cosine, Folder, Multistep, Synthetic):
        # pydantic reads it, to tell them apart.
        fields.remove((model.__name__, "kind"))
    unread = fields - reads
    assert not unread
