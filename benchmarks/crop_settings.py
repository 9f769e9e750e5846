"""Settings of training crops that the benchmarks share."""

from __future__ import annotations

from pipeline.config.blocks import Compute, Patches
from pipeline.config.recipe import Cosine, Recipe

VIEWS, PREFETCH = ("left", "right"), 4
PATCHES = Patches(size=512, overlap=0.6, discard=0)


def recipe(batch: int, crop: int, passes: int) -> Recipe:
    """One epoch of `passes` passes over the windows, in batches of square crops of `crop` px."""
    return Recipe(
        epochs=1,
        passes_per_epoch=passes,
        batch_size=batch,
        crop=crop,
        losses={"charbonnier": 1.0},
        optimizer="adam",
        betas=(0.9, 0.999),
        learning_rate=1e-4,
        schedule=Cosine(kind="cosine", final_learning_rate=0.0),
        flip_horizontal=True,
        flip_vertical=True,
        validations=1,
    )


def compute(workers: int) -> Compute:
    """Float32 training on the CPU with one thread and `workers` loader processes."""
    return Compute(
        device="cpu",
        torch_threads=1,
        loader_workers=workers,
        prefetch=PREFETCH,
        precision="float32",
        channels_last=False,
    )
