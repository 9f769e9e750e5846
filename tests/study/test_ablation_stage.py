"""`dmtbench ablation` and `study-page`: from records to tables, record, plots and page."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from support.fixture_types import EnterCopy, Run
from support.paths import CONFIG as CONFIGS
from support.paths import REPOSITORY
from support.projects import edit_record, working_in
from support.studies import SEEDS, STEPS, STUDY_CONFIG, TRAINED, play_study, write_study_config

from pipeline.chain.experiment import Chain
from pipeline.config.experiment import load_experiment
from pipeline.files import sha256_of
from pipeline.keys import train_keys
from pipeline.places import Places
from pipeline.records import StudyRecord, read_record
from pipeline.run import Run as Training
from pipeline.stages.ablation import make_ablation
from pipeline.study.collecting import sources_of
from pipeline.study.comparing import compared, differences_frame
from pipeline.study.folder import STUDY, TABLES, read_study
from pipeline.study.page import PLOTS, last_rises
from pipeline.study.pairs import StudyPair
from pipeline.workflow.jobs import planned_jobs

REPORTS = Path("reports/played")
PLAYED = ("--config", STUDY_CONFIG)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a finished study; tests must not write into it."""
    folder = tmp_path_factory.mktemp("study")
    with working_in(folder):
        make_ablation(play_study(folder))
    return folder


@pytest.fixture
def project(made: Path, enter_copy: EnterCopy) -> Path:
    """A copy of it as the current folder."""
    return enter_copy(made)


def pairs_in(frame: pd.DataFrame) -> list[StudyPair]:
    """The pairs that a table compares."""
    return [
        StudyPair(
            row["one"],
            row["other"],
            row["question"],
            tuple(row["claim"].split()),
            None if pd.isna(row["published"]) else row["published"],
        )
        for row in frame.to_dict("records")
    ]


def check_study(folder: Path, page: Path, run: Run, target: Path) -> None:
    """The page comes from the tables, and the tables from the scores in the same folder."""
    study = read_study(folder)
    pairs = pairs_in(study.pairs)
    differences = differences_frame(pairs, study.scores)
    pd.testing.assert_frame_equal(differences, study.differences)
    again = compared(pairs, differences, study.record.study["margin"])
    pd.testing.assert_frame_equal(again, study.pairs, check_dtype=False, rtol=1e-12)
    # A page has its links as seen from its own folder.
    beside = target / page.name
    shutil.copytree(folder, target / folder.name)
    assert run("study-page", target / folder.name, "-o", beside).code == 0
    assert beside.read_bytes() == page.read_bytes()


# The folder ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("project")
def test_a_copy_gives_the_same_page(run: Run, tmp_path: Path) -> None:
    done = run("study-page", REPORTS, "--output", "docs/study.md", "--copy", "docs/study")
    assert (done.code, done.out) == (0, ["docs/study.md"])
    images = {f"{name}.png" for name in PLOTS}
    assert {path.name for path in Path("docs/study").iterdir()} == {STUDY, *TABLES, *images}
    check_study(Path("docs/study"), Path("docs/study.md"), run, tmp_path / "elsewhere")
    page = Path("docs/study.md").read_text()
    for name in images:
        assert f"](study/{name})" in page
    assert page.replace("(study/", "(") == Path(REPORTS, "ablation.md").read_text()


def test_the_published_page_is_that_of_its_records(run: Run, tmp_path: Path) -> None:
    docs = REPOSITORY / "docs"
    check_study(docs / "study", docs / "study.md", run, tmp_path)


def test_the_published_study_trained_what_its_experiment_requests() -> None:
    record = read_study(REPOSITORY / "docs/study").record
    experiment = load_experiment(CONFIGS / "study.yaml")
    requested = {
        source.name: train_keys(
            Training.of(experiment, source.method, source.repetition)
        ).configuration
        for source in sources_of(experiment)
        if source.run is not None
    }
    assert {name: run.configuration_key for name, run in record.runs.items()} == requested


@pytest.mark.usefixtures("project")
def test_a_changed_table_is_refused(run: Run) -> None:
    path = REPORTS / "claims.csv"
    path.write_text(path.read_text().replace("opposite direction", "same direction"))
    done = run("study-page", REPORTS, "-o", "page.md")
    assert done.code == 1
    assert done.err[0].startswith(
        "error: reports/played/claims.csv: is not the table of study.json"
    )
    path.unlink()
    assert "claims.csv: missing" in run("study-page", REPORTS, "-o", "page.md").err[0]
    assert not Path("page.md").exists()


@pytest.mark.usefixtures("project")
def test_the_record_names_all_that_went_in() -> None:
    record = read_record(REPORTS / STUDY, StudyRecord)
    experiment = load_experiment(STUDY_CONFIG)
    places = Places.of(experiment)
    runs = {f"{name}-seed{seed}" for name in TRAINED for seed in range(SEEDS)}
    assert (set(record.runs), set(record.results)) == (runs, {*runs, "input-seed0"})
    one = record.runs["dmtnet-s-seed1"]
    assert one.sha256 == sha256_of(places.run("dmtnet-s", 1) / "record.json")
    assert record.manifest_sha256 == sha256_of(places.manifest)
    assert record.config_hash == experiment.digest()
    assert list(record.methods) == [*experiment.methods, *experiment.ablations]
    assert record.methods["dmtnet-b-fixed"].kwargs["selection"] == "mean"
    assert record.methods["dmtnet-s"].published_params_m == 12.57
    assert record.methods["input"].recipe is None
    assert (record.training_s, record.evaluation_s) == (12 * 1.5, 13 * 1.5)
    assert record.files == {name: sha256_of(REPORTS / name) for name in TABLES}
    assert str(Path.cwd()) not in (REPORTS / STUDY).read_text()


# The page -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("project")
def test_the_page_says_what_the_tables_say() -> None:
    page = Path(REPORTS, "ablation.md").read_text()
    study = read_study(REPORTS)
    claims = study.claims.set_index("claim")["verdict"]
    assert dict(claims) == {
        "C06": "same direction",
        "C07": "not tested",
        "C09": "opposite direction",
        "C10": "not run",
        "C17": "described below",
    }
    for row in study.pairs.to_dict("records"):
        assert f"{row['difference']:+.3f}" in page
        assert f"{row['low']:+.3f} to {row['high']:+.3f}" in page
    assert "5 methods, 3 seeds, 4 test scenes, 3 pairs." in page
    means = study.scores.groupby("method")["psnr"].mean()
    for name in STEPS:
        assert f"{means[name]:.2f}" in page
    # What it is no statement about, from the configuration and the scores.
    assert "64 x 64 pixels instead of 1120 x 1680; 1 for training, 4 for the test" in page
    assert "200 optimizer steps per training, 400 crops" in page
    assert "DMTNet-T 1230, DMTNet-S 6285, DMTNet-B 8153" in page
    assert "takes 4.0 times the multiply-accumulates of the cheapest" in page
    assert "all 4 networks of dmtnet have one recipe." in page
    assert "0.01 of training" in page
    assert page.count("reproduce") == 1
    assert "worse than the blurred input: none." in page


def test_the_last_move_of_a_curve_is_a_mean_over_seeds() -> None:
    rows = [
        ["a", seed, epoch, 10 * epoch, value + (seed if epoch == 2 else 0)]
        for seed in (0, 1)
        for epoch, value in ((2, 20.5), (1, 20.0), (3, 21.5))
    ]
    curves = pd.DataFrame(rows, columns=["method", "repetition", "epoch", "samples", "val_psnr"])
    assert dict(last_rises(curves)) == {"a": 0.5}
    assert last_rises(curves[curves["epoch"] == 1]).empty


# The chain ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("project")
def test_a_study_belongs_to_the_chain(run: Run) -> None:
    chain = Chain(load_experiment(STUDY_CONFIG))
    assert chain.standing("ablation").state == chain.standing("networks").state == "fresh"
    assert not chain.to_make(["reports/played/ablation.csv"])
    states = [json.loads(line) for line in run("status", *PLAYED, "--json").out]
    assert {one["name"]: one["state"] for one in states}["ablation"] == "fresh"


@pytest.mark.usefixtures("project")
def test_other_scores_questions_and_claims_make_it_again() -> None:
    target = ["reports/played/ablation.md"]

    def reason() -> dict[str, str]:
        return Chain(load_experiment(STUDY_CONFIG)).to_make(target)

    with Path("reports/published/claims.csv").open("a") as file:
        file.write("\n")
    assert list(reason()) == ["ablation"]
    block = {"claims": ["C06"], "margin": 0.2}
    write_study_config(study=block)
    # The networks are the same, whatever is asked.
    assert "ablation" in reason()
    assert not [name for name in reason() if name.startswith(("train", "evaluate"))]
    make_ablation(load_experiment(STUDY_CONFIG))
    assert "ablation" not in reason()
    assert "no difference larger than 0.2 dB" in Path(*target).read_text()
    curve = next(Path("runs/tiny").glob("dmtnet-b-seed0/curve.csv"))
    curve.write_text(curve.read_text().replace("400", "500"))
    assert list(reason()) == ["ablation"]


@pytest.mark.usefixtures("project")
def test_a_study_needs_every_result(run: Run) -> None:
    experiment = load_experiment(STUDY_CONFIG)
    record = Places.of(experiment).record("dmtnet-s", 2)
    edit_record(record, trained_params=7)
    done = run("ablation", *PLAYED)
    assert done.code == 1
    assert "scores another number" in done.err[0] or "states another number" in done.err[0]
    record.unlink()
    done = run("ablation", *PLAYED)
    assert done.code == 1
    assert f"{record}: missing" in done.err[0]


def test_only_an_experiment_with_a_study_makes_one(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_study_config(Path("config/none.yaml"), study=None)
    done = run("ablation", "--config", "config/none.yaml")
    assert done.code == 1
    assert done.err == ["error: experiment 'none' has no block `study`; config/study.yaml has one"]
    assert "ablation" not in Chain(load_experiment(Path("config/none.yaml"))).artifacts


@pytest.mark.usefixtures("project")
def test_snakemake_makes_it_last_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    target = "reports/played/ablation.csv"
    shutil.rmtree("runs")
    shutil.rmtree("results")
    shutil.rmtree(REPORTS)
    jobs = planned_jobs(STUDY_CONFIG, [target])
    rules = [job.rule for job in jobs]
    assert rules[-1] == "ablation"
    assert {*rules} == {"store", "patches", "train", "evaluate", "networks", "ablation"}
    assert rules.count("train") == 12
    # Without a target, everything is made.
    assert {"ablation", "table1"} < {job.rule for job in planned_jobs(STUDY_CONFIG, [])}
