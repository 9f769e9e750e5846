"""The JSON file of exported runs: what it may hold, checked before anything is believed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import RecordError, first_problem
from pipeline.files import write_text

_LARGEST = 2**30
_TIME = Annotated[int, Field(ge=0, lt=2**53)]
"""ms since 1970."""


def _inside(name: str) -> str:
    """MLflow makes paths of names."""
    if name.startswith("/") or any(part in ("", ".", "..") for part in name.split("/")):
        raise ValueError("is no name of a metric, parameter or tag")
    return name


Name = Annotated[str, Field(pattern=r"^[\w.\-/ :]+$", max_length=250), AfterValidator(_inside)]
"""As MLflow allows them."""
Points = tuple[tuple[Annotated[int, Field(ge=-(2**53), lt=2**53)], _TIME, float], ...]
"""Step, time and value of the points of a metric; `NaN` is a text."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")


class InputSet(_Part):
    """A data set that a run used."""

    name: Annotated[str, Field(min_length=1, max_length=500)]
    digest: Annotated[str, Field(min_length=1, max_length=36)]
    source: Annotated[str, Field(max_length=10_000)]
    context: Annotated[str, Field(max_length=500)] | None = None


class ExportedRun(_Part):
    """One run. `id` and `parent` hold within the file; `artifacts` are paths, not contents."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    parent: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = None
    name: Annotated[str, Field(max_length=500)]
    status: Literal["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]
    start: _TIME
    end: _TIME | None = None
    params: dict[Name, Annotated[str, Field(max_length=6000)]]
    tags: dict[Name, Annotated[str, Field(max_length=8000)]]
    metrics: dict[Name, Points]
    inputs: tuple[InputSet, ...] = ()
    artifacts: tuple[str, ...] = ()

    def digest(self) -> str:
        """SHA-256 of what the run says, whatever identifier it has in which store."""
        text = self.model_dump_json(exclude={"id", "parent", "artifacts"})
        canonical = json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


class RunFile(_Part):
    """The runs of one MLflow experiment; parents may come after their children."""

    format: Literal["dmtbench runs 1"] = "dmtbench runs 1"
    experiment: Annotated[str, Field(pattern=r"^[\w.\- ]+$", max_length=200)]
    runs: tuple[ExportedRun, ...]


def write_run_file(path: Path, file: RunFile) -> None:
    """Write runs as JSON; on any error an earlier file stays as it was.

    Raises:
        DataError: the folder is read-only or full.
    """
    write_text(path, file.model_dump_json(indent=1) + "\n")


def read_run_file(path: Path) -> RunFile:
    """Read and check exported runs.

    Raises:
        RecordError: the file is missing, too large, not JSON, or holds anything else; or a run
            stands in it twice, or has a parent that does not.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise RecordError(f"{path}: larger than 1 GiB; export fewer runs")
        file = RunFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RecordError(
            f"{path}: cannot be read ({error.strerror}); export the runs with `export-runs`"
        ) from error
    except (ValidationError, RecursionError) as error:
        problem = (
            first_problem(error, unknown_key="unknown key")
            if isinstance(error, ValidationError)
            else "nested too deeply"
        )
        raise RecordError(f"{path}: not exported runs ({problem}); export them again") from error
    known = {run.id for run in file.runs}
    if len(known) < len(file.runs):
        raise RecordError(f"{path}: has a run twice; export the runs again")
    for run in file.runs:
        if run.parent is not None and (run.parent not in known or run.parent == run.id):
            raise RecordError(f"{path}: run {run.id}: its parent is missing; export the runs again")
    return file
