"""The method list of `config/methods.yaml`: methods, ablations and metrics."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from pipeline.config.blocks import Strict
from pipeline.errors import ConfigError

METHOD_NAME = "[a-z0-9][a-z0-9-]*"
"""Regular expression of a method's name: it is a folder, a word of a command and a wildcard."""

NOT_TRAINED = ("fit", "official", None)
"""Values of `recipe` for methods that are not trained by gradient descent."""

CONTROL = "control"
"""Kind of this benchmark's own reference methods, with which published ones are compared."""

WITHOUT_NETWORK = (CONTROL, "two-stage classical")
"""Kinds of methods without a network: they give the same result with every seed."""

_LONGEST_ROW = 200
_DIRECTIONS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def _showable(row: str) -> str:
    if not row.strip() or row != row.strip():
        raise ValueError("must not be empty, nor begin or end with a space; it names a table row")
    if len(row) > _LONGEST_ROW:
        raise ValueError(f"has {len(row)} characters; use at most {_LONGEST_ROW}")
    for char in row:
        # Line ends, other control characters, halves of characters, and changes of direction.
        if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or char in _DIRECTIONS:
            raise ValueError(f"holds {char!r}, which a table cannot show; remove it")
    return row


Row = Annotated[str, AfterValidator(_showable)]
"""Label of a method in tables and plots."""


class MethodEntry(Strict):
    """A method: importable `module`, its constructor arguments, its row label and its recipe.

    `recipe`: name of a training recipe, `fit` (the method fits itself, without gradients),
    `official` (runs only with published weights) or `null` (nothing to learn). `kind`: as in the
    paper's Table 1, or `control`. `table2`: its row in the paper's Table 2.
    """

    module: str
    row: Row
    kind: str = "end-to-end"
    recipe: str | None = None
    table2: int | None = None
    kwargs: dict[str, Any] = Field(default_factory=dict)

    @property
    def has_network(self) -> bool:
        """Whether there is a network, to count and to run on a GPU; other methods use the CPU."""
        return self.kind not in WITHOUT_NETWORK


class AblationEntry(Strict):
    """A variant of `base` with other constructor arguments; `table2` is its row in Table 2."""

    base: str
    kwargs: dict[str, Any] = Field(default_factory=dict)
    row: Row
    table2: int | None = None


class MetricEntry(Strict):
    """A metric: an importable `module` with `score(prediction, target)`."""

    module: str


class MethodList(Strict):
    """`config/methods.yaml`: all methods and metrics, shared by every experiment."""

    methods: dict[str, MethodEntry] = Field(default_factory=dict)
    ablations: dict[str, AblationEntry] = Field(default_factory=dict)
    metrics: dict[str, MetricEntry] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_can_be_folders(self) -> MethodList:
        for name in [*self.methods, *self.ablations]:
            if not re.fullmatch(METHOD_NAME, name):
                raise ValueError(
                    f"method {name!r}: a name consists of a-z, 0-9 and hyphens and starts with a "
                    "letter or digit; rename it"
                )
        return self

    def entry(self, name: str) -> MethodEntry:
        """The method or ablation `name`; an ablation is merged over its base.

        Raises:
            ConfigError: there is no such method.
        """
        if name in self.methods:
            return self.methods[name]
        if name in self.ablations:
            ablation = self.ablations[name]
            base = self.methods[ablation.base]
            kwargs = {**base.kwargs, **ablation.kwargs}
            return base.model_copy(
                update={"kwargs": kwargs, "row": ablation.row, "table2": ablation.table2}
            )
        raise unknown_method(name, [*self.methods, *self.ablations])


def unknown_method(name: str, known: list[str]) -> ConfigError:
    """The error for an undefined method name."""
    return ConfigError(f"unknown method {name!r}; known: {', '.join(sorted(known))}")
