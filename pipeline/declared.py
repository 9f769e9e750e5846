"""Constants of a method's module, read from its source: importing one would load torch."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path

_FURTHEST = 5
"""Modules that a name may be imported through."""


@dataclass(frozen=True)
class DeclaredChoice:
    """As `pipeline.methods.Choice`: a detail, what is done, and whether it is known."""

    what: str
    chosen: str
    known: bool


class Unreadable(Exception):
    """The source does not say it plainly; the message says what was met."""


def declared_choices(module: str) -> list[DeclaredChoice]:
    """The `CHOICES` of a module; empty if it has none.

    Raises:
        Unreadable: they are not written as plain calls with literals.

    >>> declared_choices("baselines.ebdb")[0].what
    'luma'
    """
    node = _constant(module, "CHOICES")
    return [] if node is None else list(_choices(module, node))


def declared_text(module: str, name: str) -> str:
    """A constant that is a text; empty if the module neither has nor imports it.

    Raises:
        Unreadable: it is not a literal.

    >>> declared_text("dmtnet", "CITATION").split(",")[0]
    'D. Zhang and X. Wang'
    """
    for _ in range(_FURTHEST):
        node = _constant(module, name)
        if node is not None:
            return str(_literal(node))
        origin = _imported_from(module, name)
        if origin == (module, name):
            return ""
        module, name = origin
    raise Unreadable(f"{module}: {name} comes from too far away")


def _choices(module: str, node: ast.expr) -> Iterator[DeclaredChoice]:
    if not isinstance(node, ast.Tuple | ast.List):
        raise Unreadable(f"{module}: CHOICES is not a tuple")
    for item in node.elts:
        if isinstance(item, ast.Starred) and isinstance(item.value, ast.Name):
            owner, name = _imported_from(module, item.value.id)
            shared = _constant(owner, name)
            if shared is None:
                raise Unreadable(f"{owner}: has no {name}")
            yield from _choices(owner, shared)
        elif isinstance(item, ast.Call):
            values = [_literal(one) for one in item.args]
            named = {str(one.arg): _literal(one.value) for one in item.keywords}
            fields = dict(zip(("what", "chosen", "known"), values, strict=False)) | named
            yield DeclaredChoice(str(fields["what"]), str(fields["chosen"]), bool(fields["known"]))
        else:
            raise Unreadable(f"{module}: CHOICES holds more than choices")


def _literal(node: ast.expr) -> object:
    try:
        return ast.literal_eval(node)
    except ValueError as error:
        raise Unreadable(f"line {node.lineno} is not a literal") from error


@cache
def _tree(module: str) -> ast.Module:
    path = _source(module)
    if path is None:
        raise Unreadable(f"{module}: no Python source")
    try:
        return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError) as error:
        raise Unreadable(f"{module}: cannot be read") from error


def _source(module: str) -> Path | None:
    """The source of a module; its parents are not imported."""
    top, *rest = module.split(".")
    spec = importlib.util.find_spec(top)
    for name in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        spec = PathFinder.find_spec(f"{spec.name}.{name}", list(spec.submodule_search_locations))
    found = spec.origin if spec is not None and spec.has_location else None
    return Path(found) if found and found.endswith(".py") else None


def _constant(module: str, name: str) -> ast.expr | None:
    for node in _tree(module).body:
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return node.value  # type: ignore[attr-defined]
    return None


def _imported_from(module: str, name: str) -> tuple[str, str]:
    """The module that this one imports a name from, and its name there; both as given if not."""
    for node in _tree(module).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if name == (alias.asname or alias.name):
                    return _absolute(module, node), alias.name
    return module, name


def _absolute(module: str, node: ast.ImportFrom) -> str:
    """The module that an import statement in `module` names."""
    source = _source(module)
    is_package = source is not None and source.name == "__init__.py"
    package = module if is_package else module.rpartition(".")[0]
    try:
        return importlib.util.resolve_name("." * node.level + (node.module or ""), package)
    except ImportError as error:
        raise Unreadable(f"{module}: line {node.lineno} imports from nowhere") from error
