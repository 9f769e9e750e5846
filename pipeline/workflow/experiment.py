"""What the Snakefile reads from an experiment: names and paths."""

from __future__ import annotations

import logging
import os
import sys
import unicodedata
from pathlib import Path
from typing import Any

from pipeline.chain.experiment import COMPLEXITY_OF, Chain
from pipeline.chain.reports import reports
from pipeline.config.blocks import Canon, Clips, Folder, Synthetic
from pipeline.config.experiment import Experiment, load_experiment
from pipeline.data.store.reader import INDEX
from pipeline.errors import ConfigError, UserError
from pipeline.places import Places
from pipeline.weights.requested import requested_weights
from pipeline.workflow.owner import advise_on_dead_lock, mark_jobs


class Workflow:
    """One experiment as the workflow sees it.

    Args:
        config: the experiment file.

    Raises:
        ConfigError: the file cannot be used.
    """

    def __init__(self, config: Path) -> None:
        self.config = _as_seen_from_here(config)
        self.experiment: Experiment = load_experiment(config)
        self.chain, self.places = Chain(self.experiment), Places.of(self.experiment)
        self.dataset = self.experiment.dataset.name
        self._blocks = {block.name: part for part, block in self.experiment.sets().items()}
        self.raw = self.raw_of(self.dataset)

    @property
    def all_methods(self) -> list[str]:
        """Everything that is evaluated: methods and ablations."""
        return [*self.experiment.methods_run(), *self.experiment.ablations]

    @property
    def datasets(self) -> list[str]:
        """Names of the data set and of the companion set, if anything is trained on it."""
        return list(self._blocks)

    def block_of(self, dataset: str) -> Synthetic | Canon | Folder | Clips:
        """What the experiment file says about a set."""
        return self.experiment.sets()[self._blocks[dataset]]

    def is_made(self, dataset: str) -> bool:
        """Whether the synthetic camera makes the images of a set."""
        return isinstance(self.block_of(dataset), Synthetic | Clips)

    def raw_of(self, dataset: str) -> str:
        """Folder of the images of a set."""
        return _quotable(str(Places.raw_of(self.block_of(dataset))), f"{dataset}: root")

    def data_option(self, dataset: str) -> list[str]:
        """The option that selects this set for `dmtbench data`."""
        return ["--companion"] if self._blocks[dataset] == "companion" else []

    def companion_index(self, method: str) -> list[str]:
        """Index of the companion set's store if the method is trained on it; otherwise empty."""
        block = self.experiment.companion
        needed = block is not None and self.experiment.needs_companion(method)
        return [str(Places.store_of(block.name) / INDEX)] if block and needed else []

    @property
    def counted(self) -> list[str]:
        """Methods and ablations whose networks are counted."""
        names = self.chain.artifacts
        return [
            name.removeprefix(COMPLEXITY_OF) for name in names if name.startswith(COMPLEXITY_OF)
        ]

    def sizes(self) -> list[str]:
        """Complexity records of these methods."""
        return [Places.complexity(name).as_posix() for name in self.counted]

    @staticmethod
    def companion_option(index: Any) -> list[str]:
        """The `--companion` option for the store with this index; empty without one."""
        return ["--companion", str(Path(str(index)).parent)] if index else []

    def learns(self, method: str) -> bool:
        """Whether a method has a training run."""
        return self.experiment.entry(method).recipe is not None

    @staticmethod
    def run_option(weights: Any) -> list[str]:
        """The `--run` option for a method with these weights; empty without weights."""
        return ["--run", str(Path(str(weights)).parent)] if weights else []

    def given_file(self, method: str) -> list[str]:
        """The file of weights that the experiment names for a method; empty if it is missing."""
        file = requested_weights(self.experiment, method).official
        return [str(file)] if file and file.exists() else []

    def given_option(self, method: str) -> list[str]:
        """The options that give a method the weights that the experiment names."""
        origin = requested_weights(self.experiment, method)
        key = ["--key", origin.key] if origin.key else []
        return ["--weights", _quotable(str(origin.official), f"weights: {method}"), *key]

    def named_runs(self, methods: list[str]) -> list[str]:
        """Names of runs: one per repetition if the method depends on a seed, otherwise one."""
        seeds = [f"{name}-seed{number}" for name, number in self.experiment.runs_of(methods)]
        return [*seeds, *(f"{name}-given" for name in self.experiment.given_of(methods))]

    def part(self, target: str) -> list[str]:
        """Files of all artifacts that a target such as `all_data` stands for."""
        artifacts = (self.chain.artifacts[name] for name in self.chain.parts[target])
        return [path.as_posix() for artifact in artifacts for path in artifact.outputs]

    def outputs(self, report: str) -> list[str]:
        """Files of a report, of its record, and of its copies in `reports/`."""
        return [path.as_posix() for path in self.chain.artifacts[report].outputs]

    def inputs(self, report: str) -> list[str]:
        """Files that a report is made from."""
        return [path.as_posix() for path in reports(self.experiment)[report].inputs.values()]


def _as_seen_from_here(path: Path) -> str:
    here = Path.cwd()
    if set("{}") & set(str(here)):
        raise ConfigError(f"{here}: Snakemake cannot work in a folder with braces; rename it")
    # Snakemake gives the path of `--configfile` as an absolute path and that of its `configfile:`
    # directive as written; records hold the shorter one.
    full = Path(_quotable(str(path), "--configfile")).resolve()
    seen = full.relative_to(here) if full.is_relative_to(here) else full
    return _quotable(str(seen), "--configfile")


def _quotable(path: str, what: str) -> str:
    # A line break ends a command in a log, a NUL cannot be passed to a program at all.
    if not path or any(unicodedata.category(character) in ("Cc", "Cs") for character in path):
        raise ConfigError(
            f"{what}: {path!r} is empty or has a character that no command line can hold (line "
            "break, tab, NUL, undecodable byte); rename the folder or file"
        )
    return path


def load_workflow(configfiles: list[Any], overrides: dict[str, Any]) -> Workflow:
    """The workflow of the experiment file that Snakemake was given.

    Args:
        configfiles: Snakemake's configuration files; the command line's come first.
        overrides: values given with `--config`, which must be empty: records name the experiment
            file, so every change needs a separate file.

    Raises:
        SystemExit: the file cannot be used; the message is one line.
    """
    # On a full disk, Snakemake's log cannot be written. Its messages reach the terminal too, and
    # tracebacks about the log would hide them.
    logging.raiseExceptions = False
    # Jobs must find the `dmtbench` of the environment that runs Snakemake, activated or not.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    try:
        if overrides:
            raise ConfigError(
                f"--config {' '.join(overrides)}: copy config/demo.yaml, edit the copy and give it "
                "with --configfile, so that records can name the file that made them"
            )
        made = Workflow(Path(configfiles[0]))
    except UserError as error:
        raise SystemExit(f"error: {error}") from error
    mark_jobs()
    advise_on_dead_lock(made.config)
    return made
