"""What code a result depends on: hashes of source files, without importing them."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from pipeline.errors import ConfigError

# What networks share. The harness is left out: metrics take helpers from it, networks nothing.
_SHARED = ("baselines", "dmtnet")
_HARNESS = "pipeline"


def source_hash(module: str) -> str:
    """SHA-256 over the sources of a module and of what it imports, by module name.

    Covered are the module, or every module right inside a package of that name; and, as far as they
    belong to the same top-level package, to `baselines` or to `dmtnet`, the modules imported by
    these, anywhere in their code, directly or through each other, with the packages around them and
    the arrays (`.npz`) that packages ship. The harness itself is not followed. Imports made by name
    at run time are not seen.

    Raises:
        ConfigError: there is no such module, or a source of it is not Python.
    """
    first = _find(module)
    if first is None or first.origin is None:
        raise ConfigError(
            f"module {module!r} is not installed; check `module:` in the configuration"
        )
    roots = {module.split(".")[0], *_SHARED} - {_HARNESS}
    sources: dict[str, bytes] = {}
    todo = {module: first, **{spec.name: spec for spec in _contents(first)}}
    while todo:
        name, spec = todo.popitem()
        path = Path(str(spec.origin))
        sources[name] = path.read_bytes() if spec.has_location else b""
        sources |= dict(_arrays(spec))
        if path.suffix != ".py":
            continue
        package = name if spec.submodule_search_locations is not None else name.rpartition(".")[0]
        around = _around(name)
        for other in [*around, *_imports(sources[name], package, str(path))]:
            if other.split(".")[0] in roots and other not in sources and other not in todo:
                found = _find(other)
                if found is not None and found.origin is not None:
                    todo[other] = found
    digest = hashlib.sha256()
    for name in sorted(sources):
        content = hashlib.sha256(sources[name]).hexdigest()
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


@cache
def _imports(source: bytes, package: str, where: str) -> frozenset[str]:
    """All that a source names in import statements; some of it may be no module."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{where}: not a Python source ({reason}); mend it") from error
    return frozenset(_named(ast.walk(tree), package))


def _named(nodes: Iterable[ast.AST], package: str) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            dots = "." * node.level
            if dots and node.level > package.count(".") + 1:
                continue  # beyond the top-level package: fails when it is run
            base = importlib.util.resolve_name(f"{dots}{node.module or ''}", package)
            yield base
            # `from package import module` names a module too.
            yield from (f"{base}.{alias.name}" for alias in node.names)
