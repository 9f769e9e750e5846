"""Memory and time limits of jobs follow what the jobs hold and compute."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from support.paths import CONFIG

from pipeline.config.experiment import Experiment, load_experiment
from pipeline.config.qualitative import Qualitative
from pipeline.planning import job_needs
from pipeline.planning.counts import Counted
from pipeline.planning.images import Images, canon_images
from pipeline.planning.speed import CPU_FLOPS_PER_THREAD, Speed

CANON = load_experiment(CONFIG / "canon.yaml")
COUNTED = Counted(
    views=2, parameters=48_000_000, macs_per_pixel=1.3e6, step_bytes=30 * 10**9, flop=1.5e19
)


def canon(**compute: Any) -> Experiment:
    return CANON.model_copy(update={"compute": CANON.compute.model_copy(update=compute)})


def training(experiment: Experiment, name: str = "dmtnet-h", **counted: Any) -> job_needs.Needs:
    changed = replace(COUNTED, **counted)
    return job_needs.training_needs(experiment, name, canon_images(), changed, 8)


def test_a_training_has_memory_for_all_that_it_holds() -> None:
    needs = training(canon())
    # 17 batches of 8 x 512 x 512 crops of three images in 16 bits: what the loader's ring takes.
    ring = 17 * 8 * 512**2 * 9 * 2
    state = 4 * 4 * 48_000_000
    least = ring + 8 * job_needs.LOADER_WORKER + state + job_needs.PROCESS
    assert 1e6 * needs.mem_mb > least > 2.4e9
    # Without workers there is no ring.
    alone = training(canon(loader_workers=0))
    saved = ring + 8 * job_needs.LOADER_WORKER
    assert 1e6 * (needs.mem_mb - alone.mem_mb) == pytest.approx(1.25 * saved, abs=5e8)


@pytest.mark.parametrize("gpus", [2, 8])
def test_every_gpu_of_a_training_has_its_process(gpus: int) -> None:
    one, many = training(canon()), training(canon(gpus_per_run=gpus))
    # Each has its part of every batch: 17 of them in the ring, two as float32 and one as uint16.
    whole = (17 * 2 + 2 * 4 + 2) * 8 * 512**2 * 9
    expected = gpus * one.mem_mb - 1.25e-6 * (gpus - 1) * whole
    assert many.mem_mb == pytest.approx(expected, abs=500 * gpus)
    start = job_needs.START_MINUTES
    assert many.runtime - start == pytest.approx((one.runtime - start) / gpus, abs=10)


def test_without_a_gpu_the_tensors_are_in_main_memory() -> None:
    on_cpu = training(canon(device="cpu"))
    more = COUNTED.step_bytes + job_needs.NETWORK_PER_PIXEL * 1120 * 1680 - job_needs.CUDA_CONTEXT
    assert on_cpu.mem_mb - training(canon()).mem_mb == pytest.approx(1.25 * more / 1e6, abs=500)
    # The same operations, at the speed of eight threads.
    ratio = on_cpu.runtime / training(canon()).runtime
    assert ratio == pytest.approx(Speed().flops / (8 * CPU_FLOPS_PER_THREAD), rel=0.01)


def test_the_time_limit_is_twice_the_estimate() -> None:
    seconds = COUNTED.flop / Speed().flops
    validation = 2 * COUNTED.macs_per_pixel * 74 * 1120 * 1680 * 100 / Speed().flops
    minutes = job_needs.START_MINUTES + 2 * (seconds + validation) / 60
    assert training(canon()).runtime == pytest.approx(minutes, abs=10)
    # docs/performance.md: DMTNet-H takes 152 h on the GPU that it assumes, which is faster.
    assert training(canon()).runtime > 152 * 60


def test_a_recipe_with_larger_batches_takes_more() -> None:
    # RDPD+ also reads clips; Restormer's largest batch is that of its last phase.
    sides = {"dmtnet-h": 8 * 512**2, "ifan": 8 * 256**2, "restormer": 8 * 384**2}
    sides["rdpd-plus"] = 8 * 512**2
    found = {name: training(canon(), name).mem_mb for name in sides}
    for name, pixels in sides.items():
        less = (17 * 2 + 2 * 4 + 2) * 9 * (sides["dmtnet-h"] - pixels)
        expected = 1.25 * less / 1e6
        assert found["dmtnet-h"] - found[name] == pytest.approx(expected, abs=500), name


def test_what_has_no_network_never_asks_for_cuda() -> None:
    images = canon_images()
    one, two = (job_needs.fitting_needs(canon(), "ebdb", images, n) for n in (1, 2))
    assert one.mem_mb < two.mem_mb
    control = job_needs.evaluation_needs(canon(), "input", images, None, 1)
    network = job_needs.evaluation_needs(canon(), "dmtnet-h", images, COUNTED, 1)
    assert control.mem_mb < network.mem_mb
    # 76 images of 1.9 megapixels, at 75 seconds of deconvolution for each megapixel.
    ebdb = job_needs.evaluation_needs(canon(), "ebdb", images, None, 1)
    assert ebdb.runtime > 2 * 76 * 1.88 * 75 / 60
    assert control.runtime < ebdb.runtime


def test_every_process_that_reads_images_has_its_memory() -> None:
    images = canon_images()
    for needs in (
        [job_needs.data_needs(images, made, n) for n in (1, 8)] for made in (False, True)
    ):
        assert needs[0].mem_mb < needs[1].mem_mb
        assert needs[0].runtime > needs[1].runtime
    small = Images(Counter({("train", 128, 192): 30}), "", counted=False)
    assert job_needs.data_needs(small, True, 8).mem_mb < needs[1].mem_mb


def test_the_demo_fits_a_laptop() -> None:
    demo = load_experiment(CONFIG / "demo_all.yaml")
    small = Images(Counter({("train", 128, 192): 26, ("val", 128, 192): 4}), "", counted=False)
    narrow = Counted(
        views=2, parameters=2_000_000, macs_per_pixel=1e5, step_bytes=5 * 10**8, flop=1e13
    )
    needs = job_needs.training_needs(demo, "restormer", small, narrow, 1)
    # Two at once on a machine of 8 GB.
    assert needs.mem_mb <= 4000
    assert needs.runtime <= 60


def test_all_trained_networks_are_applied_in_one_job() -> None:
    needs = job_needs.networks_needs(canon(), canon_images(), 8)
    # A network on the GPU, and its weights twice; nothing is scored.
    assert 1e6 * needs.mem_mb > job_needs.PROCESS + job_needs.CUDA_CONTEXT + 8 * 31e6
    assert needs.mem_mb <= job_needs.given_needs(canon(), "dpdnet", canon_images(), 8).mem_mb
    on_cpu = job_needs.networks_needs(canon(device="cpu"), canon_images(), 8)
    more = job_needs.NETWORK_PER_PIXEL * 1120 * 1680 - job_needs.CUDA_CONTEXT
    assert on_cpu.mem_mb - needs.mem_mb == pytest.approx(1.25 * more / 1e6, abs=500)
    # Twice as many trainings take twice as long.
    twice = canon().model_copy(update={"repetitions": 2})
    start = job_needs.START_MINUTES
    longer = job_needs.networks_needs(twice, canon_images(), 8).runtime - start
    assert longer == pytest.approx(2 * (needs.runtime - start), abs=10)


def test_qualitative_images_take_one_pass_over_the_test_images_and_a_few_scenes() -> None:
    needs = job_needs.qualitative_needs(canon(), canon_images(), 8)
    assert needs.mem_mb >= job_needs.networks_needs(canon(), canon_images(), 8).mem_mb
    assert needs.mem_mb <= job_needs.given_needs(canon(), "dpdnet", canon_images(), 8).mem_mb + 500
    named = {"scenes": [{"scene": f"s{number}"} for number in range(8)]}
    more = canon().model_copy(update={"qualitative": Qualitative.model_validate(named)})
    longer = job_needs.qualitative_needs(more, canon_images(), 8)
    assert longer.runtime > needs.runtime
    assert longer.mem_mb >= needs.mem_mb
