"""Ablation stage: a study over seeds from records whose chain is checked, and its page."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.audit.claims import read_claims
from pipeline.chain.experiment import Chain
from pipeline.chain.reports import ablation_report, finish_report
from pipeline.config.experiment import CANON_FILE, Experiment, load_experiment
from pipeline.files import copy_file, write_text
from pipeline.places import COUNTED, PUBLISHED
from pipeline.records import write_record
from pipeline.reporting.published import read_published_table1, read_published_table2
from pipeline.study.collecting import curves_frame, scores_frame
from pipeline.study.folder import (
    CURVES_FILE,
    NETWORKS_FILE,
    SCALING_FILE,
    SCORES_FILE,
    STUDY,
    TABLES,
    StudyFolder,
    read_frame,
    read_study,
    write_frame,
)
from pipeline.study.page import PLOTS, Parts, page
from pipeline.study.pairs import study_of
from pipeline.study.paper import paper_compute
from pipeline.study.recording import study_record
from pipeline.study.scaling import Scaling, scaling
from pipeline.study.scaling_text import scaling_lines
from pipeline.study.selection import NOTHING, selection_lines
from pipeline.study.tables import tables_of
from pipeline.verify.own import TABLE1, TABLE2


def make_ablation(experiment: Experiment) -> list[Path]:
    """Make the study of an experiment in `reports/<experiment>/`: tables, plots, record and page.

    Raises:
        ConfigError: the experiment has no study, or one that names an unknown claim.
        RecordError: a result is missing, broken or foreign, or methods were scored on different
            images.
        DataError: a published table or claim cannot be read; the folder is read-only or full.
    """
    study_of(experiment)
    report, chain = ablation_report(experiment), Chain(experiment)
    for need in report.needs:
        chain.require(need)
    folder = report.record.parent
    _write_tables(experiment, folder)
    found = _scaling(folder)
    write_frame(folder / SCALING_FILE, found.fits)
    paper = read_published_table1(PUBLISHED / "table1.csv")
    record = study_record(experiment, paper, [folder / name for name in TABLES])
    write_record(folder / STUDY, record)
    study = read_study(folder)
    _plot(study, found, folder)
    write_page(folder, folder / "ablation.md")
    return finish_report(experiment, report)


def _write_tables(experiment: Experiment, folder: Path) -> None:
    published = {
        TABLE1: read_published_table1(PUBLISHED / "table1.csv"),
        TABLE2: read_published_table2(PUBLISHED / "table2.csv"),
    }
    scores, claims = scores_frame(experiment), read_claims(PUBLISHED / "claims.csv")
    found = {SCORES_FILE: scores, CURVES_FILE: curves_frame(experiment)}
    found |= tables_of(experiment, scores, claims, published)
    for name, frame in found.items():
        write_frame(folder / name, frame)


def _scaling(folder: Path) -> Scaling:
    files = (CURVES_FILE, NETWORKS_FILE, SCORES_FILE)
    curves, networks, scores = (read_frame(folder / name) for name in files)
    paper = paper_compute(load_experiment(CANON_FILE), COUNTED)
    return scaling(curves, networks, scores, paper)


def _plot(study: StudyFolder, found: Scaling, folder: Path) -> None:
    # They load Matplotlib, which takes longer than the tables.
    from pipeline.reporting.study_curves import learning_curves
    from pipeline.reporting.study_forest import forest
    from pipeline.reporting.study_scaling import scaling_plot
    from pipeline.reporting.study_selection import selection_plot

    rows = study.rows
    named = study.pairs.assign(
        one=study.pairs["one"].map(rows), other=study.pairs["other"].map(rows)
    )
    forest(named, folder / "forest")
    learning_curves(study.curves, rows, folder / "learning_curves")
    selection_plot(study.selection, rows, folder / "selection_weights", nothing=NOTHING)
    scaling_plot(found.points, found.bands, found.tests, folder / "scaling")


def copy_study(folder: Path, target: Path) -> None:
    """Copy what the page of a study is made of and shows: record, tables, and plots as PNG.

    Raises:
        DataError: a file is missing, or the folder is read-only or full.
    """
    for name in (STUDY, *TABLES, *(f"{plot}.png" for plot in PLOTS)):
        copy_file(folder / name, target / name)


def write_page(folder: Path, output: Path) -> None:
    """Write the page of a study.

    Args:
        folder: has the record and the tables; the plots are linked.
        output: the page.

    Raises:
        RecordError: the record or a table is missing, cannot be read or was changed.
        DataError: the folder is read-only or full.
    """
    study = read_study(folder)
    claims = study.claims.set_index("claim")["statement"]
    statement = str(claims.get(str(study.record.study["selection"]), ""))
    parts = Parts(
        selection=selection_lines(study.selection, study.rows, statement),
        scaling=scaling_lines(study.scaling, study.networks),
    )
    images = Path(os.path.relpath(folder, output.parent)).as_posix()
    prefix = "" if images == "." else f"{images}/"
    write_text(output, page(study, parts, images=prefix))
