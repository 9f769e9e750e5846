"""Block `weights` of an experiment file: methods that are scored with given weights."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from pipeline.config.blocks import Strict
from pipeline.errors import UserError
from pipeline.weights.registry import published_weights

OFFICIAL = "official"
"""Instead of a path: the file that `dmtbench weights fetch` puts into `weights/METHOD/`."""

_LONGEST_PATH = 4096


class GivenWeights(Strict):
    """Weights that one method is scored with, instead of being trained.

    `file`: path of a file as published, or `official`. `key`: which of several state dicts in it.
    """

    file: str = Field(min_length=1, max_length=_LONGEST_PATH)
    key: str | None = Field(default=None, min_length=1, max_length=200)

    @property
    def official(self) -> bool:
        """Whether the file is that of the registry of published weights."""
        return self.file == OFFICIAL


def _with_file(value: Any) -> Any:
    return {"file": value} if isinstance(value, str) else value


Weights = Annotated[
    GivenWeights, BeforeValidator(_with_file, json_schema_input_type=str | GivenWeights)
]
"""`official`, the path of a file, or `{file: …, key: …}`."""


def check_published(weights: dict[str, GivenWeights]) -> None:
    """Refuse `official` for methods of which no weights were published.

    Raises:
        ValueError: there is one.
    """
    for name, given in weights.items():
        if given.official:
            try:
                published_weights(name)
            except UserError as error:
                raise ValueError(f"weights: {error}; or name a file") from error
