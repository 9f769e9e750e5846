"""Reports: what each is made from, and whether it still is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.artifacts import CURVE, RECORD
from pipeline.chain.copies import content_of_copy, write_copy
from pipeline.chain.qualitative import qualitative_results
from pipeline.chain.report_files import FILES
from pipeline.chain.report_rows import TABLES, counted, given, methods_of, results_of
from pipeline.chain.standing import Standing
from pipeline.chain.steps import judge_step, write_step
from pipeline.config.experiment import Experiment
from pipeline.keys import (
    Keys,
    html_keys,
    latex_keys,
    networks_keys,
    qualitative_keys,
    report_keys,
    study_keys,
)
from pipeline.places import COUNTED, PUBLISHED, REPORTS, Places

NETWORKS, ABLATION, QUALITATIVE, HTML = "networks", "ablation", "qualitative", "html"
LATEX = "latex"
_KEYS = {
    NETWORKS: networks_keys,
    ABLATION: study_keys,
    QUALITATIVE: qualitative_keys,
    HTML: html_keys,
    LATEX: latex_keys,
}
TRACKED = (*TABLES, "plot", "verdicts")
_COPIED = (*TRACKED, LATEX, "figures", HTML)


@dataclass(frozen=True)
class Report:
    """A report of an experiment.

    `name`: of its rule and command. `record`: its step record. `files`: in the experiment's own
    folder. `copies`: the same files in `reports/`, which holds those of the experiment that was
    requested last. `inputs`: what it is made from, by part. `needs`: names of the artifacts that
    the inputs belong to.
    """

    name: str
    record: Path
    files: tuple[Path, ...]
    copies: tuple[Path, ...]
    inputs: Mapping[str, Path]
    needs: tuple[str, ...]


def reports(experiment: Experiment) -> dict[str, Report]:
    """All reports of an experiment by name; each comes after those that it needs."""
    made = [table_report(experiment, name) for name in TABLES]
    made += [networks_report(experiment)] if experiment.study is not None else []
    made += [latex_report(experiment), plot_report(experiment), qualitative_report(experiment)]
    made += [figures_report(experiment), verdicts_report(experiment), track_report(experiment)]
    if experiment.study is not None:
        made.append(ablation_report(experiment))
    made.append(html_report(experiment))
    return {report.name: report for report in made}


def table_report(experiment: Experiment, name: str) -> Report:
    """The report `table1` or `table2`."""
    methods = methods_of(experiment, name)
    sizes = {f"complexity {m}": Places.complexity(m) for m in counted(experiment, methods)}
    inputs = _results(experiment, methods) | sizes
    further = _given(experiment, methods)
    return _report(
        experiment,
        name,
        inputs={**inputs, **further, "published": PUBLISHED / f"{name}.csv"},
        needs=tuple(inputs),
    )


def verdicts_report(experiment: Experiment) -> Report:
    """The report `verdicts`: cells and claims of the paper, and the pairs that it compares."""
    methods = list(
        dict.fromkeys(name for table in TABLES for name in methods_of(experiment, table))
    )
    inputs, further = _results(experiment, methods), _given(experiment, methods)
    published = {f"published {name}": PUBLISHED / f"{name}.csv" for name in (*TABLES, "claims")}
    return _report(
        experiment, "verdicts", inputs={**inputs, **further, **published}, needs=tuple(inputs)
    )


def _results(experiment: Experiment, methods: list[str]) -> dict[str, Path]:
    """Data and result records of these methods, by artifact."""
    places = Places.of(experiment)
    return {f"data {places.dataset}": places.manifest, **results_of(experiment, methods)}


def _given(experiment: Experiment, methods: list[str]) -> dict[str, Path]:
    return {f"given {method}": path for method, path in given(experiment, methods).items()}


def networks_report(experiment: Experiment) -> Report:
    """The report `networks`: sizes and selection weights of what was trained by gradients."""
    places = Places.of(experiment)
    inputs = {f"data {places.dataset}": places.manifest}
    for method, repetition in experiment.runs_of([*experiment.methods, *experiment.ablations]):
        if experiment.recipe_of(method) is not None:
            record = places.run(method, repetition) / RECORD
            inputs[f"train {method}-seed{repetition}"] = record
    return _report(experiment, NETWORKS, inputs=inputs, needs=tuple(inputs))


def latex_report(experiment: Experiment) -> Report:
    """The report `latex`: numbers of the tables as commands, and the publications of methods."""
    places = Places.of(experiment)
    inputs = {name: places.reports / f"{name}.record.json" for name in TABLES}
    return _report(experiment, LATEX, inputs=inputs, needs=TABLES)


def plot_report(experiment: Experiment) -> Report:
    """The report `plot`."""
    table = Places.of(experiment).reports / "table1.csv"
    return _report(experiment, "plot", inputs={"table1": table}, needs=("table1",))


def qualitative_report(experiment: Experiment) -> Report:
    """The report `qualitative`: what networks make of the scenes of Figures 4 and 5."""
    results = qualitative_results(experiment)
    inputs = {name: path for result in results for name, path in result.inputs.items()}
    data = {f"data {experiment.dataset.name}": Places.of(experiment).manifest}
    return _report(experiment, QUALITATIVE, inputs=data | inputs, needs=(*data, *inputs))


def figures_report(experiment: Experiment) -> Report:
    """The report `figures`: Figures 4 and 5, drawn from the files of `qualitative`."""
    made = Places.of(experiment).reports / f"{QUALITATIVE}.record.json"
    return _report(experiment, "figures", inputs={QUALITATIVE: made}, needs=(QUALITATIVE,))


def track_report(experiment: Experiment) -> Report:
    """The report `track`: the summary of the last import into MLflow."""
    places, inputs = Places.of(experiment), dict[str, Path]()
    methods = [*experiment.methods, *experiment.ablations]
    for method, repetition in experiment.runs_of(methods):
        if experiment.entry(method).recipe is not None:
            name = f"train {method}-seed{repetition}"
            inputs[name] = places.run(method, repetition) / RECORD
    inputs |= results_of(experiment, methods)
    inputs |= {name: places.reports / f"{name}.record.json" for name in TRACKED}
    return _report(experiment, "track", inputs=inputs, needs=tuple(inputs))


def ablation_report(experiment: Experiment) -> Report:
    """The report `ablation` of an experiment with a study: its tables, plots, record and page."""
    places, inputs = Places.of(experiment), dict[str, Path]()
    methods = [*experiment.methods_run(), *experiment.ablations]
    inputs[f"data {places.dataset}"] = places.manifest
    curves = dict[str, Path]()
    for method, repetition in experiment.runs_of(methods):
        name = f"{method}-seed{repetition}"
        if experiment.recipe_of(method) is not None:
            inputs[f"train {name}"] = places.run(method, repetition) / RECORD
            curves[f"curve {name}"] = places.run(method, repetition) / CURVE
        inputs[f"evaluate {name}"] = places.record(method, repetition)
    inputs["networks"] = places.reports / "networks.csv"
    published = {f"published {name}": PUBLISHED / f"{name}.csv" for name in (*TABLES, "claims")}
    further = {
        "selection weights": places.reports / "selection_weights.csv",
        "counted": COUNTED,
        **curves,
        **published,
    }
    return _report(
        experiment,
        ABLATION,
        inputs={**inputs, **further},
        needs=tuple(inputs),
    )


def html_report(experiment: Experiment) -> Report:
    """The report `html`: the page, made of other reports, results, sizes and trainings."""
    places, inputs, curves = Places.of(experiment), dict[str, Path](), dict[str, Path]()
    methods = [*experiment.methods, *experiment.ablations]
    made = [*TABLES, LATEX, "verdicts", QUALITATIVE, "figures"]
    made += [ABLATION] if experiment.study is not None else []
    inputs |= {name: places.reports / f"{name}.record.json" for name in made}
    inputs |= results_of(experiment, methods)
    for method, repetition in experiment.runs_of(methods):
        if experiment.entry(method).recipe is not None:
            name = f"{method}-seed{repetition}"
            inputs[f"train {name}"] = places.run(method, repetition) / RECORD
            curves[f"curve {name}"] = places.run(method, repetition) / CURVE
    files = ("table1", "table2", "claims", "literature")
    published = {f"published {name}": PUBLISHED / f"{name}.csv" for name in files}
    # The audit on the page needs it; a project elsewhere may lack it.
    counts = {"counted": COUNTED} if COUNTED.exists() else {}
    further = {**_given(experiment, methods), **curves, **published, **counts}
    return _report(experiment, HTML, inputs={**inputs, **further}, needs=tuple(inputs))


def _report(
    experiment: Experiment, name: str, *, inputs: Mapping[str, Path], needs: tuple[str, ...]
) -> Report:
    folder = Places.of(experiment).reports
    return Report(
        name=name,
        record=folder / f"{name}.record.json",
        files=tuple(folder / file for file in FILES[name]),
        copies=tuple(REPORTS / file for file in FILES[name] if name in _COPIED),
        inputs=inputs,
        needs=needs,
    )


def record_report(experiment: Experiment, report: Report) -> None:
    """Write the record of a report when its files are complete.

    Raises:
        DataError: a file cannot be read, or the record cannot be written.
    """
    write_step(
        report.record,
        report.name,
        experiment=experiment,
        keys=_keys(experiment, report),
        inputs={name: path for name, path in report.inputs.items() if path.exists()},
        outputs=report.files,
    )


def _keys(experiment: Experiment, report: Report) -> Keys:
    return _KEYS.get(report.name, report_keys)(experiment)


def finish_report(experiment: Experiment, report: Report) -> list[Path]:
    """Copy the files of a report to `reports/` and write its record; returns files and copies.

    Raises:
        DataError: as for `record_report`.
    """
    for copy in report.copies:
        write_copy(report.record.with_name(copy.name), copy)
    record_report(experiment, report)
    return [*report.files, *report.copies]


def judge_report(experiment: Experiment, report: Report) -> Standing:
    """How a report stands: by its inputs, its keys, and its copies in `reports/`."""
    standing = judge_step(
        report.record,
        keys=_keys(experiment, report),
        inputs=report.inputs,
        outputs=report.files,
        needs_inputs=True,
    )
    if not standing.usable:
        return standing
    for copy in report.copies:
        file = report.record.with_name(copy.name)
        if not copy.exists():
            return Standing("missing", copy)
        if copy.read_bytes() != content_of_copy(file):
            return Standing("foreign", copy, f"is not a copy of {file}")
    return standing
