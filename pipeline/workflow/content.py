"""Tells Snakemake what to make again: content decides, not modification times."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.workflow.experiment import Workflow
from pipeline.workflow.missing_weights import needed_weights


class Content:
    """Inputs of rules, by how the artifacts of the experiment stand.

    Snakemake compares modification times, which copies and data tools change, and parameters of
    its last run in the same folder. Here, what to make again follows from records and checksums
    (`pipeline.chain`). The inputs of all other jobs are marked `ancient`: their times do not count.
    Jobs that the user forces follow Snakemake's own rules.

    Args:
        snakemake: Snakemake's `workflow`.
        bench: the experiment.
    """

    def __init__(self, snakemake: Any, bench: Workflow) -> None:
        self.snakemake, self.bench = snakemake, bench

    def input(self, artifact: str, paths: Sequence[str] = ()) -> Callable[[Any], list[str]]:
        """A rule's input function for these files; both arguments may contain wildcards.

        Args:
            artifact: name of what the rule makes.
            paths: the files that it needs.
        """

        def files(wildcards: Any) -> list[str]:
            from snakemake.io import ancient

            found = [path.format(**wildcards) for path in paths]
            if self._by_hand or self._may_run(artifact.format(**wildcards)):
                return found
            # An input that is missing would make Snakemake run the job.
            return [ancient(path) for path in found if Path(path).exists()]

        return files

    def _may_run(self, artifact: str) -> bool:
        chain = self.bench.chain
        known = artifact in chain.artifacts
        return artifact in self._to_make or not known or chain.standing(artifact).state == "missing"

    @property
    def _by_hand(self) -> bool:
        """Whether this is the process of a single job, or the user forces jobs."""
        settings = self.snakemake.dag_settings
        forced = settings.forceall or settings.forcetargets or settings.forcerun
        return bool(forced) or not self.snakemake.is_main_process

    @cached_property
    def _to_make(self) -> dict[str, str]:
        """What must be made again and why; nothing for the process of a single job.

        Snakemake asks for the inputs of all jobs before it decides which of them to run.
        """
        if not self.snakemake.is_main_process:
            return {}
        settings, chain = self.snakemake.dag_settings, self.bench.chain
        settings.rerun_triggers = frozenset()
        reasons = chain.to_make(map(os.path.normpath, settings.targets))
        forced = (chain.artifacts[name].outputs[0].as_posix() for name in reasons)
        self.snakemake.dag.forcefiles.update(forced)
        for line in needed_weights(self.bench.experiment, reasons):
            print(f"warning: {line}", file=sys.stderr)
        for name, reason in reasons.items():
            if chain.standing(name).state not in ("fresh", "missing"):
                print(f"{name} is made again: {reason}", file=sys.stderr)
        return reasons
