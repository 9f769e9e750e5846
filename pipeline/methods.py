"""Registry of methods: looks up the module of a method by its name in the configuration.

`MethodDeclaration` is what such a module declares; docs/adding_a_method.md is its guide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool
from pydantic.dataclasses import dataclass as validated

from pipeline.code_hash import may_define, source_hash
from pipeline.config.experiment import Experiment, load_methods
from pipeline.config.methods import MethodEntry, unknown_method
from pipeline.errors import ConfigError, WeightsError
from pipeline.plugins import Contract, Text, function_field

if TYPE_CHECKING:
    from torch import nn

View = Literal["left", "right", "combined"]


def _different(views: tuple[View, ...]) -> tuple[View, ...]:
    if len(set(views)) < len(views):
        raise ValueError("the same view twice")
    return views


class Choice(BaseModel):
    """One detail of a method that had to be chosen or found out, and what is done here.

    `known`: taken from a publication or its authors' program; otherwise this project's
    reconstruction.
    """

    model_config = ConfigDict(frozen=True, from_attributes=True)

    what: Text
    chosen: Text
    known: StrictBool


@validated(frozen=True)
class MethodDeclaration:
    """What a method's module declares: constants named like the fields in capitals, and functions.

    Args:
        views: the channel order that `forward` expects, e.g. `("right", "left")` for DMTNet
            (Eq. 1): the input has three channels, RGB in [0, 1], for each of them.
        input_bits: bit depth to which the method expects its input to be quantized.
        citation: reference of the publication.
        licence: license of the implementation used here.
        build: returns the freshly initialized network at the full size of the publication.
        load_official: returns the network with the authors' weights, if they published any.
        training_terms: the method's own loss terms, from its network's `forward_training`.
        surrogate: why it only stands in for the published method; its rows are labeled `surrogate`.
        as_published: the settings with which it deblurs without a run, if that is possible.
        choices: what is known of the method, and what is reconstructed.
        bounded: why the published network limits its output to [0, 1].
        untrained: name patterns of parameters that get no gradient from `forward`, each with the
            reason.
    """

    views: Annotated[tuple[View, ...], Field(min_length=1), AfterValidator(_different)]
    input_bits: Literal[8, 16]
    citation: Text
    licence: Text
    build: Callable[..., Any] = function_field()
    load_official: Callable[..., Any] | None = function_field(default=None)
    training_terms: tuple[Text, ...] = ()
    surrogate: Text | None = None
    as_published: Text | None = None
    choices: tuple[Choice, ...] = ()
    bounded: Text | None = None
    untrained: Mapping[str, Text] = Field(default_factory=dict)


_CONTRACT = Contract("method", MethodDeclaration, "docs/adding_a_method.md")


@dataclass(frozen=True)
class Method:
    """One method in the paper's full-size configuration."""

    name: str
    entry: MethodEntry

    @cached_property
    def declaration(self) -> MethodDeclaration:
        """What the method's module declares; it is imported on first use.

        Raises:
            ConfigError: the module cannot be imported or breaks the contract.
        """
        return _CONTRACT.load(self.name, self.entry.module)

    def build(self, **kwargs: Any) -> nn.Module:
        """The freshly initialized network; `kwargs` replace constructor arguments of the paper.

        Raises:
            ConfigError: the module cannot be used, or an argument is invalid.

        Example:
            >>> import torch
            >>> method = get_method("mean")
            >>> network = method.build()
            >>> network(torch.rand(1, 3 * len(method.views), 64, 48)).shape
            torch.Size([1, 3, 64, 48])
        """
        try:
            network: nn.Module = self.declaration.build(**{**self.entry.kwargs, **kwargs})
        except (TypeError, ValueError) as error:
            raise ConfigError(f"method {self.name!r}: {error}; check its `kwargs`") from error
        return network

    def build_counted(self) -> nn.Module:
        """The network whose cost is counted: all of the full-size method, or its `counted` part.

        Raises:
            ConfigError: as for `build`.
        """
        network = self.build()
        counted: nn.Module = getattr(network, "counted", network)
        return counted

    def load_official(self, state: Mapping[str, Any] | Sequence[Any], **kwargs: Any) -> nn.Module:
        """The network with the authors' published weights.

        Args:
            state: what `pipeline.weights.reader.read_weights` returns.
            kwargs: replace constructor arguments of the paper.

        Raises:
            WeightsError: the method has no published weights, or these belong to another network.
        """
        loader = self.declaration.load_official
        if loader is None:
            raise WeightsError(f"method {self.name!r}: its authors published no weights")
        try:
            network: nn.Module = loader(state, **{**self.entry.kwargs, **kwargs})
        except ValueError as error:
            raise WeightsError(
                f"method {self.name!r}: {error}; use the file that "
                f"`dmtbench weights list` names for it"
            ) from error
        return network

    @property
    def views(self) -> tuple[str, ...]:
        """Views in channel order: a selection of left, right, combined."""
        return self.declaration.views

    @property
    def input_bits(self) -> int:
        """Bit depth to which the method expects its input to be quantized."""
        return self.declaration.input_bits

    @property
    def training_terms(self) -> tuple[str, ...]:
        """The method's own loss terms, which its network's `forward_training` provides."""
        return self.declaration.training_terms

    @property
    def surrogate(self) -> str | None:
        """Why this implementation only stands in for the published method; `None` if it doesn't.

        A module that cannot declare it is not imported: reports ask, and networks load torch.
        """
        if not may_define(self.entry.module, "SURROGATE"):
            return None
        return self.declaration.surrogate

    @property
    def as_published(self) -> str | None:
        """The settings with which it deblurs without a run; `None` if it needs one."""
        return self.declaration.as_published

    @property
    def trainable(self) -> bool:
        """Whether the method learns anything, by gradients or in closed form."""
        return self.entry.recipe is not None

    def code_hash(self) -> str:
        """SHA-256 over the code of the method and of what it imports; see `source_hash`.

        Raises:
            ConfigError: the module does not exist, or one of its sources is not valid Python.
        """
        return source_hash(self.entry.module)


def get_method(name: str, experiment: Experiment | None = None) -> Method:
    """The method (or ablation) called `name`, from an experiment or from the method list.

    Raises:
        ConfigError: the method does not exist.

    Example:
        >>> method = get_method("dmtnet-b")
        >>> method.views, method.input_bits
        (('right', 'left'), 16)
    """
    source = experiment or load_methods()
    if name not in source.methods and name not in source.ablations:
        raise unknown_method(name, [*source.methods, *source.ablations])
    return Method(name, source.entry(name))
