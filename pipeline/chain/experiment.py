"""All artifacts of an experiment, from data to reports, and how each of them stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from pipeline.artifacts import CURVE, PER_IMAGE_FILE, RECORD, WEIGHTS
from pipeline.chain.complexity import judge_complexity
from pipeline.chain.reports import judge_report, reports
from pipeline.chain.results import judge_result, judge_run
from pipeline.chain.standing import Standing
from pipeline.chain.steps import judge_step
from pipeline.config.experiment import Experiment
from pipeline.data.store.reader import INDEX
from pipeline.keys import Keys, data_keys, patches_keys, store_keys
from pipeline.places import Places, record_of
from pipeline.run import Run

COMPLEXITY_OF = "complexity "
"""Before the method, in the name of the artifact."""
ALL_DATA, ALL_RESULTS = "all_data", "all_results"
"""Targets that stand for parts of the workflow: the stages of `dvc.yaml` before the reports."""


@dataclass(frozen=True)
class Artifact:
    """What one job of the workflow makes.

    `name`: unique, such as `train dmtnet-b-seed0`. `outputs`: its files. `needs`: names of the
    artifacts that it is made from. `data`: whether it is a part of a data set, which comes out the
    same if it is only missing or broken. `row`: whether a table leaves it out if it is missing.
    `kept`: made again if it is missing, even if nothing needs it; a store or patch index may be
    deleted when the trainings are finished.
    """

    name: str
    outputs: tuple[Path, ...]
    needs: tuple[str, ...]
    judge: Callable[[], Standing]
    data: bool = False
    row: bool = False
    kept: bool = True


class Chain:
    """The artifacts of an experiment in the current folder.

    Content decides, not times: a copy of a finished project is finished.

    Args:
        experiment: what is requested.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.experiment, self.places = experiment, Places.of(experiment)
        self._judged: dict[str, Standing] = {}

    @cached_property
    def artifacts(self) -> Mapping[str, Artifact]:
        """All artifacts by name; each comes after those that it needs."""
        found = [*self._of_sets(), *self._of_runs(), *self._of_reports()]
        return {artifact.name: artifact for artifact in found}

    @cached_property
    def parts(self) -> Mapping[str, tuple[str, ...]]:
        """Names of the artifacts that a target stands for; they bring what they are made from."""
        made = self.artifacts.values()
        return {
            ALL_DATA: tuple(artifact.name for artifact in made if artifact.data),
            ALL_RESULTS: tuple(artifact.name for artifact in made if artifact.row),
        }

    def standing(self, name: str) -> Standing:
        """How the artifact of this name stands by itself; judged once."""
        if name not in self._judged:
            self._judged[name] = self.artifacts[name].judge()
        return self._judged[name]

    def require(self, name: str) -> None:
        """Refuse an artifact unless it and all that it follows may be shown.

        A result or size that has not been made is not in a table, and not required.

        Raises:
            RecordError: one is foreign, broken or missing; the message names the file and the
                remedy.
        """
        for need in (self.artifacts[need] for need in self.artifacts[name].needs):
            left_out = need.row and not any(path.exists() for path in need.outputs)
            if need.kept and not left_out:
                self.require(need.name)
        self.standing(name).require()

    def to_make(self, targets: Iterable[str] = ()) -> dict[str, str]:
        """Artifacts that must be made (again) for these targets, each with the reason.

        Args:
            targets: files, `parts`, or names of rules without wildcards; everything if empty.
        """
        needed, reasons = self._needed(list(targets)), dict[str, str]()
        changed: set[str] = set()
        for name, artifact in self.artifacts.items():
            if name not in needed:
                continue
            standing = self.standing(name)
            if standing.state == "missing":
                if artifact.kept:
                    reasons[name] = f"missing: {standing}"
            elif standing.state != "fresh":
                reasons[name] = f"{standing.reason}: {standing.path}"
            elif again := self._changed(artifact, changed):
                reasons[name] = f"{again} is made again"
            if name in reasons and not (artifact.data and standing.state in ("broken", "missing")):
                changed.add(name)
        return reasons

    def _changed(self, artifact: Artifact, changed: set[str]) -> str | None:
        """The first of these artifacts that this one follows."""
        for need in artifact.needs:
            # Weights don't follow a store or patch index: those come from the manifest as well.
            if need in changed and (self.artifacts[need].kept or not artifact.kept):
                return need
        return None

    def _needed(self, targets: list[str]) -> set[str]:
        owners = {str(path): a.name for a in self.artifacts.values() for path in a.outputs}
        names = [name for t in targets for name in self.parts.get(t, (owners.get(t, t),))]
        if not targets or not {*names} <= {*self.artifacts}:
            # A rule such as `all`, or a file that is not known here.
            return {*self.artifacts}
        needed, todo = set[str](), names
        while todo:
            name = todo.pop()
            if name not in needed:
                needed.add(name)
                todo.extend(self.artifacts[name].needs)
        return needed

    def _of_sets(self) -> Iterator[Artifact]:
        experiment = self.experiment
        for part, block in experiment.sets().items():
            manifest = Places.manifest_of(block.name)
            index = Places.store_of(block.name) / INDEX
            made = _step(f"data {block.name}", manifest, data_keys(experiment, part))
            if block.kind == "canon":
                made = replace(made, judge=partial(_pinned, made.judge, experiment, manifest))
            yield made
            if not experiment.trains:
                continue
            yield _step(
                f"store {block.name}",
                index,
                store_keys(),
                record=record_of(index.parent),
                inputs={"manifest": manifest},
                needs=(f"data {block.name}",),
                kept=False,
            )
        if not experiment.trains:
            return
        name = experiment.dataset.name
        yield _step(
            "patches",
            self.places.patches,
            patches_keys(experiment),
            inputs={"store": Places.store_of(name) / INDEX},
            needs=(f"store {name}",),
            kept=False,
        )

    def _of_runs(self) -> Iterator[Artifact]:
        experiment = self.experiment
        methods = [*experiment.methods, *experiment.ablations]
        for method, repetition in experiment.runs_of(methods):
            run, name = Run.of(experiment, method, repetition), f"{method}-seed{repetition}"
            needs = [f"data {experiment.dataset.name}"]
            if run.method.trainable:
                training = (f"train {name}", self._sets_of(run))
                yield Artifact(
                    training[0],
                    tuple(
                        self.places.run(method, repetition) / file
                        for file in (WEIGHTS, CURVE, RECORD)
                    ),
                    training[1],
                    partial(judge_run, run, self.places),
                )
                needs.append(training[0])
            yield Artifact(
                f"evaluate {name}",
                (self.places.per_image(method, repetition), self.places.record(method, repetition)),
                tuple(needs),
                partial(judge_result, run, self.places),
                row=True,
            )
        for method in experiment.given_of(methods):
            folder = self.places.given(method)
            yield Artifact(
                f"evaluate {method}-given",
                (folder / PER_IMAGE_FILE, folder / RECORD),
                (f"data {experiment.dataset.name}",),
                partial(judge_result, Run.of(experiment, method), self.places, given=True),
                row=True,
            )

    def _sets_of(self, run: Run) -> tuple[str, ...]:
        """Names of the artifacts of data that a training reads."""
        sets = [self.experiment.dataset.name]
        if run.needs_companion and self.experiment.companion is not None:
            sets.append(self.experiment.companion.name)
        return (*(f"{what} {name}" for name in sets for what in ("data", "store")), "patches")

    def _of_reports(self) -> Iterator[Artifact]:
        experiment = self.experiment
        made = reports(experiment).values()
        needs = dict.fromkeys(need for report in made for need in report.needs)
        for method in (
            need.removeprefix(COMPLEXITY_OF) for need in needs if need.startswith(COMPLEXITY_OF)
        ):
            yield Artifact(
                COMPLEXITY_OF + method,
                (Places.complexity(method),),
                (),
                partial(judge_complexity, experiment, method),
                row=True,
            )
        for report in made:
            yield Artifact(
                report.name,
                (*report.files, report.record, *report.copies),
                report.needs,
                partial(judge_report, experiment, report),
            )


def _step(
    name: str,
    output: Path,
    keys: Keys,
    *,
    record: Path | None = None,
    inputs: Mapping[str, Path] | None = None,
    needs: tuple[str, ...] = (),
    kept: bool = True,
) -> Artifact:
    """An artifact with a step record."""
    path = record or record_of(output)
    judge = partial(judge_step, path, keys=keys, inputs=inputs or {}, outputs=[output])
    return Artifact(name, (output, path), needs, judge, data=True, kept=kept)


def _pinned(judge: Callable[[], Standing], experiment: Experiment, manifest: Path) -> Standing:
    """How a manifest stands that may have been made and pinned for another experiment."""
    standing = judge()
    if standing.usable and not experiment.pins.has_manifest(experiment.dataset.name):
        return Standing("missing", manifest, "is not pinned for this experiment yet")
    return standing
