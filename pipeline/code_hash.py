"""The code that a result depends on: hashes of syntax trees, without importing any module."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import NamedTuple

from pipeline.errors import ConfigError

# What networks share. The harness is left out: only metrics import from it.
_SHARED = ("baselines", "dmtnet")
_HARNESS = "pipeline"

# Ways to set names of a module at run time.
_SETTING_NAMES = ("__dict__", "exec", "globals", "locals", "setattr", "sys", "vars")

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
"""Python's major and minor version, for keys: syntax trees differ between versions."""


_REMEMBERED: ContextVar[dict[str, str] | None] = ContextVar("_REMEMBERED", default=None)


@contextmanager
def code_hashed_once() -> Iterator[None]:
    """Within it, each module is hashed at its first use only: what is changed later is not seen.

    So one command sees one state of the code, and does not read it again for every result.

    Example:
        >>> with code_hashed_once():
        ...     source_hash("pipeline.files") == source_hash("pipeline.files")
        True
    """
    token = _REMEMBERED.set({})
    try:
        yield
    finally:
        _REMEMBERED.reset(token)


def source_hash(module: str) -> str:
    """SHA-256 over the code of a module and of what it imports, by module name.

    Code is the syntax tree without docstrings, so comments and layout do not count. The hash covers
    the module or, for a package, every module directly in it. It also covers what these import
    anywhere in their code, directly or indirectly, from the same top-level package, `baselines` or
    `dmtnet`, with the parent packages and the arrays (`.npz`) that packages contain. Imports from
    the harness are not followed. Imports by name at run time are not detected.

    Raises:
        ConfigError: the module does not exist, or one of its sources is not valid Python.
    """
    known = _REMEMBERED.get()
    if known is None:
        return _hash(module)
    if module not in known:
        known[module] = _hash(module)
    return known[module]


def _hash(module: str) -> str:
    first = _find(module)
    if first is None or first.origin is None:
        raise ConfigError(
            f"module {module!r} is not installed; check `module:` in the configuration"
        )
    roots = {module.split(".")[0], *_SHARED} - {_HARNESS}
    contents: dict[str, bytes] = {}
    todo = {module: first, **{spec.name: spec for spec in _contents(first)}}
    while todo:
        name, spec = todo.popitem()
        path = Path(str(spec.origin))
        source = path.read_bytes() if spec.has_location else b""
        contents |= dict(_arrays(spec))
        if path.suffix != ".py":
            contents[name] = source
            continue
        code = _read(source, str(path))
        contents[name] = code.tree
        package = name if spec.submodule_search_locations is not None else name.rpartition(".")[0]
        around = _around(name)
        for other in [*around, *code.imports(package)]:
            if other.split(".")[0] in roots and other not in contents and other not in todo:
                found = _find(other)
                if found is not None and found.origin is not None:
                    todo[other] = found
    digest = hashlib.sha256()
    for name in sorted(contents):
        content = hashlib.sha256(contents[name]).hexdigest()
        digest.update(f"{name} {content}\n".encode())
    return digest.hexdigest()


def may_define(module: str, name: str) -> bool:
    """Whether importing a module could give it this name; false only if its source rules that out.

    Nothing is imported. Star imports, and whatever sets names at run time, may define anything.

    Example:
        >>> may_define("baselines.mrnet", "SURROGATE")
        True
    """
    spec = _find(module)
    if module in sys.modules or spec is None or spec.origin is None or not spec.has_location:
        return True
    path = Path(spec.origin)
    if path.suffix != ".py":
        return True
    code = _read(path.read_bytes(), str(path))
    star = any(alias.name == "*" for statement in code.statements for alias in statement.names)
    return star or any(f"'{word}'".encode() in code.tree for word in (name, *_SETTING_NAMES))


def _find(module: str) -> ModuleSpec | None:
    """The spec of a module. Unlike `importlib.util.find_spec`, this imports no parent package."""
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except ValueError:  # an empty name, or a module made at run time
        return None
    for name in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        # A loaded package may have more folders than its spec.
        places = getattr(sys.modules.get(spec.name), "__path__", spec.submodule_search_locations)
        spec = PathFinder.find_spec(f"{spec.name}.{name}", list(places))
    return spec


def _contents(spec: ModuleSpec) -> Iterator[ModuleSpec]:
    """The modules directly in a package; empty for a module."""
    for folder in spec.submodule_search_locations or ():
        for path in sorted(Path(folder).glob("*.py")):
            found = path.stem != "__init__" and _find(f"{spec.name}.{path.stem}")
            if found:
                yield found


def _arrays(spec: ModuleSpec) -> Iterator[tuple[str, bytes]]:
    """Arrays in the folder of a package: constants that are too long for source code."""
    for folder in spec.submodule_search_locations or ():
        for path in sorted(Path(folder).glob("*.npz")):
            yield f"{spec.name}/{path.name}", path.read_bytes()


def _around(module: str) -> list[str]:
    """The parent packages of a module."""
    return [module.rsplit(".", count)[0] for count in range(1, module.count(".") + 1)]


class _Code(NamedTuple):
    """A source: its syntax tree without docstrings, as text, and its import statements."""

    tree: bytes
    statements: tuple[ast.Import | ast.ImportFrom, ...]

    def imports(self, package: str) -> set[str]:
        """All names in the import statements; some may not be modules."""
        return set(_named(self.statements, package))


def _statements(node: ast.AST) -> Iterator[ast.stmt]:
    """All statements in a node, at any depth; those that are only a string are taken out of it.

    Such strings are docstrings, also those of constants. Expressions hold no statements, so that
    they are not looked into.
    """
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        inner = getattr(node, field, None)
        if not isinstance(inner, list):
            continue  # the parts of a conditional expression or lambda
        inner[:] = [one for one in inner if not _is_string(one)]
        for one in inner:
            if isinstance(one, ast.stmt):
                yield one
            yield from _statements(one)


def _is_string(node: ast.AST) -> bool:
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


@cache
def _read(source: bytes, where: str) -> _Code:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{where}: not a Python source ({reason}); fix it") from error
    imports = [one for one in _statements(tree) if isinstance(one, ast.Import | ast.ImportFrom)]
    return _Code(ast.dump(tree).encode(), tuple(imports))


def _named(statements: Iterable[ast.Import | ast.ImportFrom], package: str) -> Iterator[str]:
    for node in statements:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
            continue
        dots = "." * node.level
        if dots and node.level > package.count(".") + 1:
            continue  # beyond the top-level package: fails at run time
        base = importlib.util.resolve_name(f"{dots}{node.module or ''}", package)
        yield base
        # `from package import module` names a module too.
        yield from (f"{base}.{alias.name}" for alias in node.names)
