"""The page of verdicts, in Markdown: what the terminal shows too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.reporting.escapes import escape_markdown
from pipeline.reporting.render import markdown_table
from pipeline.verdicts import VERDICTS, Verdict
from pipeline.verify.cells import Cell
from pipeline.verify.comparisons import Comparison
from pipeline.verify.own import TABLE2, TITLES
from pipeline.verify.verification import Verification

_DIGITS = {"psnr": 2, "ssim": 3, "mae": 3}
_MARKS: dict[Verdict, str] = {
    "reproduced": "=",
    "differs (better)": "better",
    "differs (worse)": "worse",
    "inconclusive": "?",
    "not run": "",
    "not comparable": "n/c",
}


def page(found: Verification) -> str:
    """Counts, cells, claims, comparisons, orders and power, for readers."""
    parts = [
        _summary(found),
        *(_cells(found, table) for table in TITLES),
        _explained(found),
        _claims(found),
        _comparisons(found),
        _orders(found),
        ["## Seeds that it takes", "", *(f"- {escape_markdown(one.text)}" for one in found.power)],
    ]
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1) -> list[str]:
    """A table whose first `texts` columns are text."""
    escaped = [[escape_markdown(cell) for cell in row] for row in rows]
    numeric = [index >= texts for index in range(len(headings))]
    return markdown_table([escape_markdown(heading) for heading in headings], escaped, numeric)


def _summary(found: Verification) -> list[str]:
    title = f"# Verdicts: {found.experiment}" if found.experiment else "# Verdicts"
    rows = [
        [verdict, str(cells), str(claims), VERDICTS[verdict]]
        for verdict, (cells, claims) in found.counts().items()
    ]
    stale = f"Made by other code: {', '.join(sorted(found.stale))}." if found.stale else ""
    lines = [title, "", *_table(["Verdict", "Cells", "Claims", "Meaning"], rows, texts=4)]
    return [*lines, *(["", escape_markdown(stale)] if stale else [])]


def _cells(found: Verification, table: str) -> list[str]:
    rows: dict[str, list[Cell]] = {}
    for cell in found.cells:
        if cell.table == table:
            rows.setdefault(cell.row, []).append(cell)
    run = {row: cells for row, cells in rows.items() if cells[0].n_seeds}
    title = f"## {TITLES[table]}: ours minus published"
    if not run:
        return [title, "", "No row was run."]
    first = next(iter(run.values()))
    headings = ["Row", "Seeds", *(cell.column.name.replace("_", " ") for cell in first)]
    lines = [[row, str(cells[0].n_seeds), *map(_cell, cells)] for row, cells in run.items()]
    marks = ", ".join(f"{mark}: {verdict}" for verdict, mark in _MARKS.items() if mark)
    without = [row for row in rows if row not in run]
    notes = [escape_markdown(f"{marks}.")]
    notes += [escape_markdown(f"Not run: {', '.join(without)}.")] if without else []
    return [title, "", *_table(headings, lines), "", *notes]


def _cell(cell: Cell) -> str:
    mark = _MARKS[cell.judgement.verdict]
    if cell.difference is None:
        return mark
    return f"{cell.difference:+.{_DIGITS[cell.column.metric]}f} {mark}".strip()


def _explained(found: Verification) -> list[str]:
    if not found.explained:
        return []
    lines = []
    for one in found.explained:
        if one.reasons is None:
            text = f"not known; `dmtbench sensitivity {one.method}` scores it in other ways"
            lines.append(f"- {escape_markdown(one.row)}: {text}")
        else:
            words = "; ".join(map(str, one.reasons)) or "no other way of scoring would explain it"
            lines.append(f"- {escape_markdown(f'{one.row}: {words}')}")
    return ["## Why rows may differ", "", *lines]


def _claims(found: Verification) -> list[str]:
    rows = [
        [
            one.claim.id,
            one.claim.statement,
            one.claim.published,
            one.ours,
            str(one.seeds or ""),
            one.judgement.verdict,
            one.judgement.reason,
        ]
        for one in found.claims
    ]
    headings = ["Claim", "Statement", "Published", "Ours", "Seeds", "Verdict", "Why"]
    return ["## Claims", "", *_table(headings, rows, texts=len(headings))]


def _comparisons(found: Verification) -> list[str]:
    title = "## Pairs that the paper compares"
    if not found.comparisons:
        return [title, "", "No pair was run."]
    rows = [_comparison(one, found) for one in found.comparisons]
    headings = [
        *("Pair", "Column", "Claims", "Seeds", "Difference", "Published"),
        *("95 %, images", "95 %, seeds", "p, images", "p, seeds", "Effect", "Equal within"),
    ]
    datasets = ", ".join(sorted({one.dataset for one in found.comparisons}))
    notes = (
        f"Data set {datasets}. Differences: first row minus second, paired by image and seed. "
        "Intervals: bootstrap over images (and over seeds, from two on); Student's t over seeds, "
        "from three on. p: Wilcoxon over images, t-test over seeds, by Holm over this table. "
        "Effect: Cohen's d over images. Equal within: smallest margin with which two one-sided "
        "tests at 5 % find the two equal."
    )
    return [title, "", *_table(headings, rows, texts=3), "", escape_markdown(notes)]


def _comparison(one: Comparison, found: Verification) -> list[str]:
    digits = _DIGITS[one.pair.column.metric]

    def signed(value: float) -> str:
        return f"{value:+.{digits}f}"

    def interval(ends: tuple[float, float] | None) -> str:
        return f"{signed(ends[0])} to {signed(ends[1])}" if ends else ""

    return [
        f"{one.pair.one} – {one.pair.other}{' (Table 2)' * (one.pair.table == TABLE2)}",
        one.pair.column.name.replace("_", " "),
        " ".join(one.claims),
        str(one.seeds or ""),
        signed(one.difference),
        signed(found.published_difference(one.pair)),
        interval(one.image_interval),
        interval(one.seed_interval),
        f"{one.p_images_holm:.2g}",
        "" if one.p_seeds_holm is None else f"{one.p_seeds_holm:.2g}",
        "" if one.effect is None else f"{one.effect:+.2f}",
        f"{one.equal_within:.{digits}f}",
    ]


def _orders(found: Verification) -> list[str]:
    title = "## Order of the methods"
    if not found.agreements:
        return [title, "", "Fewer than two rows are comparable with the paper's."]
    rows = [
        [
            f"{TITLES[table]}, {column.name.replace('_', ' ')}",
            str(count),
            f"{agreement.tau:+.2f}",
            f"{agreement.p_value:.2g}",
            ", ".join(_ranks(found, table, column.name)),
        ]
        for (table, column), (count, agreement) in found.agreements.items()
    ]
    headings = ["Column", "Rows", "Kendall's τ", "p", "Rows with another rank (ours, published)"]
    return [title, "", *_table(headings, rows)]


def _ranks(found: Verification, table: str, column: str) -> Iterator[str]:
    for cell in found.cells:
        if (cell.table, cell.column.name) == (table, column) and cell.rank != cell.published_rank:
            yield f"{cell.row} ({cell.rank:g}, {cell.published_rank:g})"
