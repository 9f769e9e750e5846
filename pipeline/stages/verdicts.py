"""Verdict stage: our results, whose chain is checked, against the paper's tables and claims."""

from __future__ import annotations

from pathlib import Path

from pipeline.audit.claims import read_claims
from pipeline.chain.experiment import Chain
from pipeline.chain.report_rows import TABLES, methods_of
from pipeline.chain.reports import finish_report, verdicts_report
from pipeline.chain.shown import shown_records
from pipeline.config.experiment import Experiment
from pipeline.files import atomic_file, write_text
from pipeline.places import PUBLISHED, Places
from pipeline.reporting.published import read_published_table1, read_published_table2
from pipeline.verify.frames import comparison_frame, verdict_frame
from pipeline.verify.own import TABLE1, TABLE2, Own, read_scored
from pipeline.verify.page import page
from pipeline.verify.verification import Verification, verify

_DOUBTFUL = ("stale", "foreign", "broken")


def verification_of(experiment: Experiment, published: Path = PUBLISHED) -> Verification:
    """Compare the results of an experiment with the paper.

    Args:
        experiment: what was requested.
        published: folder of the paper's numbers and claims.

    Raises:
        RecordError: a result does not belong to the experiment, or something on the way to its
            data is broken.
        DataError: a published table or claim cannot be read.
        ConfigError: the tolerances cannot be used.
    """
    methods = dict.fromkeys(name for table in TABLES for name in methods_of(experiment, table))
    shown = shown_records(experiment, list(methods))
    results = Places.of(experiment).results
    own = Own(
        read_scored(results / name for name in sorted(shown.folders)), experiment.table2_rows()
    )
    paper = {
        TABLE1: read_published_table1(published / "table1.csv"),
        TABLE2: read_published_table2(published / "table2.csv"),
    }
    claims = read_claims(published / "claims.csv")
    return verify(own, paper, claims, experiment=shown.experiment, stale=shown.stale)


def make_verdicts(experiment: Experiment) -> list[Path]:
    """Write the verdicts to `reports/<experiment>/` and copy them to `reports/`.

    Raises:
        RecordError, DataError, ConfigError: as for `verification_of`.
    """
    report = verdicts_report(experiment)
    write_verdicts(verification_of(experiment), report.record.parent)
    return finish_report(experiment, report)


def write_verdicts(found: Verification, folder: Path) -> list[Path]:
    """Write `verdicts.csv` (cells, claims), `comparisons.csv` (pairs) and `verdicts.md` (all).

    Returns:
        The three paths.

    Raises:
        DataError: the folder is read-only or full.
    """
    frames = {"verdicts.csv": verdict_frame(found), "comparisons.csv": comparison_frame(found)}
    for name, frame in frames.items():
        with atomic_file(folder / name) as temporary:
            frame.to_csv(temporary, index=False, lineterminator="\n")
    write_text(folder / "verdicts.md", page(found))
    return [folder / name for name in (*frames, "verdicts.md")]


def doubtful(experiment: Experiment, found: Verification) -> list[str]:
    """What in the chain of an experiment is stale, foreign or broken, one line each."""
    chain = Chain(experiment)
    lines = [
        f"{name}: {chain.standing(name).state}: {chain.standing(name)}"
        for name in chain.artifacts
        if chain.standing(name).state in _DOUBTFUL
    ]
    if not lines and found.stale:
        # A result with given weights is no artifact of the experiment.
        lines = [f"{name}: stale: made by other code" for name in sorted(found.stale)]
    return lines
