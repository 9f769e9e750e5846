"""What a tracker stores about one repetition of one method, read from its record files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.artifacts import WEIGHTS
from pipeline.config.experiment import Experiment
from pipeline.errors import ConfigError, RecordError
from pipeline.files import sha256_of
from pipeline.finished_runs import SUPERSEDED
from pipeline.methods import MethodDeclaration, get_method
from pipeline.records import Provenance, ResultRecord, RunRecord, read_record
from pipeline.tracking.metrics import curve_points, final_metrics

LAYOUT = 2
"""Raised when names of metrics, parameters or artifacts change: runs are imported again, so that
no run has names of two kinds, and the runs with the old ones become superseded."""

_LONGEST = 500
_LONGEST_DECLARED = 5000
_SHARED_BLOCKS = ("methods", "ablations", "metrics", "recipes", "trained_size")


@dataclass(frozen=True)
class Entry:
    """One repetition of one method: what training and evaluation left behind.

    `files` are the artifacts, each with the folder it goes to; `digest` is over all of them and
    over `LAYOUT`.
    """

    run: RunRecord | None
    result: ResultRecord | None
    curve: Path | None
    files: tuple[tuple[Path, str], ...]
    digest: str

    @property
    def record(self) -> RunRecord | ResultRecord:
        """The training record, or the evaluation's for a method that learns nothing."""
        record = self.run or self.result
        assert record is not None
        return record

    @property
    def name(self) -> str:
        """Name of its folders: a result of given weights does not replace a training."""
        record = self.record
        if isinstance(record, ResultRecord) and record.given_weights is not None:
            return f"{record.method}-given"
        return f"{record.method}-seed{record.repetition}"

    def params(self) -> dict[str, str]:
        """What was chosen before the run: data set, recipe, widths and the like, flattened."""
        record = self.record
        chosen = {
            "method": record.method,
            "repetition": record.repetition,
            **_chosen(record.provenance.config, record.method),
        }
        return {key: text[:_LONGEST] for key, text in _flat(chosen)}

    def tags(self) -> dict[str, str]:
        """What identifies the run: label, protocol, hashes, commit, packages, hardware, seeds.

        Where training and evaluation are both known, the evaluation's carry a prefix. `citation`,
        `licence`, `surrogate` (the reason) and `choices.known` and `choices.reconstruction` (one a
        line) are what the method's module declares now; absent where it can no longer be loaded.
        """
        record = self.record
        tags: dict[str, Any] = {
            "row": record.row,
            "dataset": record.dataset,
            "label": record.label,
            **_origin(record.provenance),
            "mlflow.source.git.commit": record.provenance.git_commit,
        }
        if self.result is not None:
            scoring = self.result.protocol.model_dump(mode="json")
            tags["protocol"] = scoring.pop("id")
            tags["protocol_details"] = scoring
            tags["kind"] = self.result.method_kind
            tags["metric_status"] = self.result.metric_status
            if self.result.given_weights is not None:
                tags["given_weights"] = self.result.given_weights.model_dump()
            if self.run is not None:
                tags["evaluation"] = _origin(self.result.provenance)
        declared = _declared(record.provenance.config, record.method)
        return {
            **{key: text[:_LONGEST] for key, text in _flat(tags)},
            **{key: text[:_LONGEST_DECLARED] for key, text in _flat(declared)},
        }

    def metrics(self) -> dict[str, float]:
        """Final numbers, see `final_metrics`."""
        return final_metrics(self.run, self.result)

    def curves(self) -> list[tuple[str, float, int]]:
        """Points of the training curves, see `curve_points`."""
        return curve_points(self.curve)


def read_entries(runs: Path, results: Path, wanted: Collection[str] | None = None) -> list[Entry]:
    """The entries below `runs/<run>/` and `results/<run>/`, paired by folder name.

    `wanted`: the folder names to read; all of them if `None`.

    Raises:
        RecordError: a record is missing a part, malformed, or does not belong to its partner.
    """
    found = (path for root in (runs, results) for path in root.glob("*/record.json"))
    names = {path.parent.name for path in found}
    return [
        _entry(runs / name, results / name)
        for name in sorted(names)
        if not name.startswith((".", SUPERSEDED)) and (wanted is None or name in wanted)
    ]


def _entry(run: Path, result: Path) -> Entry:
    files: list[tuple[Path, str]] = []
    trained = scored = curve = None
    if (run / "record.json").exists():
        trained = read_record(run / "record.json", RunRecord)
        files.append((run / "record.json", "training"))
        curve = run / "curve.csv" if (run / "curve.csv").exists() else None
        files += [(curve, "training")] if curve else []
        files += [(path, "weights") for path in (run / WEIGHTS,) if path.exists()]
    if (result / "record.json").exists():
        scored = read_record(result / "record.json", ResultRecord)
        if not (result / "per_image.csv").exists():
            raise RecordError(f"{result / 'per_image.csv'}: missing; evaluate this run again")
        files += [(result / name, "evaluation") for name in ("record.json", "per_image.csv")]
        files += [(path, "images") for path in sorted((result / "images").glob("*"))]
    if trained and scored:
        pairs = [(r.method, r.dataset, r.repetition) for r in (trained, scored)]
        if pairs[0] != pairs[1]:
            raise RecordError(
                f"{result / 'record.json'}: scores another network than {run}; evaluate it again"
            )
    return Entry(trained, scored, curve, tuple(files), digest_files(files, f"layout {LAYOUT}"))


def digest_files(files: Sequence[tuple[Path, str]], *further: str) -> str:
    """SHA-256 over the contents of `files`, the folders they go to, and `further` texts."""
    listed = [*further]
    listed += [f"{folder}/{path.name} {sha256_of(path)}" for path, folder in files]
    return hashlib.sha256("\n".join(listed).encode()).hexdigest()


def _chosen(config: Mapping[str, Any], method: str) -> dict[str, Any]:
    try:
        experiment = Experiment.model_validate(config)
        entry, recipe = experiment.entry(method), experiment.recipe_of(method)
    except (ValidationError, ConfigError):
        # The configuration of another version of this package is still worth showing unchanged.
        return dict(config)
    shared = {key: value for key, value in config.items() if key not in _SHARED_BLOCKS}
    return {
        **shared,
        "module": entry.module,
        "recipe": recipe.model_dump(mode="json") if recipe else entry.recipe,
        "kwargs": experiment.trained_kwargs(method),
    }


def _declared(config: Mapping[str, Any], method: str) -> dict[str, Any]:
    try:
        declared = get_method(method, Experiment.model_validate(config)).declaration
    except (ValidationError, ConfigError):
        return {}
    return {
        "citation": declared.citation,
        "licence": declared.licence,
        "surrogate": declared.surrogate,
        "choices": {
            "known": _listed(declared, known=True),
            "reconstruction": _listed(declared, known=False),
        },
    }


def _listed(declared: MethodDeclaration, *, known: bool) -> str | None:
    chosen = [f"{part.what}: {part.chosen}" for part in declared.choices if part.known is known]
    return "\n".join(chosen) or None


def _origin(provenance: Provenance) -> dict[str, Any]:
    measured = {"config", "wall_s", "peak_memory_mb"}
    return provenance.model_dump(mode="json", exclude=measured)


def _flat(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value)
