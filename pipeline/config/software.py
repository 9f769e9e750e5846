"""What to cite for this software: `CITATION.cff`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.config.yaml_files import read_yaml
from pipeline.errors import ConfigError, first_problem
from pipeline.shipped import SHIPPED

CITATION_FILE = SHIPPED / "CITATION.cff"


class Author(BaseModel):
    """An entity with a `name`, or a person."""

    model_config = ConfigDict(frozen=True)

    name: str = ""
    given_names: str = Field(default="", alias="given-names")
    family_names: str = Field(default="", alias="family-names")

    @property
    def full(self) -> str:
        """The whole name."""
        return self.name or f"{self.given_names} {self.family_names}".strip()


class Software(BaseModel):
    """Title, authors and version; `released`: the date of the version, if it was released."""

    model_config = ConfigDict(frozen=True)

    title: str
    version: str
    license: str
    authors: tuple[Author, ...] = Field(min_length=1)
    released: Any = Field(default=None, alias="date-released")

    @property
    def year(self) -> str:
        """Of the release; empty before it."""
        return "" if self.released is None else str(self.released)[:4]


def read_software(path: Path = CITATION_FILE) -> Software:
    """Read `CITATION.cff`.

    Raises:
        ConfigError: it is missing, or lacks a value.

    >>> read_software().title
    'dmtbench'
    """
    try:
        return Software.model_validate(read_yaml(path))
    except ValidationError as error:
        raise ConfigError(f"{path}: {first_problem(error)}; restore it") from error
