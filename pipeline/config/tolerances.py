"""How far a number may lie from the paper's and still be the same, with a reason for each part."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError

from pipeline.config.blocks import Strict
from pipeline.config.yaml_files import read_yaml
from pipeline.errors import ConfigError, first_problem
from pipeline.shipped import SHIPPED

TOLERANCES_FILE = SHIPPED / "config" / "tolerances.yaml"
_OWN = Path("config", "tolerances.yaml")
UNKNOWN: Literal["unknown"] = "unknown"


def _is_said(reason: str) -> str:
    if not reason.strip():
        raise ValueError("must not be empty: say where the value comes from")
    return reason.strip()


Reason = Annotated[str, AfterValidator(_is_said)]
Amount = Annotated[float, Field(ge=0, le=100)]


class Part(Strict):
    """One part of a tolerance, in the unit of the metric, and why it has this value."""

    value: Amount
    reason: Reason


class Spread(Strict):
    """The standard deviation of one training over seeds; `unknown` until somebody measures it."""

    value: Amount | Literal["unknown"]
    reason: Reason


class Tolerance(Strict):
    """The parts for one metric.

    `rounding`: half a unit of the last printed digit. `protocol`: what the description of the
    paper's evaluation leaves open. `seed_spread`: see `Spread`.
    """

    rounding: Part
    protocol: Part
    seed_spread: Spread

    @property
    def fixed(self) -> float:
        """Rounding and protocol together: what is the same for every seed."""
        return self.rounding.value + self.protocol.value

    @property
    def spread(self) -> float | None:
        """The standard deviation over seeds; `None` if it is unknown."""
        value = self.seed_spread.value
        return None if value == UNKNOWN else float(value)


class Tolerances(Strict):
    """`config/tolerances.yaml`: the tolerance of every metric in the paper's tables."""

    psnr: Tolerance
    ssim: Tolerance
    mae: Tolerance

    def of(self, metric: str) -> Tolerance:
        """The tolerance of a metric of the paper."""
        found: Tolerance = getattr(self, metric)
        return found


def tolerances_file() -> Path:
    """The file that counts here: that of the project in the current folder, or the package's."""
    return _OWN if _OWN.exists() else TOLERANCES_FILE


def load_tolerances(path: Path | None = None) -> Tolerances:
    """Read the tolerances.

    Args:
        path: by default, `tolerances_file()`.

    Raises:
        ConfigError: the file cannot be read, has an unknown metric or key, or a metric, part or
            reason is missing; the message names file and key.

    >>> load_tolerances().psnr.fixed
    0.015
    """
    path = path or tolerances_file()
    try:
        return Tolerances.model_validate(read_yaml(path))
    except ValidationError as error:
        raise ConfigError(
            f"{path}: {first_problem(error)}; docs/verdicts.md describes the file"
        ) from error
