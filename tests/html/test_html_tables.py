"""Tables 1 and 2 on the page: blocks, columns, links, verdicts."""

from __future__ import annotations

from support.factories import complexity, result
from support.pages import PAPER, canon_results, page_inputs

from pipeline.html_report.cells import Head, Table, number_cell, text_cell, without_empty
from pipeline.html_report.inputs import PageInputs
from pipeline.html_report.result_tables import TABLE1_SCORES, TABLE2_SCORES, result_tables
from pipeline.html_report.verdict_cells import verdict_cell
from pipeline.verdicts import VERDICTS


def tables_of(inputs: PageInputs) -> list[Table]:
    return result_tables(inputs, inputs.table1, "table1", TABLE1_SCORES)


def column(table: Table, title: str) -> dict[str, object]:
    """Cells of a column, by the text of the row."""
    number = [head.title for head in table.heads].index(title)
    return {row[0].text: row[number] for row in table.rows}


def test_a_demo_never_has_published_numbers_beside_its_own() -> None:
    own, paper = tables_of(page_inputs())
    assert "not comparable" in own.caption
    assert not [head for head in own.heads if head.name in ("published", "difference", "verdict")]
    assert {head.name for head in paper.heads} == {"Method", "published"}
    # Also the rows that were run, in the order of the paper.
    assert [row[0].text for row in paper.rows] == list(PAPER["method"])
    known = PAPER.set_index("method")["combined_psnr"]
    cells = column(paper, "Combined PSNR (dB) ↑: published")
    assert {row: cell.key for row, cell in cells.items()} == known.to_dict()  # type: ignore[attr-defined]


def test_table2_of_a_demo_has_both_blocks_even_if_every_row_was_run() -> None:
    inputs = page_inputs([result()])
    frame = inputs.table2[inputs.table2["label"] == "demo"]
    own, paper = result_tables(inputs, frame, "table2", TABLE2_SCORES)
    assert [row[0].text for row in own.rows] == ["DMTNet-B"]
    assert "Published" in paper.caption
    assert column(paper, "Combined PSNR (dB) ↑: published")


def test_on_canon_ours_stand_next_to_published() -> None:
    inputs = page_inputs(canon_results())
    (table,) = tables_of(inputs)
    names = [head.name for head in table.heads if head.group == "Combined PSNR (dB) ↑"]
    assert names == ["ours", "published", "difference", "verdict"]
    row = inputs.table1.set_index("method").loc["DMTNet-B"]
    cells = {name: column(table, f"Combined PSNR (dB) ↑: {name}")["DMTNet-B"] for name in names}
    assert cells["ours"].text == "26.60"  # type: ignore[attr-defined]
    assert cells["difference"].key == row["combined_psnr_diff"]  # type: ignore[attr-defined]
    assert cells["verdict"].text == "inconclusive"  # type: ignore[attr-defined]
    # A row that was not run has no number of ours.
    assert column(table, "Combined PSNR (dB) ↑: ours")["MRNet"].key is None  # type: ignore[attr-defined]


def test_numbers_lead_to_their_records() -> None:
    inputs = page_inputs(sizes=[complexity()])
    own, paper = tables_of(inputs)
    psnr = column(own, "Combined PSNR (dB) ↑: ours")
    single, several = psnr["Input (no deblurring)"], psnr["DMTNet-B"]
    assert single.link == "../../results/synthetic/input-seed0/record.json"  # type: ignore[attr-defined]
    assert several.link == "#records-dmtnet-b-seed0"  # type: ignore[attr-defined]
    assert several.note == "± 0.10"  # type: ignore[attr-defined]
    assert column(own, "Combined PSNR (dB) ↑: 95 % interval")["DMTNet-B"].text == "20.85 to 21.35"  # type: ignore[attr-defined]
    size = column(own, "Params (M): ours")["DMTNet-B"]
    assert size.link == "../../results/complexity/dmtnet-b.json"  # type: ignore[attr-defined]
    published = column(paper, "Params (M): published")["DMTNet-B"]
    assert published.link == "../../reports/published/table1.csv"  # type: ignore[attr-defined]


def test_every_verdict_has_a_word_a_sign_and_a_color() -> None:
    cells = [verdict_cell(verdict) for verdict in VERDICTS]
    assert [cell.text for cell in cells] == list(VERDICTS)
    assert len({cell.mark for cell in cells}) == len(VERDICTS)
    assert all(cell.tone for cell in cells)
    assert verdict_cell("no difference larger than 0.1 dB").tone == "warn"
    assert verdict_cell("").key is None


def test_empty_columns_are_left_out_and_the_first_stays() -> None:
    heads = [Head("Row"), Head("Nothing"), Head("Value")]
    rows = [[text_cell(""), number_cell("–", float("nan")), number_cell("1", 1.0)]]
    kept, cells = without_empty(heads, rows)
    assert [head.name for head in kept] == ["Row", "Value"]
    assert [cell.text for cell in cells[0]] == ["–", "1"]


def test_groups_are_as_wide_as_their_columns() -> None:
    table = Table("t", "T", [Head("a"), Head("b", "G"), Head("c", "G"), Head("d", "H")], [])
    assert table.groups == [("", 1), ("G", 2), ("H", 1)]
    assert Table("t", "T", [Head("a")], []).groups == []
