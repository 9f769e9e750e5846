"""The audit for readers: text for a terminal, Markdown, LaTeX, and one JSON object per line."""

from __future__ import annotations

import json
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from pipeline.audit.checking import Line
from pipeline.audit.claims import VALUE
from pipeline.audit.evaluate import Verdict
from pipeline.reporting.escapes import escape_latex, escape_markdown

WIDTH = 160
_LONG_WORD, _OPERATOR = 20, re.compile(r"(\{\*\}|[/+])")
_COLUMNS = (4, 16, 14)
_HEADINGS = ("Claim", "Verdict", "Decidable by", "Statement and arithmetic")
_PLURAL = {
    Verdict.HOLDS: "hold",
    Verdict.FAILS: "fail",
    Verdict.WITHIN: "are within rounding",
    Verdict.UNDECIDABLE: "cannot be decided",
}
_LEGEND = (
    "A printed 25.65 stands for any value in [25.645, 25.655). A claim holds or fails for all such "
    "values; within rounding: for some, so the digits agree and cannot tell more. The third column "
    "says what could decide it at all. L01 and so on: the same methods elsewhere."
)


def text(lines: Sequence[Line]) -> str:
    """Lines of at most `WIDTH` characters, one paragraph per claim."""
    out = [_row("id", "verdict", "decidable by", "statement: arithmetic")]
    for line in lines:
        out.append(_row(line.claim.id, line.verdict, line.claim.decidable_by, _sentence(line)))
    out += textwrap.wrap(_counts(lines), WIDTH) + textwrap.wrap(_LEGEND, WIDTH)
    return "\n".join(out) + "\n"


def markdown(lines: Sequence[Line]) -> str:
    """A table with the section of the paper, and a reason where there is one."""
    escape = escape_markdown
    rows = [
        [line.claim.id, line.verdict, line.claim.decidable_by, line.claim.section, _full(line)]
        for line in lines
    ]
    headings = [*_HEADINGS[:3], "Section", _HEADINGS[3]]
    body = [f"| {' | '.join(map(escape, row))} |" for row in rows]
    table = [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|", *body]
    return "\n".join([escape(_counts(lines)), "", *table, "", escape(_LEGEND)]) + "\n"


def latex(lines: Sequence[Line]) -> str:
    """A booktabs `longtable`, to be `input` into a document."""
    rows = [
        " & ".join(
            [
                *map(escape_latex, (line.claim.id, line.verdict, line.claim.decidable_by)),
                _breakable(_full(line)),
            ]
        )
        + r" \\"
        for line in lines
    ]
    return (
        "\n".join(
            [
                "% needs \\usepackage{booktabs,longtable}",
                r"{\footnotesize\begin{longtable}{lllp{0.42\linewidth}}",
                r"\toprule",
                " & ".join(_HEADINGS) + r" \\",
                r"\midrule\endhead",
                *rows,
                r"\bottomrule",
                r"\end{longtable}",
                escape_latex(f"{_counts(lines)} {_LEGEND}"),
                r"\par}",
            ]
        )
        + "\n"
    )


def _breakable(text: str) -> str:
    """Escaped for LaTeX; a formula that is longer than half a line may break after operators."""
    return " ".join(
        _OPERATOR.sub(r"\1\\allowbreak{}", escape_latex(word))
        if len(word) > _LONG_WORD
        else escape_latex(word)
        for word in text.split(" ")
    )


def json_lines(lines: Sequence[Line]) -> str:
    """One object a line: `id`, `verdict`, `computed`, `printed`, `statement` and the details."""
    return "".join(json.dumps(_object(line), ensure_ascii=False) + "\n" for line in lines)


FORMATS: dict[str, Callable[[Sequence[Line]], str]] = {
    "text": text,
    "markdown": markdown,
    "latex": latex,
    "json": json_lines,
}


def _object(line: Line) -> dict[str, Any]:
    claim, interval = line.claim, line.interval
    return {
        "id": claim.id,
        "verdict": str(line.verdict),
        "computed": line.computed,
        "printed": line.printed,
        "statement": claim.statement,
        "interval": None if interval is None else [float(interval.low), float(interval.high)],
        "arithmetic": line.arithmetic,
        "section": claim.section,
        "kind": claim.kind,
        "expression": claim.expression,
        "decidable_by": claim.decidable_by,
        "reason": claim.reason,
        "near": list(line.near),
        "cases": [
            {"case": one.name, "verdict": str(one.verdict), "arithmetic": one.arithmetic}
            for one in line.cases
        ],
    }


def _sentence(line: Line) -> str:
    """Statement, arithmetic, and for a number what is printed and what comes near."""
    claim = line.claim
    parts = [line.arithmetic] if line.arithmetic else []
    if claim.kind == VALUE:
        parts.append(f"printed {claim.published}")
    parts += line.near
    if line.verdict is Verdict.UNDECIDABLE:
        parts.append(claim.reason)
    return f"{claim.statement}: {'; '.join(parts)}"


def _full(line: Line) -> str:
    """The same with the reason of every claim that has one."""
    told = line.verdict is Verdict.UNDECIDABLE or not line.claim.reason
    return _sentence(line) if told else f"{_sentence(line)} ({line.claim.reason})"


def _counts(lines: Sequence[Line]) -> str:
    groups: dict[str, list[Verdict]] = {"claims": [], "sources": []}
    for line in lines:
        groups["claims" if line.claim.expression else "sources"].append(line.verdict)
    return (
        ". ".join(
            f"{len(found)} {what}: "
            + ", ".join(
                f"{count} {_PLURAL[verdict]}" for verdict, count in sorted(Counter(found).items())
            )
            for what, found in groups.items()
        )
        + "."
    )


def _row(name: str, verdict: str, decider: str, sentence: str) -> str:
    head = "".join(
        part.ljust(width) for part, width in zip((name, verdict, decider), _COLUMNS, strict=True)
    )
    return textwrap.fill(
        sentence,
        WIDTH,
        initial_indent=head,
        subsequent_indent=" " * _COLUMNS[0],
        break_on_hyphens=False,
    )
