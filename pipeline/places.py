"""Where the artifacts of an experiment are, relative to the folder of the project."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.artifacts import PER_IMAGE_FILE, RECORD, SENSITIVITY, WEIGHTS
from pipeline.config.blocks import Canon, Clips, Folder, Synthetic
from pipeline.config.experiment import Experiment

COMPLEXITY = Path("results/complexity")
PUBLISHED = Path("reports/published")
COUNTED = Path("reports/counted/complexity.csv")
REPORTS = Path("reports")


@dataclass(frozen=True)
class Places:
    """Folders and files of one experiment.

    Experiments with a data set of the same name share its images, runs and results; each has its
    own folder of reports.

    Args:
        experiment: name of the experiment.
        dataset: name of its data set.

    Example:
        >>> Places("demo", "synthetic").record("dmtnet-b", 0).as_posix()
        'results/synthetic/dmtnet-b-seed0/record.json'
    """

    experiment: str
    dataset: str

    @classmethod
    def of(cls, experiment: Experiment) -> Places:
        """The places of an experiment."""
        return cls(experiment.name, experiment.dataset.name)

    @property
    def data(self) -> Path:
        """Folder of manifest, pixel store and patch index of the data set."""
        return Path("data") / self.dataset

    @property
    def runs(self) -> Path:
        """Folder of the run folders."""
        return Path("runs") / self.dataset

    @property
    def results(self) -> Path:
        """Folder of the result folders."""
        return Path("results") / self.dataset

    @property
    def states(self) -> Path:
        """Folder of the states of trainings that have not finished."""
        return Path("state") / self.dataset

    @property
    def logs(self) -> Path:
        """Folder of the logs."""
        return Path("logs") / self.dataset

    @property
    def reports(self) -> Path:
        """Folder of this experiment's tables and plots."""
        return REPORTS / self.experiment

    @property
    def tracking(self) -> Path:
        """Summary of the last import into MLflow."""
        return self.reports / "tracking.json"

    @staticmethod
    def manifest_of(dataset: str) -> Path:
        """The manifest of a set."""
        return Path("data") / dataset / "manifest.csv"

    @staticmethod
    def raw_of(block: Synthetic | Canon | Folder | Clips) -> Path:
        """Folder of the images of a set."""
        if isinstance(block, Synthetic | Clips):
            return Path("data") / block.name / "raw"
        return Path(block.root)

    @property
    def manifest(self) -> Path:
        """The manifest of the data set."""
        return self.manifest_of(self.dataset)

    @staticmethod
    def store_of(dataset: str) -> Path:
        """The pixel store of a set."""
        return Path("data") / dataset / "store"

    @property
    def patches(self) -> Path:
        """The patch index of the data set."""
        return self.data / "patches.csv"

    def run(self, method: str, repetition: int) -> Path:
        """Folder of a run."""
        return self.runs / f"{method}-seed{repetition}"

    def weights(self, method: str, repetition: int) -> Path:
        """Weights of a run."""
        return self.run(method, repetition) / WEIGHTS

    def result(self, method: str, repetition: int) -> Path:
        """Folder of a result."""
        return self.results / f"{method}-seed{repetition}"

    def given(self, method: str) -> Path:
        """Folder of the result of a method with given weights."""
        return self.results / f"{method}-given"

    def record(self, method: str, repetition: int) -> Path:
        """Record of a result."""
        return self.result(method, repetition) / RECORD

    def per_image(self, method: str, repetition: int) -> Path:
        """Per-image scores of a result."""
        return self.result(method, repetition) / PER_IMAGE_FILE

    def sensitivity(self, method: str, repetition: int) -> Path:
        """Sensitivity table of a result; a new result removes it."""
        return self.result(method, repetition) / SENSITIVITY

    @staticmethod
    def complexity(method: str) -> Path:
        """Complexity record of a method."""
        return COMPLEXITY / f"{method}.json"


def record_of(artifact: Path) -> Path:
    """The step record of a file or folder that has no record of its own.

    Example:
        >>> record_of(Path("data/synthetic/manifest.csv")).as_posix()
        'data/synthetic/manifest.record.json'
    """
    return artifact.with_name(f"{artifact.stem}.record.json")
