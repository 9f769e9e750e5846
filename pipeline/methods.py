"""Registry of methods: a name from the configuration wrapped around a method module.

A method module holds `VIEWS`, `CITATION`, `LICENCE`, `INPUT_BITS`, `build(**kw)` and, where the
authors published weights, `load_official(state, **kw)`. It may declare `SURROGATE`, the reason why
it only stands in for the published method: rows made with it are then labeled so.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pipeline.code_hash import source_hash
from pipeline.config.experiment import Experiment, load_methods
from pipeline.config.methods import MethodEntry, unknown_method
from pipeline.errors import ConfigError, WeightsError
from pipeline.records import Label

if TYPE_CHECKING:
    from torch import nn

_CONTRACT = ("VIEWS", "CITATION", "LICENCE", "INPUT_BITS", "build")


@dataclass(frozen=True)
class Method:
    """One method in its full-size, paper configuration.

    `views` is the channel order that `forward` expects, e.g. `("right", "left")` for DMTNet
    (Eq. 1): the input has three channels, RGB in [0, 1], for each of them.
    """

    name: str
    entry: MethodEntry

    @cached_property
    def module(self) -> ModuleType:
        """The method's module, imported on first use.

        Raises:
            ConfigError: it cannot be imported or lacks a part of the contract.
        """
        try:
            module = importlib.import_module(self.entry.module)
        except ModuleNotFoundError as error:
            raise ConfigError(
                f"method {self.name!r}: module {self.entry.module!r} cannot be imported "
                f"({error}); check `module:` in the configuration"
            ) from error
        missing = [part for part in _CONTRACT if not hasattr(module, part)]
        if missing:
            raise ConfigError(
                f"method {self.name!r}: module {self.entry.module!r} lacks {', '.join(missing)}; "
                "see docs/adding_a_method.md"
            )
        return module

    def build(self, **kwargs: Any) -> nn.Module:
        """The network, freshly initialized; `kwargs` replace constructor arguments of the paper.

        Raises:
            ConfigError: the module cannot be used, or refuses an argument.

        Example:
            >>> import torch
            >>> method = get_method("mean")
            >>> network = method.build()
            >>> network(torch.rand(1, 3 * len(method.views), 64, 48)).shape
            torch.Size([1, 3, 64, 48])
        """
        try:
            return self.module.build(**{**self.entry.kwargs, **kwargs})
        except (TypeError, ValueError) as error:
            raise ConfigError(f"method {self.name!r}: {error}; check its `kwargs`") from error

    def build_counted(self) -> nn.Module:
        """What is counted of the full-size method: its network, or the network that is part of it.

        Raises:
            ConfigError: as for `build`.
        """
        network = self.build()
        counted: nn.Module = getattr(network, "counted", network)
        return counted

    def load_official(self, state: Mapping[str, Any], **kwargs: Any) -> nn.Module:
        """The network with the authors' published weights.

        Args:
            state: what `pipeline.weights.reader.read_weights` returns.
            kwargs: replace constructor arguments of the paper.

        Raises:
            WeightsError: the method takes no published weights, or these are of another network.
        """
        loader = getattr(self.module, "load_official", None)
        if loader is None:
            raise WeightsError(f"method {self.name!r}: its authors published no weights")
        try:
            return loader(state, **{**self.entry.kwargs, **kwargs})
        except ValueError as error:
            raise WeightsError(
                f"method {self.name!r}: {error}; use the file that "
                f"`dmtbench weights list` names for it"
            ) from error

    @property
    def views(self) -> tuple[str, ...]:
        """Views in channel order: a selection of left, right, combined."""
        return tuple(self.module.VIEWS)

    @property
    def citation(self) -> str:
        """Reference of the publication."""
        return str(self.module.CITATION)

    @property
    def licence(self) -> str:
        """Licence of the implementation used here."""
        return str(self.module.LICENCE)

    @property
    def input_bits(self) -> int:
        """Bit depth to which the method expects its input to be quantized."""
        return int(self.module.INPUT_BITS)

    @property
    def training_terms(self) -> tuple[str, ...]:
        """Loss terms of the method's own, which its network's `forward_training` provides."""
        return tuple(getattr(self.module, "TRAINING_TERMS", ()))

    @property
    def surrogate(self) -> str | None:
        """Why this implementation only stands in for the published method; `None` if it doesn't."""
        reason = getattr(self.module, "SURROGATE", None)
        return None if reason is None else str(reason)

    @property
    def as_published(self) -> str | None:
        """With what settings it deblurs without a run, if it can; `None` if it needs one."""
        settings = getattr(self.module, "AS_PUBLISHED", None)
        return None if settings is None else str(settings)

    @property
    def choices(self) -> tuple[Any, ...]:
        """What it takes from its publication or had to choose: `what`, `chosen`, `known`."""
        return tuple(getattr(self.module, "CHOICES", ()))

    @property
    def trainable(self) -> bool:
        """Whether the method learns anything (by gradients or in closed form)."""
        return self.entry.recipe is not None

    def code_hash(self) -> str:
        """SHA-256 over the method's sources and those they share, without importing them.

        Raises:
            ConfigError: there is no such module, or a source of it is not Python.
        """
        return source_hash(self.entry.module)


def list_methods(experiment: Experiment | None = None) -> list[str]:
    """Names of all methods, in the order of the configuration (ablations not included)."""
    return list((experiment or load_methods()).methods)


def get_method(name: str, experiment: Experiment | None = None) -> Method:
    """The method (or ablation) called `name`, from an experiment or from the method list.

    Raises:
        ConfigError: there is no such method.

    Example:
        >>> method = get_method("dmtnet-b")
        >>> method.views, method.input_bits
        (('right', 'left'), 16)
    """
    source = experiment or load_methods()
    if name not in source.methods and name not in source.ablations:
        raise unknown_method(name, [*source.methods, *source.ablations])
    return Method(name, source.entry(name))


def label_of(experiment: Experiment, method: Method) -> Label:
    """The honest label of what this experiment makes with a method, on whatever data set."""
    if method.surrogate is not None:
        return "surrogate"
    return "reproduced" if experiment.dataset.kind == "canon" else "demo"
