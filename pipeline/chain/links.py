"""The links of the chain behind one result, each judged by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.artifacts import PER_IMAGE_FILE
from pipeline.chain.experiment import Chain
from pipeline.chain.results import judge_result
from pipeline.chain.standing import Standing
from pipeline.config.experiment import Experiment
from pipeline.errors import RecordError
from pipeline.files import sha256_of
from pipeline.records import ResultRecord, read_record
from pipeline.run import Run
from pipeline.weights.requested import requested_weights


@dataclass(frozen=True)
class Link:
    """One step on the way from a number to its origin.

    `state`: as in `pipeline.chain.standing`, or `published` for the paper's numbers. `path`: the
    file. `reason`: what is wrong with it, or where it comes from; may be empty.
    """

    name: str
    state: str
    path: str
    reason: str = ""

    @classmethod
    def of(cls, name: str, standing: Standing) -> Link:
        """The link to an artifact."""
        return cls(name, standing.state, standing.path.as_posix(), standing.reason)

    def __str__(self) -> str:
        reason = f" ({self.reason})" if self.reason else ""
        return f"[{self.state}] {self.name}: {self.path}{reason}"


def links_of_result(chain: Chain, artifact: str, path: Path) -> Iterator[Link]:
    """Record, scores of single images, weights and manifest behind a result.

    Args:
        chain: of the experiment.
        artifact: name of the evaluation.
        path: its record.
    """
    name = artifact.removeprefix("evaluate ")
    if artifact in chain.artifacts:
        yield Link.of("record", chain.standing(artifact))
    else:
        run = Run.of(chain.experiment, name.removesuffix("-given"))
        yield Link.of("record", judge_result(run, chain.places, given=True))
    try:
        record = read_record(path, ResultRecord)
    except RecordError:
        record = None
    if record is not None:
        scores = path.with_name(PER_IMAGE_FILE)
        yield _compared("scores", scores, record.per_image_sha256)
        if record.given_weights is not None:
            file = _given_file(chain.experiment, record)
            yield _compared("weights", file, record.provenance.weights_sha256)
    if f"train {name}" in chain.artifacts:
        yield Link.of("weights", chain.standing(f"train {name}"))
    manifest = f"data {chain.experiment.dataset.name}"
    yield Link.of("data", chain.standing(manifest))


def _given_file(experiment: Experiment, record: ResultRecord) -> Path:
    requested = record.method in experiment.weights
    wanted = requested_weights(experiment, record.method).official if requested else None
    known = record.given_weights
    return wanted or Path(known.file if known else "")


def _compared(name: str, file: Path, sha256: str | None) -> Link:
    if not file.is_file():
        return Link(name, "missing", file.as_posix(), "cannot be compared with the record")
    if sha256_of(file) != sha256:
        return Link(name, "broken", file.as_posix(), "is not the file of the record")
    return Link(name, "fresh", file.as_posix())
