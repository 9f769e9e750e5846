"""Small planted bugs: where a source can be changed, and into what.

Left out are texts (docstrings, messages of `raise`, prints, f-strings), type hints, decorators,
protocols, progress bars and the layout of plots: nobody would cite a wrong number because of them.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    **{ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt},
    **{ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is},
    **{ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And},
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult},
    **{ast.FloorDiv: ast.Div, ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult},
    **{ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd},
}
_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
_QUIET = {"print", "watched", "warn", "note", "debug", "info", "isatty", "isinstance"}
"""Calls that only speak, and `isinstance`, whose tuples of types are not arithmetic."""
_LAYOUT = ("label_placement.py", "plots.py")
"""Files of which numbers, arithmetic and options are sizes and positions of texts."""
_IDLE = {"encoding", "newline", "non_blocking", "verbose", "progress", "indent"}
"""Options that change no result, or not on this system."""
_HINTS = ("annotation", "returns", "decorator_list", "type_comment", "bases")


@dataclass(frozen=True)
class Mutant:
    """One change of one source.

    `before` and `after`: the whole lines that change, without their indentation. `start` and `end`:
    place of the changed text in the source, in characters; `text`: what replaces it. `scope`: the
    function around it, `""` at module level.
    """

    file: str
    line: int
    scope: str
    before: str
    after: str
    start: int
    end: int
    text: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What identifies it although lines move: file and both texts."""
        return self.file, self.before, self.after

    def rank(self, seed: int) -> str:
        """Its place in a shuffled order, which other changes of the sources do not disturb."""
        return hashlib.sha256(repr((seed, self.key)).encode()).hexdigest()

    def apply(self, source: str) -> str:
        """The source with the bug."""
        return source[: self.start] + self.text + source[self.end :]


def mutants(root: Path, file: str) -> list[Mutant]:
    """Every mutant of a source that is valid Python, in the order of the file; each text once."""
    source = (root / file).read_text(encoding="utf-8")
    lines = source.splitlines(keepends=True)
    starts = [sum(map(len, lines[:number])) for number in range(len(lines) + 1)]
    found: dict[tuple[str, str, str], Mutant] = {}
    for node, replacement, scope in _changes(ast.parse(source), "", file):
        line, last = node.lineno, node.end_lineno or node.lineno
        start, end = (
            starts[row - 1] + len(lines[row - 1].encode()[:column].decode())
            for row, column in ((line, node.col_offset), (last, node.end_col_offset or 0))
        )
        head, tail = source[starts[line - 1] : start], source[end : starts[last]]
        before, after = (
            " ".join((head + text + tail).split()) for text in (source[start:end], replacement)
        )
        mutant = Mutant(file, line, scope, before, after, start, end, replacement)
        if ast.unparse(ast.parse(replacement)) != ast.unparse(node):
            found.setdefault(mutant.key, mutant)
    return list(found.values())


def _changes(
    tree: ast.AST, scope: str, file: str
) -> Iterator[tuple[ast.expr | ast.stmt, str, str]]:
    for name, value in ast.iter_fields(tree):
        if name in _HINTS:
            continue
        for node in value if isinstance(value, list) else [value]:
            if not isinstance(node, ast.AST) or _is_quiet(node):
                continue
            inner = scope
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                inner = f"{scope}.{node.name}".lstrip(".")
            if isinstance(node, ast.expr | ast.stmt):
                for text in _replacements(node, file):
                    yield node, text, scope
            if not isinstance(node, ast.Raise):
                yield from _changes(node, inner, file)


def _is_quiet(node: ast.AST) -> bool:
    if isinstance(node, ast.JoinedStr):
        return True
    if isinstance(node, ast.ClassDef):
        return any(ast.unparse(base) == "Protocol" for base in node.bases)
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test)
    if isinstance(node, ast.Expr):
        value = node.value
        return isinstance(value, ast.Constant) or (isinstance(value, ast.Call) and _is_quiet(value))
    return isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in _QUIET


def _replacements(node: ast.expr | ast.stmt, file: str) -> Iterator[str]:
    """The texts that may stand in place of a node."""
    layout = file.endswith(_LAYOUT)
    if layout and isinstance(node, ast.BinOp | ast.UnaryOp | ast.Constant):
        return
    if isinstance(node, ast.Compare | ast.BoolOp | ast.BinOp):
        yield from _operators(node)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield f"({ast.unparse(node.operand)})"
    elif isinstance(node, ast.Constant):
        yield from _numbers(node.value)
    elif isinstance(node, ast.Subscript):
        yield from _subscripts(node)
    elif isinstance(node, ast.Dict):
        yield from _keys(node)
    elif isinstance(node, ast.Call):
        yield from _calls(node, layout)
    elif isinstance(node, ast.Return) and node.value is not None:
        if not (isinstance(node.value, ast.Constant) and node.value.value is None):
            yield "return None"
    elif isinstance(node, ast.Raise | ast.AugAssign | ast.Continue | ast.Break) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield "pass"


def _numbers(value: object) -> Iterator[str]:
    if isinstance(value, bool):
        yield repr(not value)
    elif isinstance(value, float) and value > 100:
        # A neighbor of 1e9 would not differ beyond rounding.
        yield repr(2 * value)
    elif isinstance(value, int | float):
        yield repr(value + 1)
        if value > 1:
            yield repr(value - 1)


def _operators(node: ast.Compare | ast.BoolOp | ast.BinOp) -> Iterator[str]:
    operators = node.ops if isinstance(node, ast.Compare) else [node.op]
    for number, operator in enumerate(operators):
        other = _OPERATORS.get(type(operator))
        if other is None:
            continue
        if isinstance(node, ast.Compare):
            ops = [*node.ops[:number], other(), *node.ops[number + 1 :]]
            changed: ast.expr = ast.Compare(node.left, ops, node.comparators)  # type: ignore[arg-type]
        elif isinstance(node, ast.BoolOp):
            changed = ast.BoolOp(other(), node.values)  # type: ignore[arg-type]
        else:
            changed = ast.BinOp(node.left, other(), node.right)  # type: ignore[arg-type]
        yield f"({ast.unparse(changed)})"


def _subscripts(node: ast.Subscript) -> Iterator[str]:
    value, part = ast.unparse(node.value), node.slice
    if isinstance(part, ast.Constant) and isinstance(part.value, str):
        yield f"{value}[{part.value + 'X'!r}]"
    if isinstance(part, ast.Slice):
        lower, upper = (ast.unparse(end) if end else "" for end in (part.lower, part.upper))
        step = f":{ast.unparse(part.step)}" if part.step else ""
        if lower:
            yield f"{value}[{lower} + 1:{upper}{step}]"
            yield f"{value}[:{upper}{step}]"
        if upper:
            yield f"{value}[{lower}:{upper} - 1{step}]"
            yield f"{value}[{lower}:{step}]"
        if step:
            yield f"{value}[{lower}:{upper}]"


def _keys(node: ast.Dict) -> Iterator[str]:
    for number, key in enumerate(node.keys):
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            keys = [*node.keys]
            keys[number] = ast.Constant(key.value + "X")
            yield ast.unparse(ast.Dict(keys, node.values))


def _calls(node: ast.Call, layout: bool) -> Iterator[str]:
    function = ast.unparse(node.func)
    if function in _NAMES:
        yield ast.unparse(ast.Call(ast.Name(_NAMES[function]), node.args, node.keywords))
    plain = [not isinstance(argument, ast.Starred) for argument in node.args]
    if len(plain) >= 2 and plain[0] and plain[1] and function not in _NAMES:
        swapped = [node.args[1], node.args[0], *node.args[2:]]
        yield ast.unparse(ast.Call(node.func, swapped, node.keywords))
    for number, keyword in enumerate(node.keywords):
        idle = layout or keyword.arg in _IDLE or (function, keyword.arg) == ("zip", "strict")
        if keyword.arg is not None and not idle:
            rest = [*node.keywords[:number], *node.keywords[number + 1 :]]
            yield ast.unparse(ast.Call(node.func, node.args, rest))
