"""Threads, memory, GPUs and time limits of the workflow's jobs, computed when a job needs them."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.errors import DataError
from pipeline.places import Places
from pipeline.planning import job_needs
from pipeline.planning.counts import Counted, Counts
from pipeline.planning.images import Images, canon_images, images_of
from pipeline.planning.job_needs import Needs
from pipeline.workflow.experiment import Workflow
from pipeline.workflow.machine import Machine

MAY_COUNT = "DMTBENCH_COUNT"
"""Environment variable with which a dry run may import the modules of methods and count them."""

CLUSTER_THREADS = 8
"""Threads per GPU of a job on another machine, if the experiment doesn't set them: assumed."""

_LIMITS = {"mem_mb", "mem_mib", "runtime"}

Resource = Callable[[Any, int], Any]


class JobResources:
    """Resources of rules, as functions of wildcards that Snakemake calls for jobs that would run.

    Where nothing limits memory and time, a run on this machine asks for 0 of both. Otherwise,
    networks are counted on first use. That imports the modules of methods, so a dry run doesn't: it
    shows `<TBD>` for what has not been counted before.

    Args:
        snakemake: Snakemake's `workflow`.
        bench: the experiment.
    """

    def __init__(self, snakemake: Any, bench: Workflow) -> None:
        self.snakemake, self.bench = snakemake, bench
        self._counts = Counts(bench.experiment, Path(bench.config))
        self._known_images: dict[str, Images] = {}

    def threads(self, rule: str) -> Callable[[Any], int]:
        """Threads of a job that loads torch: torch's, in each process."""

        def threads(wildcards: Any) -> int:
            experiment = self.bench.experiment
            processes = experiment.training_gpus(wildcards.method) if rule == "train" else 1
            return self._per_process * max(1, processes)

        return threads

    def gpus(self, rule: str) -> Callable[[Any], int]:
        """GPUs of a job that loads torch."""

        def gpus(wildcards: Any) -> int:
            experiment = self.bench.experiment
            if rule in ("networks", "qualitative"):
                return int(experiment.compute.device != "cpu")
            known = experiment.training_gpus if rule == "train" else experiment.gpus
            return known(wildcards.method)

        return gpus

    def mem_mb(self, rule: str) -> Resource:
        """Main memory of a job, in MB."""
        return self._of(rule, lambda needs: needs.mem_mb)

    def runtime(self, rule: str) -> Resource:
        """Time limit of a job, in minutes."""
        return self._of(rule, lambda needs: needs.runtime)

    def _of(self, rule: str, part: Callable[[Needs], int]) -> Resource:
        def resource(wildcards: Any, threads: int) -> Any:
            from snakemake.common.tbdstring import TBDString

            if self._without_limits:
                return 0
            needs = self.needs(rule, dict(wildcards.items()), threads)
            # What Snakemake itself shows for values that are not known yet.
            return TBDString() if needs is None else part(needs)

        return resource

    @cached_property
    def _without_limits(self) -> bool:
        """Whether jobs run on this machine, where nothing limits their memory and time.

        Networks then need not be counted, which would delay the first training.
        """
        snakemake = self.snakemake
        limited = snakemake.global_resources.keys() & _LIMITS
        return bool(snakemake.local_exec) and not snakemake.dryrun and not limited

    def needs(self, rule: str, wildcards: dict[str, str], threads: int) -> Needs | None:
        """Needs of a job; `None` if they are not known before data are made or networks counted.

        Raises:
            ConfigError: a network cannot be built.
        """
        if rule == "complexity":
            return job_needs.complexity_needs(self.bench.experiment, len(self.bench.counted))
        if rule == "track":
            return job_needs.tracking_needs()
        if rule == "report":
            return job_needs.report_needs()
        if rule in ("data", "store"):
            return self._of_set(rule, wildcards["dataset"], threads)
        images = self._images(self.bench.dataset)
        if images is None:
            return None
        if rule == "patches":
            return job_needs.patches_needs(images, threads)
        if rule == "networks":
            return job_needs.networks_needs(self.bench.experiment, images, threads)
        if rule == "qualitative":
            return job_needs.qualitative_needs(self.bench.experiment, images, threads)
        return self._of_method(rule, wildcards["method"], images, threads)

    def _of_set(self, rule: str, dataset: str, threads: int) -> Needs | None:
        images = self._images(dataset)
        if rule == "store":
            return None if images is None else job_needs.store_needs(images, threads)
        # Nobody knows how many images somebody's own set has before they are read.
        known = images or canon_images()
        return job_needs.data_needs(known, self.bench.is_made(dataset), threads)

    def _of_method(self, rule: str, method: str, images: Images, threads: int) -> Needs | None:
        experiment = self.bench.experiment
        if rule == "evaluate_given":
            return job_needs.given_needs(experiment, method, images, threads)
        if experiment.recipe_of(method) is None:
            if rule == "train":
                return job_needs.fitting_needs(experiment, method, images, threads)
            return job_needs.evaluation_needs(experiment, method, images, None, threads)
        counted = self._counted(method, images.windows(experiment.patches))
        if counted is None:
            return None
        needs = job_needs.training_needs if rule == "train" else job_needs.evaluation_needs
        return needs(experiment, method, images, counted, threads)

    def _counted(self, method: str, windows: int) -> Counted | None:
        if self.snakemake.dryrun and MAY_COUNT not in os.environ:
            return self._counts.known(method, windows)
        if self._counts.known(method, windows) is None:
            # All at once, because loading torch takes longer than counting a small network.
            self._counts.count([method, *self._to_come], windows)
        return self._counts.known(method, windows)

    @property
    def _to_come(self) -> list[str]:
        jobs = self.snakemake.dag.needrun_jobs()
        named = {job.wildcards.method for job in jobs if job.rule.name in ("train", "evaluate")}
        return sorted(name for name in named if self.bench.experiment.recipe_of(name))

    def _images(self, dataset: str) -> Images | None:
        """The images of a set; `None` before the manifest of somebody's own set exists."""
        if dataset not in self._known_images:
            try:
                found = images_of(self.bench.block_of(dataset), Places.manifest_of(dataset))
            except DataError:
                return None
            self._known_images[dataset] = found
        return self._known_images[dataset]

    @cached_property
    def _per_process(self) -> int:
        threads = self.bench.experiment.compute.torch_threads
        if threads != "auto":
            return threads
        here = self.snakemake.local_exec or not self.snakemake.is_main_process
        return Machine.here().threads_per_gpu if here else CLUSTER_THREADS
