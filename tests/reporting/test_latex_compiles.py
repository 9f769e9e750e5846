"""LaTeX sets every file that reports write for it, without packages beyond those they name."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.factories import complexity, control, result, scores
from support.latex import compiled, needs_latex
from support.paths import COUNTED, PUBLISHED, TINY

from pipeline.audit.checking import audit
from pipeline.audit.render import latex as audit_latex
from pipeline.config.experiment import load_experiment, load_methods
from pipeline.method_citations import MethodCitation, method_citations
from pipeline.records import ResultRecord
from pipeline.reporting.bibliography import bibliography, citation_keys
from pipeline.reporting.groups import build_groups
from pipeline.reporting.headings import shown_metrics
from pipeline.reporting.latex import latex
from pipeline.reporting.macros import ValueTable, values_tex
from pipeline.reporting.published import read_published_table1, read_published_table2
from pipeline.reporting.table1 import build_table1
from pipeline.reporting.table2 import build_table2

METRICS = shown_metrics(load_methods().metrics)
PAPER = read_published_table1(PUBLISHED / "table1.csv")
HOSTILE = '\\input{/etc/hosts} 50 % $x_1^2$ #1 & ~ {net \\end{tabular} [2pt] *"quoted" <é>'
SHRUNK = ("booktabs", "graphicx")

pytestmark = needs_latex


def demo() -> list[ResultRecord]:
    groups = {"stereo_é": scores(22.0), "50 %": scores(21.0)}
    return [
        *(result(psnr=20 + i / 3, repetition=i, groups=groups) for i in range(3)),
        result("mine", HOSTILE, 19.5, groups=groups),
        control("input", "Input (no deblurring)", 18.0, groups=groups),
    ]


def canon() -> list[ResultRecord]:
    return [
        result(psnr=26.0, dataset="canon", label="reproduced"),
        result("mrnet", "MRNet", 25.0, dataset="canon", label="surrogate"),
        result("dpdnet", "DPDNet", 24.0, dataset="canon", label="given weights"),
    ]


@pytest.mark.parametrize("made", [demo, canon, list], ids=["demo", "canon", "nothing"])
def test_table1(tmp_path: Path, made) -> None:  # type: ignore[no-untyped-def]
    frame = build_table1(made(), [complexity()], PAPER, experiment="demo_é", stale=["mine"])
    (tmp_path / "table1.tex").write_text(latex(frame, METRICS), encoding="utf-8")
    log = compiled(tmp_path, "\\noindent\\input{table1}", *SHRUNK)
    # Sixteen columns fit the line of an article.
    assert "Overfull" not in log


def test_table2_and_groups(tmp_path: Path) -> None:
    published = read_published_table2(PUBLISHED / "table2.csv")
    for frame in (
        build_table2(demo(), [complexity()], published, {3: "dmtnet-b"}, ["mine"]),
        build_groups(demo()),
    ):
        (tmp_path / "table.tex").write_text(latex(frame, METRICS), encoding="utf-8")
        assert "Overfull" not in compiled(tmp_path, "\\noindent\\input{table}", *SHRUNK)


def test_the_audit(tmp_path: Path) -> None:
    (tmp_path / "audit.tex").write_text(audit_latex(audit(PUBLISHED, COUNTED)), encoding="utf-8")
    assert "Overfull" not in compiled(tmp_path, "\\input{audit}", "booktabs", "longtable")


def values(*results: ResultRecord) -> str:
    frame = build_table1(list(results), [complexity()], PAPER, experiment="demo")
    return values_tex(
        [ValueTable("table1", frame)], str.lower, {HOSTILE: ["results/a/record.json"]}
    )


def test_values_in_text_and_in_formulas(tmp_path: Path) -> None:
    (tmp_path / "values.tex").write_text(values(*demo(), *canon()[1:]), encoding="utf-8")
    body = (
        "\\dmtnetBCombinedPSNR{} dB ($\\dmtnetBCombinedPSNRSD$), \\dmtnetBLabel, "
        "\\dmtnetBParams~M; \\dpdnetPlusCombinedPSNRPublished"
    )
    compiled(tmp_path, f"\\input{{values}}{body}")


def test_a_number_that_was_not_run_has_no_command(tmp_path: Path) -> None:
    (tmp_path / "values.tex").write_text(values(*demo()), encoding="utf-8")
    with pytest.raises(AssertionError, match=r"Undefined control sequence"):
        compiled(tmp_path, "\\input{values}\\ebdbCombinedPSNR")


def test_bibtex_reads_every_entry(tmp_path: Path) -> None:
    citations = method_citations(load_experiment(TINY))
    hostile = f"A. {HOSTILE} and B. @misc, 'On {HOSTILE}', {HOSTILE} 2020"
    citations += [MethodCitation("mine", HOSTILE, hostile), MethodCitation("b", HOSTILE, HOSTILE)]
    citations += [MethodCitation("c", "C", "", "@misc{broken, has no source")]
    (tmp_path / "methods.bib").write_text(bibliography(citations), encoding="utf-8")
    body = "\\nocite{*}\\bibliographystyle{plain}\\bibliography{methods}"
    compiled(tmp_path, body)
    done = subprocess.run(["bibtex", "all"], cwd=tmp_path, capture_output=True, text=True)
    said = [line for line in done.stdout.splitlines() if "Warning" in line]
    # An arXiv paper has no further place, a note no author.
    assert (done.returncode, [line for line in said if "empty" not in line]) == (0, []), done.stdout
    listed = (tmp_path / "all.bbl").read_text(encoding="utf-8")
    assert listed.count("\\bibitem") == len(citation_keys(citations))
    compiled(tmp_path, body)
    assert "/etc/hosts" in listed


def test_the_page_is_there(tmp_path: Path) -> None:
    # Without this, a compiler that writes nothing would pass.
    compiled(tmp_path, "text")
    assert (tmp_path / "all.pdf").read_bytes().startswith(b"%PDF")
