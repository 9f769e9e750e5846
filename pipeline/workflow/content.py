"""Tells Snakemake what to make again: content decides, not modification times."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from pipeline.workflow.experiment import Workflow


class Content:
    """Inputs of rules, by how the artifacts of the experiment stand.

    Snakemake compares modification times, which copies and data tools change, and parameters of
    its last run in the same folder. Here, what to make again follows from records and checksums
    (`pipeline.chain`). The inputs of all other jobs are marked `ancient`: their times do not count.

    Args:
        snakemake: Snakemake's `workflow`.
        bench: the experiment.
    """

    def __init__(self, snakemake: Any, bench: Workflow) -> None:
        self.snakemake, self.bench = snakemake, bench

    def input(
        self, artifact: str, paths: str | Sequence[str] = ()
    ) -> Callable[[Any], str | list[str]]:
        """A rule's input function for these files; both arguments may contain wildcards.

        Args:
            artifact: name of what the rule makes.
            paths: the file or files that it needs.
        """

        def files(wildcards: Any) -> str | list[str]:
            from snakemake.io import ancient

            again = artifact.format(**wildcards) in self._to_make
            if isinstance(paths, str):
                found = paths.format(**wildcards)
                return found if again else ancient(found)
            several = [path.format(**wildcards) for path in paths]
            return several if again else [ancient(path) for path in several]

        return files

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
        for name, reason in reasons.items():
            if chain.standing(name).state not in ("fresh", "missing"):
                print(f"{name} is made again: {reason}", file=sys.stderr)
        return reasons
