"""The layer rule and the house rules, read from the source of every module."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from support.paths import REPOSITORY

PACKAGES = ("dmtnet", "baselines", "pipeline")
LAYERS = (
    {"cli"},
    {"stages"},
    {"gpu_check"},
    {"html_report"},
    {"study"},
    {"verify"},
    {"training", "evaluation", "reporting", "tracking", "workflow", "planning", "chain", "audit"},
    {"compute", "weights", "fetch", "data", "config", "statistics"},
)
"""The packages of `pipeline`, from top to bottom; CONTRIBUTING.md explains them."""
FILES = sorted(path for package in PACKAGES for path in (REPOSITORY / package).rglob("*.py"))
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 60

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES}


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imported(module: str, *, at_import: bool = False) -> set[str]:
    """Modules that `module` names in its imports; `at_import` only those that run at import."""
    found: set[str] = set()
    nodes = _at_import(tree_of(module)) if at_import else ast.walk(tree_of(module))
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            found.add(node.module or "")
            # `from package import module` names a module too.
            found |= {f"{node.module}.{alias.name}" for alias in node.names} & set(MODULES)
    return found


def _at_import(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        checked = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not checked and not isinstance(node, Function):
            yield node
            yield from _at_import(node)


def loaded_by(module: str) -> set[str]:
    """Everything that importing `module` imports, through our own modules."""
    seen: set[str] = set()
    todo = {module}
    while todo:
        name = todo.pop()
        seen.add(name)
        parents = {name.rsplit(".", count)[0] for count in range(1, name.count(".") + 1)}
        more = imported(name, at_import=True) if name in MODULES else set()
        todo |= (parents | more) - seen
    return seen


def roots(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


def inside(package: str) -> list[str]:
    return [name for name in MODULES if name == package or name.startswith(f"{package}.")]


def test_the_walk_finds_what_it_should() -> None:
    # Without this, a wrong path would make every rule below hold.
    assert {"dmtnet.network", "baselines.controls", "pipeline.cli"} <= set(MODULES)
    assert "dmtnet.attention" in imported("dmtnet.network")
    assert "pipeline.stages.train" in imported("pipeline.cli.runs")
    assert "pipeline.stages.train" not in loaded_by("pipeline.cli")
    assert "torch" in loaded_by("pipeline.stages.train")


@pytest.mark.parametrize("module", inside("dmtnet"))
def test_the_model_needs_torch_only(module: str) -> None:
    allowed = {"dmtnet", "torch", *sys.stdlib_module_names}
    assert roots(imported(module)) <= allowed


@pytest.mark.parametrize("module", inside("baselines"))
def test_baselines_never_import_the_harness(module: str) -> None:
    assert "pipeline" not in roots(imported(module))


@pytest.mark.parametrize("module", inside("pipeline"))
def test_the_harness_never_imports_a_method(module: str) -> None:
    # The configuration names the modules of methods.
    assert not {"baselines", "dmtnet"} & roots(imported(module))


@pytest.mark.parametrize("module", inside("pipeline.statistics"))
def test_statistics_need_numpy_and_scipy_only(module: str) -> None:
    assert roots(imported(module)) <= {"numpy", "scipy", "pipeline", *sys.stdlib_module_names}
    ours = {name for name in imported(module) if name.startswith("pipeline")}
    assert packages_of(ours) <= {"pipeline.statistics"}


@pytest.mark.parametrize(
    "module",
    [
        *inside("pipeline.reporting"),
        *inside("pipeline.verify"),
        *inside("pipeline.study"),
        *inside("pipeline.html_report"),
        "pipeline.verdicts",
        "pipeline.qualitative_files",
        "pipeline.declared",
        "pipeline.stages.ablation",
        "pipeline.stages.cite",
        "pipeline.stages.figures",
        "pipeline.stages.html",
        "pipeline.stages.latex",
        "pipeline.stages.report",
        "pipeline.stages.verdicts",
    ],
)
def test_reports_never_load_torch(module: str) -> None:
    assert "torch" not in roots(imported(module))
    assert "torch" not in roots(loaded_by(module))


@pytest.mark.parametrize("module", inside("pipeline.audit"))
def test_the_audit_loads_little(module: str) -> None:
    # It answers in a second.
    assert not {"torch", "pandas", "numpy"} & roots(loaded_by(module))


@pytest.mark.parametrize("module", inside("pipeline.evaluation.metrics"))
def test_metrics_load_torch_only_where_they_score(module: str) -> None:
    # Reports read units and directions from them.
    assert "torch" not in roots(loaded_by(module))


@pytest.mark.parametrize(
    "module",
    [
        "pipeline.cli",
        "pipeline.compute.launch",
        "pipeline.run",
        "pipeline.workflow.experiment",
        "pipeline.workflow.run",
    ],
)
def test_what_runs_before_a_job_never_loads_torch(module: str) -> None:
    assert "torch" not in roots(loaded_by(module))


def packages_of(names: set[str]) -> set[str]:
    """The packages and modules right inside `pipeline` that these modules are or belong to."""
    return {".".join(name.split(".")[:2]) for name in names}


@pytest.mark.parametrize("package", [name for layer in LAYERS for name in sorted(layer)])
def test_imports_point_down_only(package: str) -> None:
    (own,) = (number for number, layer in enumerate(LAYERS) if package in layer)
    above = {f"pipeline.{name}" for layer in LAYERS[:own] for name in layer}
    assert all(not packages_of(imported(name)) & above for name in inside(f"pipeline.{package}"))


@pytest.mark.parametrize("module", inside("pipeline.compute"))
def test_compute_is_below_everything_that_computes(module: str) -> None:
    above = {"data", "evaluation", "planning", "stages", "training", "workflow"}
    assert not packages_of(imported(module)) & {f"pipeline.{name}" for name in above}


@pytest.mark.parametrize(
    "module",
    [
        *inside("pipeline.compute"),
        *inside("pipeline.evaluation"),
        *inside("pipeline.planning"),
        *inside("pipeline.data"),
        "pipeline.run",
        "pipeline.stages.deblur",
        "pipeline.stages.evaluate",
        "pipeline.stages.plan",
        "pipeline.stages.predict",
    ],
)
def test_only_what_trains_imports_training(module: str) -> None:
    assert "pipeline.training" not in packages_of(imported(module))


@pytest.mark.parametrize("module", inside("pipeline.stages"))
def test_no_stage_imports_another(module: str) -> None:
    others = {name for name in imported(module) if name.startswith("pipeline.stages")}
    assert not others


def test_nothing_imports_the_command_line() -> None:
    users = {name for name in MODULES if any("pipeline.cli" in used for used in imported(name))}
    assert users - set(inside("pipeline.cli")) == {"pipeline.__main__"}


@pytest.mark.parametrize(
    "module", [name for name in MODULES if not name.startswith("pipeline.config.yaml_")]
)
def test_the_configuration_is_the_only_reader_of_yaml(module: str) -> None:
    assert "yaml" not in roots(imported(module))


@pytest.mark.parametrize(
    "path", [*FILES, *sorted((REPOSITORY / "tests").rglob("*.py"))], ids=name_of
)
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_FILE_LINES


def body_lines(function: Function) -> int:
    """Lines of a function without its docstring."""
    length = (function.end_lineno or 0) - function.lineno + 1
    if ast.get_docstring(function) is not None:
        first = function.body[0]
        length -= (first.end_lineno or 0) - first.lineno + 1
    return length


@pytest.mark.parametrize("module", MODULES)
def test_functions_are_short(module: str) -> None:
    functions = [node for node in ast.walk(tree_of(module)) if isinstance(node, Function)]
    long = {node.name for node in functions if body_lines(node) > MAX_FUNCTION_LINES}
    assert not long


def public(tree: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[tuple[str, ast.AST]]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef | Function) and not node.name.startswith("_"):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public(node, f"{prefix}{node.name}.")


@pytest.mark.parametrize("module", MODULES)
def test_everything_public_is_explained(module: str) -> None:
    tree = tree_of(module)
    assert ast.get_docstring(tree), "the module itself"
    silent = [name for name, node in public(tree) if not ast.get_docstring(node)]  # type: ignore[arg-type]
    assert not silent
