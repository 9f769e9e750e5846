"""Sections of the page: what each takes from records and configuration."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import pytest
from markupsafe import Markup
from support.factories import complexity, provenance, result, run
from support.pages import canon_results, demo_results, page_inputs, write_curves

from pipeline.config.experiment import CANON_FILE, load_experiment
from pipeline.html_report.checklist_items import NO, PARTLY, YES, completeness, neurips
from pipeline.html_report.inputs import PageInputs
from pipeline.html_report.sections.commands_list import commands
from pipeline.html_report.sections.compute import compute
from pipeline.html_report.sections.curves import curves
from pipeline.html_report.sections.deviations import deviations
from pipeline.html_report.sections.environment import environment
from pipeline.html_report.sections.images import images
from pipeline.html_report.sections.tradeoff import tradeoff
from pipeline.html_report.sections.verdicts import verdicts


def text_of(html: object) -> str:
    assert isinstance(html, Markup)
    return " ".join(unescape(re.sub("<[^>]+>", " ", html)).split())


def data_of(inputs: PageInputs) -> dict[str, list[object]]:
    found = re.search(r'id="pair-data">(.*?)</script>', str(images(inputs)), re.DOTALL)
    assert found is not None
    data: dict[str, list[object]] = json.loads(found[1])
    return data


def test_image_scores_are_means_over_seeds() -> None:
    data = data_of(page_inputs())
    # Means 20.5, 20.6 and 20.7 over seeds; scenes at -1.5, -0.5, 0.5 and 1.5 dB around them.
    assert data["values"]["DMTNet-S"] == [19.1, 20.1, 21.1, 22.1]  # type: ignore[call-overload]
    assert data["categories"] == ["indoor", "outdoor", "indoor", "outdoor"]


def test_the_first_pair_is_the_best_row_and_the_input() -> None:
    assert "DMTNet-B minus Input (no deblurring)" in text_of(images(page_inputs()))


def test_published_and_own_points_have_charts_of_their_own() -> None:
    html = str(tradeoff(page_inputs()))
    names = re.findall(r'<figure class="chart" id="([^"]+)"', html)
    assert names[:2] == ["psnr-params", "psnr-flops"]
    assert len(names) == 3
    assert "not comparable" in html
    assert "were not counted" in html
    published = html.split("<figure")[1]
    assert "run here" not in published
    assert "21.10" not in published


def test_on_canon_own_points_stand_beside_the_published_ones() -> None:
    sizes = [complexity("dmtnet-s", "DMTNet-S"), complexity()]
    html = str(tradeoff(page_inputs(canon_results(), sizes=sizes)))
    assert html.count("<figure") == 2
    assert "DMTNet, run here" in html
    assert "DMTNet-B, run here: 26.60 dB; 2.00 M" in html


def test_curves_show_the_mean_over_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = page_inputs()
    write_curves(inputs, tmp_path)
    monkeypatch.chdir(tmp_path)
    html = str(curves(inputs))
    assert "DMTNet-B, epoch 3: 19.50 dB, mean of 3 seeds" in html
    assert "DMTNet-B, epoch 2: loss 0.15, mean of 3 seeds" in html
    assert html.count('class="thin"') == 6


def test_a_long_curve_is_thinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = page_inputs(runs=[run()])
    write_curves(inputs, tmp_path)
    lines = [f"{n},{n},0.1,0.2,{n / 100}" for n in range(1, 1001)]
    path = tmp_path / "runs/synthetic/dmtnet-b-seed0/curve.csv"
    path.write_text("\n".join(["epoch,samples,learning_rate,loss,psnr", *lines]))
    monkeypatch.chdir(tmp_path)
    html = str(curves(inputs))
    assert html.count('<circle class="mark"') < 150
    assert "epoch 1000: 10.00 dB" in html


def test_compute_adds_up_what_the_records_say() -> None:
    text = text_of(compute(page_inputs()))
    assert "3 trainings took 4.5 s of wall time, 8 evaluations 12 s" in text
    assert "no measurement of energy" in text
    gpu = provenance(hardware={"gpu": "Volta", "gpu_peak_memory_mb": "9000"})
    inputs = page_inputs(runs=[run(provenance=gpu)])
    assert "Volta" in text_of(compute(inputs))
    assert "9 000" in text_of(compute(inputs))


def test_environment_lists_every_value_once() -> None:
    other = provenance(packages={"torch": "9.9"}, git_commit=None)
    text = text_of(environment(page_inputs(runs=[run(), run(repetition=1, provenance=other)])))
    assert "torch 2.13.0 9.9" in text
    assert "ffffffffff unknown" in text


def test_the_commands_of_the_records() -> None:
    text = text_of(commands(page_inputs()))
    assert "dmtbench run --config config/demo.yaml" in text
    assert "dmtbench evaluate --config config/demo.yaml" in text


def test_deviations_are_what_differs_from_the_papers_experiment() -> None:
    inputs, canon = page_inputs(), load_experiment(CANON_FILE)
    text = text_of(deviations(inputs))
    own, paper = (one.recipes["dmtnet"].epochs for one in (inputs.experiment, canon))
    assert f"recipes.dmtnet.epochs {own} {paper}" in text
    assert f"patches.size {inputs.experiment.patches.size} {canon.patches.size}" in text
    assert "recipes.dpdnet" not in text
    assert "All settings are those of the paper" in text_of(
        deviations(page_inputs(canon_results(), experiment=canon))
    )


def test_choices_of_two_stage_methods_and_reasons_of_surrogates() -> None:
    results = [
        result("ebdb", "EBDB", kind="two-stage classical"),
        result("mrnet", "MRNet", label="surrogate"),
    ]
    text = text_of(deviations(page_inputs(results, runs=[])))
    assert "EBDB solver hyper-Laplacian (Krishnan and Fergus 2009), not Richardson-Lucy" in text
    assert "MRNet only stands in for the published method" in text


def test_claims_have_their_audit_beside_them() -> None:
    text = text_of(verdicts(page_inputs()))
    assert "C06 the first DMSSRM adds 0.77 dB" in text
    assert "not comparable" in text


@pytest.mark.parametrize(("seeds", "answer"), [(1, NO), (2, PARTLY), (3, YES)])
def test_the_checklist_counts_seeds(seeds: int, answer: str) -> None:
    results = [result(repetition=seed) for seed in range(seeds)]
    items = {item.question: item for item in neurips(page_inputs(results))}
    assert items["Statistical significance"].answer == answer
    assert items["Broader impacts"].answer == NO


def test_the_checklist_says_what_is_not_there() -> None:
    (models,) = (item for item in completeness(page_inputs(runs=[])) if "models" in item.question)
    assert (models.answer, models.evidence) == (NO, "")
    trained = [item.answer for item in completeness(page_inputs(demo_results()))]
    assert trained.count(PARTLY) == 1
