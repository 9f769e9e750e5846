"""`dmtbench latex` and `dmtbench cite`: files, their place in the chain, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.fixture_types import Run
from support.projects import CONFIG, edit_record, edit_text, write_config

from pipeline.chain.experiment import Chain
from pipeline.config.experiment import load_experiment
from pipeline.config.software import read_software
from pipeline.errors import ConfigError
from pipeline.workflow.jobs import planned_jobs

pytestmark = pytest.mark.usefixtures("project")
VALUES, BIB = Path("reports/small/values.tex"), Path("reports/small/methods.bib")
RESULT = Path("results/tiny/dmtnet-t-seed0/record.json")


def standing() -> str:
    return Chain(load_experiment(CONFIG)).standing("latex").state


def test_it_writes_files_and_copies(run: Run) -> None:
    before = [path.read_bytes() for path in (VALUES, BIB)]
    done = run("latex", "--config", CONFIG)
    paths = [VALUES, BIB, Path("reports/values.tex"), Path("reports/methods.bib")]
    assert (done.code, done.out) == (0, [str(path) for path in paths])
    assert [path.read_bytes() for path in paths] == before * 2


def test_names_come_from_methods_and_records_stand_beside_them() -> None:
    text = VALUES.read_text(encoding="utf-8")
    record = json.loads(RESULT.read_text())
    printed = f"{record['scores']['combined']['mean']['psnr']:.2f}"
    assert f"\\newcommand{{\\dmtnetTCombinedPSNR}}{{{printed}}}% table1 DMTNet-T " in text
    assert f"% DMTNet-T: demo; data set tiny by dpdd-16; {RESULT}\n" in text
    # `only` leaves it out of the experiment; its published row has the same name all the same.
    assert "\\newcommand{\\dpdnetPlusCombinedPSNRPublished}{25.12}" in text
    assert "\\dpdnetPlusCombinedPSNR}" not in text
    assert "\\newcommand{\\unsharpCombinedPSNR}" in text
    assert "@inproceedings{abuolaim2020defocus," in BIB.read_text(encoding="utf-8")


def test_it_belongs_to_the_chain() -> None:
    assert standing() == "fresh"
    Path("reports/methods.bib").write_text("another")
    assert standing() == "foreign"
    edit_text(VALUES, "newcommand", "def")
    assert standing() == "broken"
    assert "latex" in Chain(load_experiment(CONFIG)).to_make(["reports/small/values.tex"])


def test_another_citation_makes_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.keys.method_citations", lambda experiment: [])
    assert standing() == "stale"
    assert "latex" in Chain(load_experiment(CONFIG)).to_make(["reports/methods.bib"])


def test_a_changed_table_is_refused(run: Run) -> None:
    edit_text(Path("reports/small/table1.csv"), "DMTNet-T", "DMTNet-X")
    done = run("latex", "--config", CONFIG)
    assert (done.code, len(done.err)) == (1, 1)
    assert "reports/small/table1.csv" in done.err[0]


def test_the_workflow_makes_it_from_both_tables() -> None:
    write_config()
    VALUES.unlink()
    assert [job.rule for job in planned_jobs(CONFIG, ["reports/values.tex"])] == ["latex"]


def test_cite_a_result(run: Run) -> None:
    record = json.loads(RESULT.read_text())
    made = record["provenance"]
    done = run("cite", "dmtnet-t-seed0", "--config", CONFIG)
    text = " ".join(" ".join(done.out).split())
    assert done.code == 0
    for part in (
        read_software().version,
        made["manifest_sha256"],
        str(made["git_commit"] or "none"),
        "arXiv:2209.06040",
        "label: demo",
        "drawn by this software",
    ):
        assert part in text
    assert run("cite", RESULT.parent, "--config", CONFIG).out == done.out


def test_cite_as_json_and_bibtex(run: Run) -> None:
    (line,) = run("cite", "dmtnet-t-seed0", "--json", "--config", CONFIG).out
    found = json.loads(line)
    assert (
        found["facts"]["manifest"]
        == json.loads(RESULT.read_text())["provenance"]["manifest_sha256"]
    )
    entries = "\n".join(run("cite", "dmtnet-t-seed0", "--bibtex", "--config", CONFIG).out)
    wanted = dict.fromkeys(item["bibtex"] for item in found["items"] if item["bibtex"])
    assert entries == "\n\n".join(wanted)
    assert "@misc{dmtbench," in entries
    assert found["facts"]["manifest"] in entries
    assert "zhang2022dmtnet" in entries


def test_cite_a_method_and_the_experiment(run: Run) -> None:
    (line,) = run("cite", "rdpd-plus", "--json", "--config", CONFIG).out
    items = {item["role"]: item for item in json.loads(line)["items"]}
    assert items["The method"]["key"] == "abuolaim2021learning"
    assert "facts" in json.loads(line)
    (line,) = run("cite", "input", "--json", "--config", CONFIG).out
    control = next(one for one in json.loads(line)["items"] if one["role"] == "The method")
    assert "not a published method" in control["text"]
    assert control["bibtex"] == ""
    assert run("cite", "--config", CONFIG).out[0] == "To cite experiment small:"


def test_what_cannot_be_cited_is_one_line(run: Run) -> None:
    done = run("cite", "dmtnet-q", "--config", CONFIG)
    assert (done.code, len(done.err)) == (1, 1)
    assert "dmtnet-q: no result" in done.err[0]
    assert "dmtbench methods" in done.err[0]
    edit_record(RESULT, repetition=7)
    done = run("cite", "dmtnet-t-seed0", "--config", CONFIG)
    assert (done.code, len(done.err)) == (1, 1)
    assert str(RESULT.parent) in done.err[0]


def test_a_hostile_record_stays_on_its_line(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    for path in RESULT.parent.iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    name = "x\n\x1b[31m@misc{y, %"
    edit_record(folder / "record.json", provenance__config={"dataset": {"kind": "k", "name": name}})
    done = run("cite", folder, "--config", CONFIG)
    assert "\x1b" not in "".join(done.out)
    assert any(
        "data set x\\n\\x1b[31m@misc{y, %: its publication is not known" in line
        for line in done.out
    )
    entries = "\n".join(run("cite", folder, "--bibtex", "--config", CONFIG).out)
    assert "misc{y" not in entries


def test_a_damaged_citation_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "CITATION.cff").write_text("title: x\n")
    with pytest.raises(ConfigError, match=r"CITATION\.cff: version: .*; restore it"):
        read_software(tmp_path / "CITATION.cff")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_software(tmp_path / "gone.cff")
