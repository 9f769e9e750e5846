"""Every published recipe takes real steps: crops, batches, rates, terms, phases, mixed sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from support.miniatures import Watcher, compute, random_scene, write_store
from support.paths import CONFIG
from torch import nn

from pipeline.config.blocks import Patches
from pipeline.config.experiment import Experiment, load_experiment
from pipeline.config.recipe import Recipe
from pipeline.data.sampling.loader import CropLoader
from pipeline.data.sampling.windows import index_windows
from pipeline.data.store.reader import PixelStore
from pipeline.methods import get_method
from pipeline.training.loop import Trained, train
from pipeline.training.schedule import TrainingSchedule
from pipeline.training.train_step import TrainStep

CANON = CONFIG / "canon.yaml"
WINDOWS = Patches(size=512, overlap=0.6, discard=0)
STEPS = 3

NARROW: dict[str, dict[str, Any]] = {
    "dmtnet": {"embed_dim": 12, "channels": 8, "num_blocks": 1, "num_rbm": 1, "num_rm": 1},
    "baselines.dpdnet": {"width": 4},
    "baselines.rdpd": {"width": 4},
    "baselines.ifan": {"iterations": 2, "channels": 4, "reblur_iterations": 2},
    "baselines.kpac": {"width": 12},
    "baselines.mrnet": {"channels": 8, "num_msrgm": 2, "num_rbm": 1, "num_rm": 1},
    "baselines.uformer": {"embed_dim": 8, "depths": (1,) * 9},
    "baselines.restormer": {
        "embed_dim": 4,
        "num_blocks": (1, 1, 1, 1),
        "num_refinement_blocks": 1,
        "num_heads": (1, 1, 1, 1),
        "expansion": 1.0,
    },
}

# Shapes of the first three batches, learning rates, terms: as the authors published them.
EDGES = ["mse", "edge_3", "edge_7", "edge_11"]
PUBLISHED: dict[str, tuple[list[tuple[int, ...]], list[float], list[str]]] = {
    "dmtnet-b": ([(8, 6, 512, 512)] * 3, [1e-4] * 3, ["charbonnier"]),
    "dpdnet": ([(5, 6, 512, 512)] * 3, [2e-5] * 3, ["mse"]),
    "dpdnet-plus": ([(5, 6, 512, 512)] * 3, [2e-5] * 3, ["mse"]),
    # A Canon batch, two clips of four frames, a Canon batch.
    "rdpd-plus": ([(8, 6, 512, 512)] * 3, [5e-5] * 3, EDGES),
    "ifan": ([(8, 9, 256, 256)] * 3, [1e-4] * 3, ["mse", "warped_right", "reblurred"]),
    "kpac": ([(8, 9, 512, 512)] * 3, [1e-4] * 3, ["mse"]),
    "mrnet": ([(8, 6, 512, 512)] * 3, [1e-4] * 3, ["charbonnier"]),
    # Three epochs of warm-up.
    "uformer-b": ([(8, 6, 256, 256)] * 3, [], ["charbonnier"]),
    "restormer": ([(64, 6, 128, 128)] * 3, [3e-4] * 3, ["l1"]),
}


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def canon() -> Experiment:
    return load_experiment(CANON)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> PixelStore:
    """Three training images, and a small one to validate."""
    training = [("train", random_scene(512, 560, number)) for number in range(3)]
    scenes = [*training, ("val", random_scene(64, 64, 3))]
    return write_store(tmp_path_factory.mktemp("recipes") / "store", scenes)


@pytest.fixture(scope="module")
def companion(tmp_path_factory: pytest.TempPathFactory) -> PixelStore:
    """A clip of five frames."""
    scenes = [("train", random_scene(512, 520, 10 + frame)) for frame in range(5)]
    names = [f"001-000{frame}.png" for frame in range(5)]
    return write_store(tmp_path_factory.mktemp("recipes") / "companion", scenes, names)


def network_of(canon: Experiment, name: str, recipe: Recipe) -> nn.Module:
    method = get_method(name, canon)
    torch.manual_seed(3)
    return method.build(**NARROW[method.entry.module], **recipe.kwargs)


def run(
    canon: Experiment, name: str, recipe: Recipe, store: PixelStore, companion: PixelStore
) -> tuple[Watcher, Trained, nn.Module]:
    method, watcher = get_method(name, canon), Watcher()
    network = network_of(canon, name, recipe)
    others = companion if recipe.companion else None
    # Some twice, for an epoch longer than a few batches.
    windows = index_windows(store, WINDOWS) * 5
    loader = CropLoader(
        store,
        windows,
        views=method.views,
        recipe=recipe,
        compute=compute(),
        seed=7,
        input_bits=method.input_bits,
        companion=others,
    )
    train_step = TrainStep(network, recipe, compute(), torch.device("cpu"))
    trained = train(train_step, store=store, loader=loader, observer=watcher)
    return watcher, trained, network


def test_every_trained_method_has_a_case(canon: Experiment) -> None:
    trained = {name for name in canon.methods_run() if canon.recipe_of(name) is not None}
    assert {name for name in trained if not name.startswith("dmtnet")} == {*PUBLISHED} - {
        "dmtnet-b"
    }
    assert set(canon.recipes) == {canon.entry(name).recipe for name in trained}


@pytest.mark.parametrize("name", PUBLISHED)
def test_three_steps_of_the_published_recipe(
    canon: Experiment, store: PixelStore, companion: PixelStore, name: str
) -> None:
    recipe = canon.recipe_of(name)
    assert recipe is not None
    recipe = recipe.model_copy(update={"max_steps": STEPS, "validations": 1})
    watcher, trained, network = run(canon, name, recipe, store, companion)
    shapes, rates, terms = PUBLISHED[name]
    assert [step.shape for step in watcher.steps] == shapes
    if name == "uformer-b":
        warmup = 3 * TrainingSchedule(recipe, 30).steps_per_epoch
        rates = [2e-4 * step / warmup for step in (1, 2, 3)]
    assert [step.learning_rate for step in watcher.steps] == pytest.approx(rates)
    for step in watcher.steps:
        assert list(step.terms) == terms
        assert all(value > 0 for value in step.terms.values())
    assert trained.psnr > 0
    before = dict(network_of(canon, name, recipe).named_parameters())
    still = [key for key, value in network.named_parameters() if value.equal(before[key])]
    assert len(still) < 0.3 * len(before), still


def test_restormer_goes_through_its_phases(
    canon: Experiment, store: PixelStore, companion: PixelStore
) -> None:
    recipe = canon.recipe_of("restormer")
    assert recipe is not None
    phases = [phase.model_copy(update={"epochs": 1}) for phase in recipe.phases]
    short = {"epochs": len(phases), "steps_per_epoch": 1, "phases": phases, "validations": 1}
    recipe = recipe.model_copy(update=short)
    watcher, _, _ = run(canon, "restormer", recipe, store, companion)
    sizes = [(step.shape[0], step.shape[-1]) for step in watcher.steps]
    assert sizes == [(64, 128), (40, 160), (32, 192), (16, 256), (8, 320), (8, 384)]


def test_restormers_phases_are_where_they_belong(canon: Experiment) -> None:
    recipe = canon.recipe_of("restormer")
    assert recipe is not None
    schedule = TrainingSchedule(recipe, 7000)
    assert schedule.steps == 300_000
    switches = [0, 92_000, 156_000, 204_000, 240_000, 276_000]
    crops = [schedule.batches(step).crop for step in switches]
    assert crops == [128, 160, 192, 256, 320, 384]
    assert [schedule.batches(step - 1).crop for step in switches[1:]] == crops[:-1]
    assert schedule.learning_rate(91_999) == schedule.learning_rate(0) == 3e-4
    assert schedule.learning_rate(92_001) < 3e-4
    assert schedule.learning_rate(schedule.steps - 1) == pytest.approx(1e-6, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "steps", "halved"),
    [
        ("dpdnet", 280_000, [84_000, 168_000, 252_000]),
        ("dpdnet-plus", 560_000, [168_000, 336_000, 504_000]),
        ("rdpd-plus", 98_000, [28_000, 56_000, 84_000]),
        ("ifan", 600_000, [500_000, 550_000]),
    ],
)
def test_halved_rates(canon: Experiment, name: str, steps: int, halved: list[int]) -> None:
    recipe = canon.recipe_of(name)
    assert recipe is not None
    schedule = TrainingSchedule(recipe, 7000)
    assert schedule.steps == steps
    for step in halved:
        before, after = schedule.learning_rate(step - 1), schedule.learning_rate(step)
        assert after == pytest.approx(before / 2)


def test_mixed_sets_alternate(canon: Experiment, store: PixelStore, companion: PixelStore) -> None:
    for name, frames in (("dpdnet-plus", 1), ("rdpd-plus", 4)):
        recipe = canon.recipe_of(name)
        assert recipe is not None
        method = get_method(name, canon)
        windows = index_windows(store, WINDOWS)
        loader = CropLoader(
            store,
            windows,
            views=method.views,
            recipe=recipe,
            compute=compute(),
            seed=7,
            input_bits=method.input_bits,
            companion=companion,
        )
        batches = loader.epoch(1)
        first, second, third = (next(batches) for _ in range(3))
        assert (first.frames, second.frames, third.frames) == (1, frames, 1)
        assert set(map(tuple, first.full_size.tolist())) == {(512, 560)}
        assert set(map(tuple, second.full_size.tolist())) == {(512, 520)}


def test_radial_masks_know_where_a_crop_lies(canon: Experiment, store: PixelStore) -> None:
    recipe = canon.recipe_of("rdpd-plus")
    assert recipe is not None
    network = network_of(canon, "rdpd-plus", recipe).eval()
    x = torch.rand(2, 6, 64, 64)
    origin, full = torch.tensor([[0, 0], [448, 496]]), torch.tensor([[512, 560], [512, 560]])
    with torch.inference_mode():
        placed = network(x, origin=origin, full_size=full)
        assert not torch.equal(placed, network(x))
        for number in range(2):
            place = {"origin": tuple(origin[number].tolist()), "full_size": (512, 560)}
            alone = network(x[number : number + 1], **place)
            torch.testing.assert_close(placed[number : number + 1], alone)
