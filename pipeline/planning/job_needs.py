"""Main memory and time limits of the workflow's jobs, computed from what they hold and compute.

The constants were measured on two cores of a shared machine, November 2026, without a GPU: peak of
the proportional set size of all processes of a command (`benchmarks.measure`), images of Canon's
size. What could not be measured says `assumed`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipeline.config.experiment import Experiment
from pipeline.config.methods import CONTROL
from pipeline.data.inspection.layout import SPLITS
from pipeline.data.sampling.ring import elements_of, ring_bytes, share_of
from pipeline.data.sampling.steps import main_kinds
from pipeline.planning.counts import Counted
from pipeline.planning.images import Images
from pipeline.planning.speed import CPU_FLOPS_PER_THREAD, Speed

_MB = 10**6
_MEGAPIXEL = 10**6
_FLOAT = 4
_UINT16 = 2
_FLOP_PER_MAC = 2

# Bytes.
PROCESS = 450 * _MB
"""A process with torch and the code of a stage: measured, 439 MB."""
LIGHT_PROCESS = 120 * _MB
"""A process without torch, such as a worker that reads images: measured, 110 to 140 MB."""
LOADER_WORKER = 70 * _MB
"""Private memory of a worker of the data loader: measured, 16 MB, and 67 MB if it sends by pipe."""
CUDA_CONTEXT = 2000 * _MB
"""Main memory of CUDA's context, its libraries and page-locked buffers: assumed."""
REPORT = 630 * _MB
"""A table or a plot: measured, 134 to 622 MB."""
TRACKING = 510 * _MB
"""The import into MLflow: measured."""

# Bytes per pixel of one scene.
NETWORK_PER_PIXEL = 2100
"""A network's forward pass on the CPU: measured for all, 327 (DMTNet-T) to 2029 (DPDNet)."""
SCORING_PER_PIXEL = 360
"""Images and metrics of one scene: measured."""
CONTROL_PER_PIXEL = 400
"""A control, fitted or applied: measured."""
CLASSICAL_PER_PIXEL = 470
"""Deconvolution: measured, 120 for one image; while fitting, eight scenes of 44 stay in memory."""
CLASSICAL_PER_PIXEL_AND_THREAD = 125
"""Levels that are deconvolved side by side: measured."""
COUNTING_PER_PIXEL = 320
"""Counting the operations of a network on a full-size image: measured, Uformer takes most."""
READING_PER_PIXEL = 24
"""All views of a scene, in 16 bits."""
SHARPNESS_PER_PIXEL = 48
"""A scene of the pixel store, mapped, and one view of it in float64."""
RENDERING_PER_PIXEL = 300
"""The synthetic camera: measured."""

LARGEST_PUBLISHED = Counted(6, 35_000_000, 2.4e6, step_bytes=0, flop=0.0)
"""Published networks have at most this many parameters (DPDNet) and operations (Restormer)."""

# Seconds of one thread per megapixel, all measured on a busy machine.
SCORING_SECONDS = 6.0
CONTROL_SECONDS = 20.0
CLASSICAL_SECONDS = 75.0
READING_SECONDS = 1.0
RENDERING_SECONDS = 12.0

# Seconds: measured, for the slowest network and for whole jobs of an experiment of few methods.
COUNTING_SECONDS = 60
REPORT_SECONDS = 30
TRACKING_SECONDS = 40

MARGIN = 1.25
"""Factor on all memory: allocators keep more than what is in use."""
SCENES = 3
"""Scenes of Figure 4, unless the experiment file names them."""
START_MINUTES = 30
"""Starting, loading libraries, compiling, reading from a cold disk: assumed."""
SAFETY = 2.0
"""Factor on every time: the assumed speed is not that of every method and machine."""


@dataclass(frozen=True)
class Needs:
    """What one job takes: main memory in MB, and its time limit in minutes."""

    mem_mb: int
    runtime: int

    @classmethod
    def of(cls, memory: float, seconds: float) -> Needs:
        """Needs with margins.

        Args:
            memory: in bytes.
            seconds: at the assumed speed.
        """
        # In steps, so that jobs of one kind ask for the same.
        mem_mb = 500 * math.ceil(MARGIN * memory / _MB / 500)
        runtime = 10 * math.ceil((START_MINUTES + SAFETY * seconds / 60) / 10)
        return cls(mem_mb, runtime)


def training_needs(
    experiment: Experiment, name: str, images: Images, counted: Counted, threads: int
) -> Needs:
    """Needs of training method `name` by gradients.

    Args:
        experiment: the experiment.
        name: method or ablation.
        images: of the data set.
        counted: cost of its network.
        threads: of the job; they set the speed where no GPU is used.
    """
    recipe, gpus = experiment.recipe_of(name), experiment.training_gpus(name)
    assert recipe is not None
    compute, window, processes = experiment.compute, experiment.patches.size, max(1, gpus)
    kinds = [*main_kinds(recipe), *([recipe.companion] if recipe.companion else [])]
    largest = max(share_of(kind, processes) * (kind.crop or window) ** 2 for kind in kinds)
    batch = elements_of(largest, counted.views)
    ring = ring_bytes(recipe, compute, views=counted.views, window=window, world_size=processes)
    # As it is serialized: weights, Adam's moments, the best weights and perhaps a moving average.
    state = (4 + (recipe.ema is not None)) * counted.parameters * _FLOAT
    held = [
        PROCESS,
        compute.loader_workers * LOADER_WORKER,
        ring,
        # One batch is trained on while the next is converted.
        batch * (_UINT16 + 2 * _FLOAT),
        state,
        elements_of(images.largest, counted.views) * (_UINT16 + _FLOAT),
        CUDA_CONTEXT if gpus else counted.step_bytes + images.largest * NETWORK_PER_PIXEL,
    ]
    validation = _FLOP_PER_MAC * counted.macs_per_pixel * images.pixels("val") * recipe.validations
    speed = _speed(gpus, threads)
    return Needs.of(processes * sum(held), (counted.flop + validation) / speed)


def fitting_needs(experiment: Experiment, name: str, images: Images, threads: int) -> Needs:
    """Needs of fitting method `name` without gradients; it is scored on all validation images.

    EBDB and JNB try nine settings on eight scenes, about as much work as the validation itself.
    """
    own = _without_network(experiment, name, images, threads)
    return Needs.of(own.memory, fitting_seconds(experiment, name, images))


def fitting_seconds(experiment: Experiment, name: str, images: Images) -> float:
    """Seconds of fitting a method without gradients, on one thread."""
    own = _without_network(experiment, name, images, 1)
    return 2 * own.seconds * images.pixels("val") / _MEGAPIXEL


def plain_scoring_seconds(experiment: Experiment, name: str, images: Images) -> float:
    """Seconds of running a method without a network on the test split, and scoring it."""
    own = _without_network(experiment, name, images, 1)
    return (own.seconds + SCORING_SECONDS) * images.pixels("test") / _MEGAPIXEL


def evaluation_needs(
    experiment: Experiment, name: str, images: Images, counted: Counted | None, threads: int
) -> Needs:
    """Needs of scoring method `name` on the test split.

    Args:
        experiment: the experiment.
        name: method or ablation.
        images: of the data set.
        counted: cost of its network; `None` if it has none, or none that is trained.
        threads: of the job.
    """
    scoring = images.largest * SCORING_PER_PIXEL
    if counted is None:
        own = _without_network(experiment, name, images, threads)
        return Needs.of(own.memory + scoring, plain_scoring_seconds(experiment, name, images))
    gpus = experiment.gpus(name)
    # Read from the file, and in the network.
    weights = 2 * _FLOAT * counted.parameters
    network = CUDA_CONTEXT if gpus else images.largest * NETWORK_PER_PIXEL
    forward = _FLOP_PER_MAC * counted.macs_per_pixel * images.pixels("test")
    megapixels = images.pixels("test") / _MEGAPIXEL
    seconds = forward / _speed(gpus, threads) + SCORING_SECONDS * megapixels
    return Needs.of(PROCESS + weights + network + scoring, seconds)


def given_needs(experiment: Experiment, name: str, images: Images, threads: int) -> Needs:
    """Needs of scoring method `name` with given weights: those of the largest published network."""
    network = experiment.entry(name).has_network
    counted = LARGEST_PUBLISHED if network else None
    return evaluation_needs(experiment, name, images, counted, threads)


def networks_needs(experiment: Experiment, images: Images, threads: int) -> Needs:
    """Needs of counting all trained networks and applying them to the test images in turn.

    Networks are assumed to be as large as the largest published one.
    """
    names = [*experiment.methods, *experiment.ablations]
    trained = [name for name, _ in experiment.runs_of(names) if experiment.recipe_of(name)]
    gpus = int(experiment.compute.device != "cpu")
    held = CUDA_CONTEXT if gpus else images.largest * NETWORK_PER_PIXEL
    forward = _FLOP_PER_MAC * LARGEST_PUBLISHED.macs_per_pixel * images.pixels("test")
    each = COUNTING_SECONDS + forward / _speed(gpus, threads)
    memory = PROCESS + 2 * _FLOAT * LARGEST_PUBLISHED.parameters + held
    return Needs.of(memory, len(trained) * each)


def qualitative_needs(experiment: Experiment, images: Images, threads: int) -> Needs:
    """Needs of applying all methods to the scenes of Figures 4 and 5, one after the other.

    Networks are assumed to be as large as the largest published one, methods without one as slow
    as deconvolution. One network is applied to all test images.
    """
    pixels = images.largest * (len(experiment.qualitative.scenes) or SCENES)
    gpus = int(experiment.compute.device != "cpu")
    held = CUDA_CONTEXT if gpus else images.largest * NETWORK_PER_PIXEL
    held += images.largest * SCORING_PER_PIXEL + pixels * READING_PER_PIXEL
    forward = _FLOP_PER_MAC * LARGEST_PUBLISHED.macs_per_pixel / _speed(gpus, threads)
    others = (SCORING_SECONDS + CLASSICAL_SECONDS) / _MEGAPIXEL
    seconds = len(experiment.methods_run()) * pixels * (forward + others)
    memory = PROCESS + 2 * _FLOAT * LARGEST_PUBLISHED.parameters + held
    return Needs.of(memory, seconds + forward * images.pixels("test"))


@dataclass(frozen=True)
class _WithoutNetwork:
    """A method without a network: bytes of its process, seconds per megapixel."""

    memory: float
    seconds: float


def _without_network(
    experiment: Experiment, name: str, images: Images, threads: int
) -> _WithoutNetwork:
    if experiment.entry(name).kind == CONTROL:
        return _WithoutNetwork(PROCESS + images.largest * CONTROL_PER_PIXEL, CONTROL_SECONDS)
    per_pixel = CLASSICAL_PER_PIXEL + threads * CLASSICAL_PER_PIXEL_AND_THREAD
    return _WithoutNetwork(PROCESS + images.largest * per_pixel, CLASSICAL_SECONDS)


def complexity_needs(experiment: Experiment, networks: int) -> Needs:
    """Needs of counting the operations of full-size networks, one after the other."""
    height, width = experiment.complexity_size
    return Needs.of(PROCESS + height * width * COUNTING_PER_PIXEL, networks * COUNTING_SECONDS)


def data_needs(images: Images, made: bool, threads: int) -> Needs:
    """Needs of the images and the manifest of a set.

    Args:
        images: of the set.
        made: whether the synthetic camera makes them; otherwise they are only read.
        threads: number of processes.
    """
    memory = RENDERING_PER_PIXEL if made else READING_PER_PIXEL
    seconds = RENDERING_SECONDS if made else READING_SECONDS
    return _processes(images.pixels(*SPLITS), memory * images.largest, seconds, threads)


def store_needs(images: Images, threads: int) -> Needs:
    """Needs of writing the pixel store."""
    memory = READING_PER_PIXEL * images.largest
    return _processes(images.pixels("train", "val"), memory, READING_SECONDS, threads)


def patches_needs(images: Images, threads: int) -> Needs:
    """Needs of choosing the training windows; each process maps the scene that it works on."""
    memory = SHARPNESS_PER_PIXEL * images.largest
    return _processes(images.pixels("train"), memory, READING_SECONDS, threads)


def _processes(pixels: int, memory: float, seconds: float, threads: int) -> Needs:
    held = LIGHT_PROCESS + threads * (LIGHT_PROCESS + memory)
    return Needs.of(held, seconds * pixels / _MEGAPIXEL / threads)


def report_needs() -> Needs:
    """Needs of a table or a plot."""
    return Needs.of(REPORT, REPORT_SECONDS)


def tracking_needs() -> Needs:
    """Needs of the import into MLflow."""
    return Needs.of(TRACKING, TRACKING_SECONDS)


def _speed(gpus: int, threads: int) -> float:
    return gpus * Speed().flops if gpus else threads * CPU_FLOPS_PER_THREAD
