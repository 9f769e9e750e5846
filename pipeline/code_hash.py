"""What code a result depends on: hashes of what sources mean, without importing them."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import NamedTuple

from pipeline.errors import ConfigError

# What networks share. The harness is left out: metrics take helpers from it, networks nothing.
_SHARED = ("baselines", "dmtnet")
_HARNESS = "pipeline"

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
"""Python's version, for keys: a hash of sources holds for one, since its syntax trees do."""


def source_hash(module: str) -> str:
    """SHA-256 over the code of a module and of what it imports, by module name.

    Code is the syntax tree without docstrings: comments and layout don't count. Covered are the
    module, or every module right inside a package of that name; and, as far as they belong to the
    same top-level package, to `baselines` or to `dmtnet`, the modules imported by these, anywhere
    in their code, directly or through each other, with the packages around them and the arrays
    (`.npz`) that packages ship. The harness itself is not followed. Imports made by name at run
    time are not seen.

    Raises:
        ConfigError: there is no such module, or a source of it is not Python.
    """
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


def _find(module: str) -> ModuleSpec | None:
    """Where a module lies; unlike `importlib.util.find_spec`, imports no package on the way."""
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except ValueError:  # no name, or a module made at run time
        return None
    for name in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        # A package that is loaded may have more places than it was found at.
        places = getattr(sys.modules.get(spec.name), "__path__", spec.submodule_search_locations)
        spec = PathFinder.find_spec(f"{spec.name}.{name}", list(places))
    return spec


def _contents(spec: ModuleSpec) -> Iterator[ModuleSpec]:
    """The modules right inside a package; none for a module."""
    for folder in spec.submodule_search_locations or ():
        for path in sorted(Path(folder).glob("*.py")):
            found = path.stem != "__init__" and _find(f"{spec.name}.{path.stem}")
            if found:
                yield found


def _arrays(spec: ModuleSpec) -> Iterator[tuple[str, bytes]]:
    """Arrays that a package ships beside its modules: constants, only too long to be typed."""
    for folder in spec.submodule_search_locations or ():
        for path in sorted(Path(folder).glob("*.npz")):
            yield f"{spec.name}/{path.name}", path.read_bytes()


def _around(module: str) -> list[str]:
    """The packages that a module lies in."""
    return [module.rsplit(".", count)[0] for count in range(1, module.count(".") + 1)]


class _Code(NamedTuple):
    """A source: its syntax tree without docstrings, as text, and its import statements."""

    tree: bytes
    statements: tuple[ast.Import | ast.ImportFrom, ...]

    def imports(self, package: str) -> set[str]:
        """All that the import statements name; some of it may not be a module."""
        return set(_named(self.statements, package))


class _WithoutDocstrings(ast.NodeTransformer):
    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        """Drop strings that stand alone: docstrings of modules, classes, functions, constants."""
        value = node.value
        return None if isinstance(value, ast.Constant) and isinstance(value.value, str) else node


@cache
def _read(source: bytes, where: str) -> _Code:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{where}: not a Python source ({reason}); fix it") from error
    statements = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    return _Code(ast.dump(_WithoutDocstrings().visit(tree)).encode(), tuple(statements))


def _named(statements: Iterable[ast.Import | ast.ImportFrom], package: str) -> Iterator[str]:
    for node in statements:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
            continue
        dots = "." * node.level
        if dots and node.level > package.count(".") + 1:
            continue  # beyond the top-level package: fails when it is run
        base = importlib.util.resolve_name(f"{dots}{node.module or ''}", package)
        yield base
        # `from package import module` names a module too.
        yield from (f"{base}.{alias.name}" for alias in node.names)
