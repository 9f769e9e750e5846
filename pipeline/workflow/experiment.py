"""What the Snakefile reads from an experiment: names, paths and rerun keys, all scalars."""

from __future__ import annotations

import os
import sys
import unicodedata
from pathlib import Path
from typing import Any

from pipeline.code_hash import PYTHON, source_hash
from pipeline.config.blocks import Clips, Synthetic
from pipeline.config.experiment import Experiment, digest_of, load_experiment
from pipeline.config.methods import WITHOUT_NETWORK
from pipeline.errors import ConfigError, UserError
from pipeline.methods import get_method
from pipeline.results_versions import MAKERS_OF_WEIGHTS, results_versions
from pipeline.workflow.owner import advise_on_dead_lock, mark_jobs


class Workflow:
    """One experiment as the workflow sees it.

    Rerun keys change when a stage's result would change beyond rounding. Rules have them in
    `params`, which Snakemake compares with those of the last run.

    Args:
        config: the experiment file.

    Raises:
        ConfigError: the file cannot be used.
    """

    def __init__(self, config: Path) -> None:
        self.config = _as_seen_from_here(config)
        self.experiment: Experiment = load_experiment(config)
        dataset = self.experiment.dataset
        self.data = f"data/{dataset.name}"
        self.runs = f"runs/{dataset.name}"
        self.states = f"state/{dataset.name}"
        self.results = f"results/{dataset.name}"
        self.logs = f"logs/{dataset.name}"
        blocks = {"dataset": dataset, "companion": self.experiment.companion}
        self._blocks = {block.name: part for part, block in blocks.items() if block is not None}
        self.raw = self.raw_of(dataset.name)
        self.threads = self.experiment.compute.torch_threads
        self.gpus = int(self.experiment.compute.device != "cpu")

    @property
    def table1_methods(self) -> list[str]:
        """Methods that Table 1 runs."""
        return self.experiment.methods_run()

    @property
    def table2_methods(self) -> list[str]:
        """Methods and ablations that have a row in Table 2."""
        return [*self.experiment.table2_rows().values(), *self.experiment.further_ablations()]

    @property
    def all_methods(self) -> list[str]:
        """Everything that is evaluated: methods and ablations."""
        return [*self.table1_methods, *self.experiment.ablations]

    @property
    def datasets(self) -> list[str]:
        """Names of the data set and of the companion set, if there is one."""
        return list(self._blocks)

    def raw_of(self, dataset: str) -> str:
        """Folder of the images of a set."""
        block = getattr(self.experiment, self._blocks[dataset])
        made = isinstance(block, Synthetic | Clips)
        return f"data/{dataset}/raw" if made else _quotable(str(block.root), f"{dataset}: root")

    def data_option(self, dataset: str) -> str:
        """The option that selects this set for `dmtbench data`."""
        return "--companion" if self._blocks[dataset] == "companion" else ""

    def uses_companion(self) -> bool:
        """Whether anything that is run is trained on the companion set."""
        return any(self.experiment.needs_companion(method) for method in self.all_methods)

    def companion_index(self, method: str) -> list[str]:
        """Index of the companion set's store if the method is trained on it; otherwise empty."""
        block = self.experiment.companion
        needed = block is not None and self.experiment.needs_companion(method)
        return [f"data/{block.name}/store/index.json"] if block and needed else []

    @staticmethod
    def companion_option(index: Any) -> list[str]:
        """The `--companion` option for the store with this index, by words; empty without one."""
        return ["--companion", str(Path(str(index)).parent)] if index else []

    def training_gpus(self, method: str) -> int:
        """Number of GPUs that a training takes."""
        return self.gpus * self.experiment.training_gpus(method)

    def learns(self, method: str) -> bool:
        """Whether a method has a training run."""
        return self.experiment.entry(method).recipe is not None

    def result_records(self, methods: list[str]) -> list[str]:
        """Paths of the result records of these methods, every repetition."""
        return [f"{self.results}/{run}/record.json" for run in self.named_runs(methods)]

    def complexity_records(self, methods: list[str]) -> list[str]:
        """Paths of the complexity records of those methods that have a network."""
        kinds = {name: self.experiment.entry(name).kind for name in methods}
        names = [name for name in methods if kinds[name] not in WITHOUT_NETWORK]
        return [f"results/complexity/{name}.json" for name in names]

    @staticmethod
    def folder_of_runs(records: list[str]) -> str:
        """The folder that holds the run folders of these records."""
        return str(Path(records[0]).parents[1])

    def lost(self, made: str, methods: list[str]) -> list[str]:
        """Records of these methods that are missing although `made`, made from them, exists.

        By default, Snakemake restores a missing file only if a job that runs needs it. As a
        parameter of the rule that makes `made`, the list of missing records makes that job run.
        Snakemake stores the parameter from before the run, so the next run makes `made` once more.
        """
        if not Path(made).exists():
            return []
        records = [*self.result_records(methods), *self.complexity_records(methods)]
        return [path for path in records if not Path(path).exists()]

    @staticmethod
    def run_option(weights: Any) -> list[str]:
        """The `--run` option for a method with these weights, by words; empty without weights."""
        return ["--run", str(Path(str(weights)).parent)] if weights else []

    @staticmethod
    def table_options(tables: list[str]) -> list[str]:
        """A `--table` option for each of these files, by words."""
        return [word for path in tables for word in ("--table", str(path))]

    def named_runs(self, methods: list[str]) -> list[str]:
        """Names of runs: one per repetition if the method depends on a seed, otherwise one."""
        return [
            f"{name}-seed{repetition}"
            for name in methods
            for repetition in range(
                self.experiment.repetitions if self.experiment.recipe_of(name) else 1
            )
        ]

    def data_key(self, dataset: str) -> str:
        """Changes with the block of a set, the main seed, and how synthetic images are made."""
        block = self.experiment.digest(self._blocks[dataset], "seed")
        return digest_of([block, results_versions("pipeline.data.synthetic")])

    @staticmethod
    def store_key() -> str:
        """Changes with how images are stored."""
        return digest_of(results_versions("pipeline.data.store"))

    def patches_key(self) -> str:
        """Changes with which windows are cut and kept."""
        versions = results_versions("pipeline.data.sampling")
        return digest_of([self.experiment.digest("patches"), versions])

    def train_key(self, method: str) -> str:
        """Changes with everything that a training depends on, including the method's code."""
        experiment, recipe = self.experiment, self.experiment.recipe_of(method)
        second = experiment.needs_companion(method)
        return self._key(
            method,
            patches=experiment.patches.model_dump(mode="json") if recipe else None,
            recipe=recipe.key(strict=experiment.compute.strict) if recipe else None,
            seed=experiment.seed,
            versions=results_versions(*MAKERS_OF_WEIGHTS),
            **({"companion": experiment.digest("companion")} if second else {}),
        )

    def evaluate_key(self, method: str) -> str:
        """Changes with everything that an evaluation depends on, except weights and data."""
        blocks = self.experiment.digest("protocol", "metrics", "sample_images")
        entry = self.experiment.entry(method)
        metrics = [source_hash(metric.module) for metric in self.experiment.metrics.values()]
        # Tables find a record by its row.
        return self._key(
            method,
            blocks=blocks,
            metrics=metrics,
            row=entry.row,
            kind=entry.kind,
            versions=results_versions("pipeline.evaluation"),
        )

    def complexity_key(self, method: str) -> str:
        """Changes with the full model's code and arguments, and the image size of the count."""
        wrapped = get_method(method, self.experiment)
        size = list(self.experiment.complexity_size)
        return digest_of([wrapped.entry.model_dump(mode="json"), wrapped.code_hash(), PYTHON, size])

    def report_key(self) -> str:
        """Changes with the rows of the tables."""
        return self.experiment.digest("methods", "ablations")

    def _key(self, method: str, **parts: Any) -> str:
        wrapped = get_method(method, self.experiment)
        return digest_of(
            {
                **parts,
                "module": wrapped.entry.module,
                "kwargs": self.experiment.trained_kwargs(method),
                "code": wrapped.code_hash(),
                "python": PYTHON,
                "compute": self.experiment.compute.key(),
            }
        )


def _as_seen_from_here(path: Path) -> str:
    here = Path.cwd()
    if set("{}") & set(str(here)):
        raise ConfigError(f"{here}: Snakemake cannot work in a folder with braces; rename it")
    # Snakemake gives the path of `--configfile` as an absolute path and that of its `configfile:`
    # directive as written; rules compare paths as text.
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
    # Jobs must find the `dmtbench` of the environment that runs Snakemake, activated or not.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    try:
        if overrides:
            raise ConfigError(
                f"--config {' '.join(overrides)}: copy config/demo.yaml, edit the copy and give it "
                "with --configfile, so that records can name the file that made them"
            )
        workflow = Workflow(Path(configfiles[0]))
    except UserError as error:
        raise SystemExit(f"error: {error}") from error
    mark_jobs()
    advise_on_dead_lock(workflow.config)
    return workflow
