"""Tables 1 and 2 on the page: ours, published, difference, interval, verdict, with links."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import pandas as pd

from pipeline.html_report.cells import Cell, Head, Table, number_cell, text_cell, without_empty
from pipeline.html_report.inputs import PageInputs
from pipeline.html_report.numbers import DIGITS, NOTHING, count, fixed, interval
from pipeline.html_report.verdict_cells import verdict_cell
from pipeline.places import PUBLISHED, Places
from pipeline.records import CATEGORIES
from pipeline.reporting import tables
from pipeline.reporting.blocks import Block, blocks
from pipeline.reporting.headings import score_heading
from pipeline.reporting.published import PAPER_METRICS

Row: TypeAlias = pd.Series


@dataclass(frozen=True)
class Links:
    """Addresses behind a row: its record, the size of its full network, the published table."""

    inputs: PageInputs
    name: str
    published: str

    def record(self, row: Row) -> str:
        """Of the record, or of the list of records."""
        return self.inputs.record_link(str(row[self.name]))

    def size(self, row: Row) -> str:
        """Of the record of parameters and FLOPs."""
        name = str(row[self.name])
        for method, size in self.inputs.sizes.items():
            known = tables.row_of(size)
            if name == known or name in (f"{known} ({mark})" for mark in _WITH_WEIGHTS):
                return self.inputs.link(Places.complexity(method))
        return ""


_WITH_WEIGHTS = (tables.GIVEN, tables.OFFICIAL)
Column = tuple[Head, Callable[[Row], Cell]]


def result_tables(
    inputs: PageInputs, frame: pd.DataFrame, name: str, scores: Sequence[str]
) -> list[Table]:
    """The blocks of Table 1 or 2; the published block of a demo has every row of the paper.

    Args:
        inputs: of the page.
        frame: `table1` or `table2`.
        name: `table1` or `table2`.
        scores: names of the score columns, such as `combined_psnr`.
    """
    links = Links(
        inputs,
        "method" if name == "table1" else "row",
        inputs.link(PUBLISHED / f"{name}.csv"),
    )
    made = []
    for number, block in enumerate(_blocks(inputs, frame, scores)):
        columns = [*_leading(links, name, block), *_scores(links, scores, block)]
        columns += _sizes(links, block, name)
        heads, rows = [head for head, _ in columns], block.frame
        cells = [[cell(row) for _, cell in columns] for _, row in rows.iterrows()]
        heads, cells = without_empty(heads, cells)
        title = f"Table {name[-1]}"
        caption = f"{title}. {block.title}" if block.title else title
        made.append(Table(f"{name}-{number}", caption, heads, cells))
    return made


def _blocks(inputs: PageInputs, frame: pd.DataFrame, scores: Sequence[str]) -> list[Block]:
    """The blocks of a table; the paper's has all of its rows, in its order, where none was run."""
    found = blocks(frame)
    own = [block for block in found if not block.paper]
    if not own or any(block.paper and not _is_published(block) for block in found):
        return found
    known = frame[frame[f"{scores[0]}_published"].notna()]
    order = {name: place for place, name in enumerate(inputs.paper_rows)}
    places = known["method"].map(lambda name: order.get(name, len(order)))
    paper = known.iloc[places.argsort(kind="stable")].assign(label=tables.PUBLISHED, standing="")
    titled = [Block(block.title or _OWN, block.frame, False) for block in own]
    return [*titled, Block(_PUBLISHED, paper, True)] if len(paper) else titled


_OWN = "Run here, not comparable with the published numbers"
_PUBLISHED = "Published numbers, on Canon DP"


def _is_published(block: Block) -> bool:
    """Whether none of its rows was run under the conditions of the paper."""
    return block.paper and set(block.frame["label"]) == {tables.PUBLISHED}


def _leading(links: Links, name: str, block: Block) -> Iterator[Column]:
    def named(row: Row) -> Cell:
        stale = row.get("standing") == tables.STALE
        return text_cell(str(row[links.name]) or f"Method {row['method']}", note="stale" * stale)

    yield Head("Method", number=False), named
    if name == "table2":
        for key, title in (("transformer", "Transformer"), ("dynamic", "Dynamic")):
            yield Head(title, number=False), partial(_text, key=key)
        yield Head("DMSSRM"), lambda row: _whole(row["n_dmssrm"])
    if not _is_published(block):
        yield Head("Label", number=False), partial(_text, key="label")
        yield Head("Seeds"), lambda row: _whole(row["n_seeds"])


def _scores(links: Links, scores: Sequence[str], block: Block) -> Iterator[Column]:
    """For each score what the block may show: a demo's rows have no published value beside them."""
    ours = not _is_published(block)
    for name in scores:
        category, _, metric = name.partition("_")
        group = f"{category.capitalize()} {score_heading(metric, links.inputs.metrics)}"
        combined, first = category == CATEGORIES[-1], name == scores[0]
        shown = combined or (metric == PAPER_METRICS[0] and not (ours and block.paper))
        if ours:
            yield Head("ours", group, shown=shown), _own(links, name, metric)
        if block.paper:
            yield Head("published", group, shown=shown), _published(links, name, metric)
        if ours and block.paper:
            yield Head("difference", group, shown=shown), _difference(links, name, metric)
        if ours:
            yield Head("95 % interval", group, shown=first), _interval(links, name, metric)
        if ours and block.paper:
            head = Head("verdict", group, number=False, shown=first)
            yield head, partial(_verdict, name=name)


def _own(links: Links, name: str, metric: str) -> Callable[[Row], Cell]:
    def cell(row: Row) -> Cell:
        if row["label"] == tables.PUBLISHED:
            return number_cell(NOTHING, None)
        sd, value = row[f"{name}_sd"], float(row[name])
        note = "" if pd.isna(sd) else f"± {fixed(float(sd), DIGITS[metric])}"
        text = fixed(value, DIGITS[metric])
        return number_cell(text, value, link=links.record(row), note=note)

    return cell


def _published(links: Links, name: str, metric: str) -> Callable[[Row], Cell]:
    def cell(row: Row) -> Cell:
        value = float(row[f"{name}_published"])
        return number_cell(fixed(value, DIGITS[metric]), value, link=links.published)

    return cell


def _difference(links: Links, name: str, metric: str) -> Callable[[Row], Cell]:
    def cell(row: Row) -> Cell:
        value = float(row[f"{name}_diff"])
        text = fixed(value, DIGITS[metric], sign=True)
        return number_cell(text, value, link="" if text == NOTHING else links.record(row))

    return cell


def _interval(links: Links, name: str, metric: str) -> Callable[[Row], Cell]:
    def cell(row: Row) -> Cell:
        low, high = float(row[f"{name}_ci_lo"]), float(row[f"{name}_ci_hi"])
        text = interval(low, high, DIGITS[metric])
        return number_cell(text, low, link="" if text == NOTHING else links.record(row))

    return cell


def _text(row: Row, key: str) -> Cell:
    return text_cell(str(row[key]))


def _verdict(row: Row, name: str) -> Cell:
    return verdict_cell(str(row[f"{name}_verdict"]))


def _sizes(links: Links, block: Block, name: str) -> Iterator[Column]:
    if not _is_published(block):
        yield from _own_sizes(links)
    if block.paper and name == "table1":
        for key, group in (
            ("params_published_m", "Params (M)"),
            ("flops_published_g", "FLOPs (G)"),
        ):
            yield Head("published", group), partial(_size_published, key=key, links=links)


def _size_published(row: Row, key: str, links: Links) -> Cell:
    value = float(row[key])
    return number_cell(fixed(value), value, link=links.published)


def _own_sizes(links: Links) -> list[Column]:
    def sized(key: str, scale: float) -> Callable[[Row], Cell]:
        def cell(row: Row) -> Cell:
            value = float("nan") if pd.isna(row[key]) else float(row[key]) * scale
            return number_cell(fixed(value), value, link=links.size(row))

        return cell

    trained = Head("trained", "Params")
    return [
        (trained, lambda row: _whole(row["trained_params"], link=links.record(row))),
        (Head("ours", "Params (M)"), sized("params", 1e-6)),
        (Head("paper’s rule", "FLOPs (G)"), sized("flops_paper_g", 1)),
        (Head("fvcore", "FLOPs (G)", shown=False), sized("flops_fvcore_g", 1)),
    ]


def _whole(value: object, link: str = "") -> Cell:
    if pd.isna(value):
        return number_cell(NOTHING, None)
    return number_cell(count(float(str(value))), float(str(value)), link=link)


TABLE1_SCORES = tuple(
    f"{category}_{metric}" for category in reversed(CATEGORIES) for metric in PAPER_METRICS
)
"""Combined first: it is what the paper compares by."""
TABLE2_SCORES = ("combined_psnr", "combined_ssim")
