"""The loader of plug-ins: modules named in the configuration, checked against a contract.

A contract has a frozen pydantic dataclass. Each field describes one name in the module: the field
`views` the constant `VIEWS`, a field made by `function_field` the function of the same name.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from difflib import get_close_matches
from types import ModuleType
from typing import Annotated, Any, Generic, TypeVar

from pydantic import StringConstraints, ValidationError

from pipeline.errors import ConfigError

Declaration = TypeVar("Declaration")
Text = Annotated[str, StringConstraints(pattern=r"\S")]
"""Text that is neither empty nor only spaces."""

_CONSTANT = re.compile(r"[A-Z][A-Z0-9_]*")
_FUNCTION = "function"
_SAME_WORD = 0.85


def function_field(**options: Any) -> Any:
    """A dataclass field for a function of the module; `options` as in `dataclasses.field`."""
    return field(metadata={_FUNCTION: True}, **options)


@dataclass(frozen=True)
class Contract(Generic[Declaration]):
    """What a module of one kind must and may declare.

    Args:
        kind: `method` or `metric`, for messages.
        declaration: frozen pydantic dataclass; its fields are the allowed names.
        guide: file that explains the contract, for messages.
    """

    kind: str
    declaration: type[Declaration]
    guide: str

    def load(self, name: str, module: str) -> Declaration:
        """Import a module and read its declarations.

        Args:
            name: name of the entry in the configuration, for messages.
            module: importable name.

        Raises:
            ConfigError: the module cannot be imported, lacks a declaration, or has one of a wrong
                type or value; or it defines or exports a public constant that is not part of the
                contract, or a function whose name is close to that of an absent one.
        """
        try:
            loaded = importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise ConfigError(
                f"{self.kind} {name!r}: module {module!r} cannot be imported "
                f"({error}); check `module:` in the configuration"
            ) from error
        found = {_name_of(part): part for part in fields(self.declaration)}  # type: ignore[arg-type]
        problems = [*_missing(loaded, found), *_unknown(loaded, list(found))]
        if not problems:
            values = {
                part.name: getattr(loaded, own)
                for own, part in found.items()
                if own in vars(loaded)
            }
            try:
                return self.declaration(**values)
            except ValidationError as error:
                named = {part.name: own for own, part in found.items()}
                problems = [_explained(mistake, named) for mistake in error.errors()]
        raise ConfigError(
            f"{self.kind} {name!r}: module {module!r} {'; '.join(problems)}; see {self.guide}"
        )


def _name_of(part: Field[Any]) -> str:
    return part.name if part.metadata.get(_FUNCTION) else part.name.upper()


def _missing(module: ModuleType, known: dict[str, Field[Any]]) -> Iterator[str]:
    required = [
        name
        for name, part in known.items()
        if part.default is MISSING and part.default_factory is MISSING
    ]
    missing = [name for name in required if name not in vars(module)]
    if missing:
        yield f"lacks {', '.join(missing)}"


def _unknown(module: ModuleType, known: Sequence[str]) -> Iterator[str]:
    """Report unknown names: a misspelled optional declaration would otherwise count as absent."""
    imported = _imported(module) - set(getattr(module, "__all__", ()))
    own = {name: value for name, value in vars(module).items() if name not in imported}
    for name, value in own.items():
        # A class may have a name in capitals, such as IFAN.
        if name in known or name.startswith("_") or isinstance(value, type):
            continue
        if _CONSTANT.fullmatch(name):
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else "start it with an underscore"
            yield f"declares {name}, which is not part of the contract ({hint})"
        elif callable(value):
            # Helper functions are allowed, unless the name is close to that of an absent function.
            absent = [part for part in known if part not in own]
            for meant in get_close_matches(name, absent, n=1, cutoff=_SAME_WORD):
                yield f"has a function {name}, but not {meant}"


def _imported(module: ModuleType) -> set[str]:
    """Names bound by the module's import statements; empty if its source is not available."""
    get_source = getattr(module.__spec__.loader, "get_source", None) if module.__spec__ else None
    source = get_source(module.__name__) if get_source else None
    return {
        alias.asname or alias.name
        for node in ast.walk(ast.parse(source or ""))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }


def _explained(mistake: Any, named: dict[str, str]) -> str:
    first, *rest = mistake["loc"]
    where = ".".join([named.get(str(first), str(first)), *map(str, rest)])
    return f"has a wrong {where}: {mistake['msg']}"
