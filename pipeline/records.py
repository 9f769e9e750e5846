"""Result records: the JSON files that every stage writes and every report reads.

Each is validated when written and when read, and holds a checksum of its content. `docs/schemas/`
has their JSON Schemas.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError

from pipeline.doctor_record import DoctorReport as DoctorReport
from pipeline.doctor_record import ImageReport as ImageReport
from pipeline.errors import RecordError, first_problem
from pipeline.files import write_text
from pipeline.record_base import Record
from pipeline.record_parts import ControlScore as ControlScore
from pipeline.record_parts import Floor as Floor
from pipeline.record_parts import GivenFile as GivenFile
from pipeline.record_parts import Protocol as Protocol
from pipeline.record_parts import Provenance as Provenance
from pipeline.record_parts import Scores as Scores
from pipeline.study_record import StudyInput as StudyInput
from pipeline.study_record import StudyMethod as StudyMethod
from pipeline.study_record import StudyRecord as StudyRecord

Label = Literal["reproduced", "official weights", "given weights", "published", "surrogate", "demo"]
CATEGORIES = ("indoor", "outdoor", "combined")
MAIN_GROUP = "main"
_AGAIN = "delete the file and run its stage again"


class RunRecord(Record):
    """`runs/<set>/<run>/record.json`: one trained (or fitted) network.

    `epoch`, `val_psnr` (dB): of the best weights, which are kept. `learned`: by a closed-form fit.
    `samples`: crops seen. `crops_per_pass`: most of them at once in a process, by side in pixels.
    """

    kind: Literal["run"] = "run"
    method: str
    row: str
    dataset: str
    repetition: int
    label: Label
    trained_params: int
    samples: int
    epoch: int
    val_psnr: float
    learned: dict[str, float] = Field(default_factory=dict)
    crops_per_pass: dict[str, int] = Field(default_factory=dict)
    provenance: Provenance


class ResultRecord(Record):
    """`results/<set>/<run>/record.json`: one method scored on the test split.

    `scores` maps indoor, outdoor and combined to means over the main group; `groups` maps every
    other group of scenes to its means. `metric_status` maps each metric to `computed` or to the
    reason why it was not. `images`: names of the sample images next to the record.
    `per_image_sha256`: SHA-256 of `per_image.csv`, from which the means were computed. `controls`:
    by control and metric; empty in records that are older than they. `floor`: only where weights
    were used. `given_weights`: what took the place of a run.
    """

    kind: Literal["result"] = "result"
    method: str
    row: str
    method_kind: str
    dataset: str
    repetition: int
    label: Label
    trained_params: int
    given_weights: GivenFile | None = None
    protocol: Protocol
    scores: dict[str, Scores]
    groups: dict[str, Scores]
    metric_status: dict[str, str]
    images: tuple[str, ...]
    per_image_sha256: str
    controls: dict[str, dict[str, ControlScore]] = Field(default_factory=dict)
    floor: Floor | None = None
    provenance: Provenance


class SensitivityRow(Record):
    """One way to score: means by metric over the main group, and by how much they moved.

    `scores`: as in a `ResultRecord`. `moved`: by category and metric, relative to the protocol.
    """

    name: str
    meaning: str
    scores: dict[str, Scores]
    moved: dict[str, dict[str, float | None]]


class SensitivityRecord(Record):
    """`results/<set>/<run>/sensitivity.json`: one trained network, scored in several ways.

    `result_sha256`: SHA-256 of the result record beside it. `protocol`: of that result, and of the
    first of `rows`. `left_out`: the reason why a way has no row, by its name.
    """

    kind: Literal["sensitivity"] = "sensitivity"
    method: str
    row: str
    dataset: str
    repetition: int
    label: Label
    protocol: Protocol
    result_sha256: str
    rows: tuple[SensitivityRow, ...]
    left_out: dict[str, str]
    provenance: Provenance


class ComplexityRecord(Record):
    """`results/complexity/<method>.json`: size of the full model, paper configuration.

    `flops_fvcore`: fvcore's total at `size`, in multiply-accumulates. `flops_paper`: by the
    module-hook rule behind the paper's column. `uncounted`: number of calls of each operator that
    fvcore skipped. `counted_at`: the sizes that were run. `surrogate`: whether the network only
    stands in for the method of `row`. `key` identifies the code and configuration that were
    counted.
    """

    kind: Literal["complexity"] = "complexity"
    method: str
    row: str
    size: tuple[int, int]
    params: int
    flops_fvcore: int
    flops_paper: float
    by_operator: dict[str, int]
    uncounted: dict[str, int]
    counted_at: tuple[tuple[int, int], ...]
    surrogate: bool = False
    key: str


class StepRecord(Record):
    """`<artifact>.record.json`: a file that has no other record, such as a manifest or a table.

    `experiment`: name of the experiment. `configuration_key`, `code`: what it depends on, see
    `Provenance`. `inputs`, `outputs`: SHA-256 of the files that were read and made, by name; inputs
    by their path in the project, outputs relative to the record.
    """

    kind: Literal["step"] = "step"
    step: str
    experiment: str
    configuration_key: str
    code: dict[str, str]
    inputs: dict[str, str]
    outputs: dict[str, str]


AnyRecord = TypeVar(
    "AnyRecord",
    RunRecord,
    ResultRecord,
    SensitivityRecord,
    ComplexityRecord,
    StepRecord,
    DoctorReport,
    StudyRecord,
)
RECORD_TYPES: tuple[type[Record], ...] = (
    RunRecord,
    ResultRecord,
    SensitivityRecord,
    ComplexityRecord,
    StepRecord,
    DoctorReport,
    StudyRecord,
)
CHECKSUM = "record_sha256"
"""Key of a record's checksum: SHA-256 of its other keys as canonical JSON."""


def write_record(path: Path, record: Record) -> None:
    """Write `record` to `path` atomically, as JSON with its checksum.

    Raises:
        DataError: the folder is read-only or full.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> mean = Scores(n=2, mean={"psnr": 25.0})
        >>> with TemporaryDirectory() as folder:
        ...     write_record(Path(folder, "scores.json"), mean)
        ...     print(Path(folder, "scores.json").read_text())
        {
          "n": 2,
          "mean": {
            "psnr": 25.0
          },
          "record_sha256": "..."
        }
    """
    checked = type(record).model_validate(record.model_dump())
    content = json.loads(checked.model_dump_json())
    content[CHECKSUM] = _checksum(content)
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_record(path: Path, kind: type[AnyRecord]) -> AnyRecord:
    """Read and validate one record.

    Raises:
        RecordError: the file is missing, not JSON, not of this kind, or was changed after it was
            written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> record = ComplexityRecord(
        ...     method="mean", row="Mean of the views", size=(64, 64), params=0,
        ...     flops_fvcore=0, flops_paper=0.0, by_operator={}, uncounted={},
        ...     counted_at=((64, 64),), key="0",
        ... )
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder, "mean.json")
        ...     write_record(path, record)
        ...     read_record(path, ComplexityRecord) == record
        True
    """
    try:
        content = json.loads(path.read_bytes())
        if not isinstance(content, dict):
            raise RecordError(f"{path}: not a record; {_AGAIN}")
        known = content.pop(CHECKSUM, None)
        record = kind.model_validate(content)
        if known != _checksum(content):
            raise RecordError(f"{path}: was changed after it was written; {_AGAIN}")
        return record
    except OSError as error:
        raise RecordError(
            f"{path}: cannot be read ({error.strerror}); run its stage again"
        ) from error
    except (ValueError, RecursionError) as error:
        if not isinstance(error, ValidationError):
            raise RecordError(f"{path}: not JSON ({error}); {_AGAIN}") from error
        problem = first_problem(error, unknown_key="unknown key")
        raise RecordError(f"{path}: {problem}; {_AGAIN}") from error


def _checksum(content: dict[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def record_schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema of every record type, by name."""
    schemas = {kind.__name__: kind.model_json_schema() for kind in RECORD_TYPES}
    for schema in schemas.values():
        schema["properties"][CHECKSUM] = {"type": "string"}
        schema["required"].append(CHECKSUM)
    return schemas
