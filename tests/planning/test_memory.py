"""The accounting of memory: against PyTorch's allocator, and the table of it in the documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from support.allocations import allocated_peak, kept_bytes
from support.miniatures import compute, recipe
from support.paths import CONFIG, REPOSITORY
from support.steps import CPU, SIDE, TRAINED, experiment, trainee
from support.threads import single_thread
from torch import Tensor, nn

from benchmarks.dmtnet_process import has_bfloat16
from benchmarks.memory import head, rows, trained
from pipeline.config.experiment import load_experiment
from pipeline.planning.costs import training_cost
from pipeline.planning.live_bytes import LiveBytes
from pipeline.planning.memory import USABLE, PassMemory, TrainingMemory, part_count

CANON = load_experiment(CONFIG / "canon.yaml")
DOCUMENT = REPOSITORY / "docs" / "performance.md"


def accounting(name: str, **changes: Any) -> TrainingMemory:
    subject = trainee(name)
    kwargs = {**experiment().trained_kwargs(name), **subject.recipe.kwargs}
    return TrainingMemory(subject.method, kwargs, subject.recipe, compute(**changes))


def real_peak(memory: TrainingMemory, side: int, frames: int, samples: int) -> int:
    network = memory._build(CPU)
    for value in network.parameters():
        value.grad = torch.zeros_like(value)
    return allocated_peak(
        lambda: memory.loss(network, side, frames, samples, CPU, memory.compute).backward()
    )


# Without them, convolutions work on copies in float32, several times as large.
needs_bfloat16 = pytest.mark.skipif(
    not has_bfloat16(), reason="needs a CPU with instructions for bfloat16"
)


@pytest.mark.parametrize(
    ("name", "precision"),
    [
        *((name, "float32") for name in (*TRAINED, "rdpd-plus clips")),
        *(
            pytest.param(name, "bfloat16", marks=needs_bfloat16)
            for name in ("dmtnet-b", "kpac", "rdpd-plus", "restormer")
        ),
    ],
)
def test_the_allocator_agrees(name: str, precision: str) -> None:
    """Workspaces of operations are extra: `USABLE` leaves room for what is missing here."""
    name, _, clips = name.partition(" ")
    frames = 4 if clips else 1
    memory = accounting(name, precision=precision)
    one_pass = memory.one_pass(SIDE, frames, 3)
    for samples in (1, 3):
        # Every thread of a convolution has its own workspace.
        with single_thread():
            real = real_peak(memory, SIDE, frames, samples)
        assert USABLE * real < one_pass.of(samples) < real / USABLE


def test_every_storage_counts_once_until_it_is_freed() -> None:
    weight = torch.ones(8, 8)
    with LiveBytes([weight]) as live:
        first = weight + 1
        view = first.t()[3:]
        first.add_(weight)
        assert (live.now, live.peak) == (256, 256)
        second = first @ weight
        del first
        assert live.now == 512
        del view
        assert (live.now, live.peak) == (256, 512)
        del second
    assert (live.now, live.peak) == (0, 512)


def test_the_numbers_in_between_are_never_too_small() -> None:
    memory = accounting("rdpd-plus")
    chord, exact = memory.one_pass(96, 1, 6), [memory._training_peak(96, 1, n) for n in (1, 2, 6)]
    assert [chord.of(1), chord.of(6)] == pytest.approx([exact[0], exact[2]], abs=8)
    assert exact[1] < chord.of(2) < 1.3 * exact[1]


def test_what_a_budget_holds() -> None:
    memory = PassMemory(100, 50)
    found = [memory.most(budget) for budget in (-50, 0, 149, 150, 199, 200, 1100)]
    assert found == [1, 1, 1, 1, 1, 2, 20]


def test_free_memory_holds_the_state_too() -> None:
    memory = accounting("dmtnet-b")
    one_pass = memory.one_pass(SIDE, 1, memory.recipe.batch_size)
    free = round((memory.state + one_pass.of(3)) / USABLE) + 9
    assert memory.crops_that_fit(SIDE, 1, free) == 3
    assert memory.crops_that_fit(SIDE, 1, free - 99) == 2
    smallest = round((memory.state + one_pass.of(1)) / USABLE) + 9
    assert memory.fits(SIDE, 1, smallest)
    assert not memory.fits(SIDE, 1, smallest - 99)


def test_the_state_is_what_training_keeps() -> None:
    network = trainee("kpac").network
    weights = sum(value.nbytes for value in network.parameters())
    buffers = sum(value.nbytes for value in network.buffers())
    assert accounting("kpac").state == 4 * weights + buffers
    memory = accounting("kpac")
    memory.recipe = memory.recipe.model_copy(update={"ema": 0.9})
    assert memory.state == 5 * weights + 2 * buffers


def test_checkpointing_and_half_precision_take_less() -> None:
    plain, less, half = (
        accounting("restormer", **changes).one_pass(SIDE, 1, 2).per_sample
        for changes in ({}, {"activation_checkpointing": True}, {"precision": "bfloat16"})
    )
    assert less < 0.6 * plain
    assert half < 0.7 * plain


def test_a_validation_takes_less_than_training() -> None:
    memory = accounting("dmtnet-b")
    assert 0 < memory.inference(SIDE, SIDE) < 0.5 * memory.one_pass(SIDE, 1, 2).of(1)


def test_counting_changes_nothing() -> None:
    memory = accounting("uformer-b", precision="bfloat16")
    torch.manual_seed(4)
    before, strict = torch.get_rng_state(), torch.are_deterministic_algorithms_enabled()
    memory.one_pass(SIDE, 1, 2)
    assert torch.equal(before, torch.get_rng_state())
    assert torch.are_deterministic_algorithms_enabled() == strict


class Reading(nn.Module):
    """Looks at its input, which the meta device does not have."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(6, 16, 3, padding=1), nn.GELU(), nn.Conv2d(16, 3, 1))

    def forward(self, x: Tensor, **_: Any) -> Tensor:
        output: Tensor = self.layers(x * float(x.max() > 0))
        return output


def test_a_network_that_reads_values_is_counted_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = accounting("dmtnet-b")
    monkeypatch.setattr(memory, "_build", lambda device: Reading().to(device))
    found = memory.one_pass(160, 1, 4)
    real = kept_bytes(Reading(), torch.rand(1, 6, 160, 160))
    assert 0.8 * real < found.of(1) < 2 * real


@pytest.mark.parametrize(
    ("clips", "frames", "accumulate", "most", "parts"),
    [
        (8, 1, 1, None, 1), (8, 1, 3, None, 3), (8, 1, 1, 8, 1), (8, 1, 1, 7, 2), (8, 1, 1, 1, 8),
        (8, 1, 4, 7, 4), (2, 1, 5, None, 2), (3, 4, 1, 4, 3), (3, 4, 1, 8, 2), (3, 4, 1, 1, 3),
        (0, 1, 4, None, 1),
    ],
)  # fmt: skip
def test_how_many_parts(
    clips: int, frames: int, accumulate: int, most: int | None, parts: int
) -> None:
    assert part_count(clips, frames, accumulate, most) == parts


def test_restormer_is_planned_by_its_phases(monkeypatch: pytest.MonkeyPatch) -> None:
    """1587 GB and 1170 GPU hours if each of its batches had 64 crops of 384 pixels."""
    monkeypatch.setattr(TrainingMemory, "_one_pass", lambda self, side, *_: PassMemory(0, side**2))
    monkeypatch.setattr(TrainingMemory, "state", 1000)
    cost = training_cost(CANON, "restormer", "r", 7000, Path("nowhere"), 15.7e12 * 0.35)
    assert cost is not None
    found = [(batch.crop, batch.crops, batch.samples) for batch in cost.batches]
    assert found == [
        (128, 64, 92_000 * 64), (160, 40, 64_000 * 40), (192, 32, 48_000 * 32),
        (256, 16, 36_000 * 16), (320, 8, 36_000 * 8), (384, 8, 24_000 * 8),
    ]  # fmt: skip
    assert cost.samples == sum(batch.samples for batch in cost.batches)
    assert cost.gpu_hours == pytest.approx(226, abs=1)
    # The largest phase, not the last one.
    assert cost.memory_bytes == 1000 + max(batch.crops * batch.crop**2 for batch in cost.batches)
    assert cost.memory_bytes < 1000 + 64 * 384**2
    assert cost.batches[0].least_bytes == 1000 + 128**2


def planned(name: str, **changes: Any) -> Any:
    settings = experiment().compute.model_copy(update=changes)
    subject = experiment().model_copy(update={"compute": settings})
    cost = training_cost(subject, name, "r", 50, Path("nowhere"), 1e12)
    assert cost is not None
    return cost


def test_companion_clips_are_planned_too() -> None:
    cost, method_recipe = planned("rdpd-plus"), experiment().recipe_of("rdpd-plus")
    assert method_recipe is not None
    assert method_recipe.companion is not None
    main, clips = cost.batches
    assert (main.frames, main.crops) == (1, method_recipe.batch_size)
    assert clips.frames == method_recipe.companion.frames > 1
    assert clips.crops == method_recipe.companion.batch_size * clips.frames
    assert main.samples + clips.samples == cost.samples
    # A clip stays whole.
    one = planned("rdpd-plus", max_crops_per_pass=1).batches[1]
    assert (one.per_pass, one.memory_bytes) == (clips.frames, clips.least_bytes)


def test_terms_of_the_methods_own_cost_operations() -> None:
    """IFAN's reblurring network and its warping are in its training alone."""
    plain = experiment().model_copy(
        update={
            "recipes": {
                **experiment().recipes,
                "ifan": trainee("ifan").recipe.model_copy(update={"losses": {"mse": 1.0}}),
            }
        }
    )
    alone = training_cost(plain, "ifan", "r", 50, Path("nowhere"), 1e12)
    assert alone is not None
    assert 1.02 < planned("ifan").gpu_hours / alone.gpu_hours < 2


def test_gpus_share_a_batch_and_checkpointing_takes_time() -> None:
    whole, shared = planned("kpac"), planned("kpac", gpus_per_run=2)
    assert shared.batches[0].crops == -(-whole.batches[0].crops // 2)
    assert shared.memory_bytes < whole.memory_bytes
    assert shared.gpu_hours == whole.gpu_hours
    again = planned("kpac", activation_checkpointing=True)
    assert again.gpu_hours == pytest.approx(whole.gpu_hours * 4 / 3)


def test_crops_of_images_may_be_larger_than_the_windows() -> None:
    large = {"dmtnet": recipe(crop=160, crops_from="images")}
    subject = experiment().model_copy(update={"recipes": large})
    cost = training_cost(subject, "dmtnet-t", "r", 50, Path("nowhere"), 1e12)
    assert cost is not None
    assert experiment().patches.size < 160 == cost.crop


def documented() -> list[str]:
    return DOCUMENT.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", ["dpdnet", "rdpd-plus", "kpac"])
def test_the_documents_show_what_is_counted(name: str) -> None:
    lines = documented()
    assert set(head()) <= set(lines)
    assert [line for line in lines if line.startswith(f"| {name} |")] == list(rows(CANON, name))


@pytest.mark.slow
def test_the_documents_show_every_method() -> None:
    lines = documented()
    start = lines.index(head()[1]) + 1
    expected = [row for name in trained(CANON) for row in rows(CANON, name)]
    assert lines[start : start + len(expected) + 1] == [*expected, ""]
