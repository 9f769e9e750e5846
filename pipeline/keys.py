"""What each artifact depends on beyond rounding: a part of the configuration, and code.

A record holds both. If the experiment at hand requests another configuration, the artifact is
foreign to it; if only the code differs, the artifact is stale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

from pipeline.code_hash import PYTHON, source_hash
from pipeline.config.blocks import Clips, Synthetic
from pipeline.config.experiment import CANON_FILE, Experiment, digest_of, load_experiment
from pipeline.config.tolerances import load_tolerances
from pipeline.errors import ConfigError
from pipeline.files import sha256_of
from pipeline.method_citations import known_methods, method_citations
from pipeline.results_versions import MAKERS_OF_WEIGHTS, results_versions
from pipeline.run import Run

SCORING = (
    "pipeline.data.bit_depth",
    "pipeline.data.png",
    "pipeline.evaluation.controls",
    "pipeline.evaluation.inference",
    "pipeline.evaluation.loading",
    "pipeline.evaluation.metrics",
    "pipeline.evaluation.protocol",
    "pipeline.evaluation.sanity",
    "pipeline.evaluation.scores",
    "pipeline.evaluation.suspects",
    "pipeline.evaluation.tiling",
)
"""Modules whose code is part of every score. An evaluation is cheap, so that every change of them
counts, even if results stay the same."""

NETWORKS = (
    "pipeline.evaluation.flops_fvcore",
    "pipeline.evaluation.inference",
    "pipeline.evaluation.loading",
    "pipeline.evaluation.selection_weights",
    "pipeline.planning.trained_networks",
)
"""Modules that count trained networks and read their selection weights."""

QUALITATIVE = (
    "pipeline.evaluation.boxes",
    "pipeline.evaluation.chosen_scenes",
    "pipeline.evaluation.inference",
    "pipeline.evaluation.loading",
    "pipeline.evaluation.qualitative",
    "pipeline.evaluation.scale_features",
    "pipeline.evaluation.scene_choice",
    "pipeline.evaluation.selection_weights",
    "pipeline.qualitative_files",
    "pipeline.stages.qualitative",
)
"""Modules that choose and make the images of Figures 4 and 5."""

VERDICTS = ("pipeline.verdicts", "pipeline.statistics", "pipeline.verify", "pipeline.audit")
"""Modules that decide on verdicts."""

STUDY = (*VERDICTS, "pipeline.study")
"""Modules that make a study of results."""

PAGE = ("pipeline.declared", "pipeline.html_report", "pipeline.html_report.sections")
"""Modules that make the page of an experiment."""
_PAGE, _PAGE_FILES = Path(__file__).with_name("html_report"), (".html", ".css", ".js")


@dataclass(frozen=True)
class Keys:
    """What an artifact depends on.

    `configuration`: SHA-256 of the values that were requested, such as recipe, seed and repetition.
    `code`: hash or version of each part of the code, by the name of the part.
    """

    configuration: str
    code: Mapping[str, str]

    def changed_code(self, earlier: Mapping[str, str]) -> list[str]:
        """Names of the parts of the code that differ from `earlier`, sorted."""
        names = {*self.code, *earlier}
        return sorted(name for name in names if self.code.get(name) != earlier.get(name))


def data_keys(experiment: Experiment, part: str) -> Keys:
    """Keys of images and manifest.

    Args:
        experiment: defines the set.
        part: `dataset` or `companion`.

    Raises:
        ConfigError: the experiment has no such set.
    """
    block = experiment.companion if part == "companion" else experiment.dataset
    if block is None:
        raise ConfigError("the experiment has no companion set; add `companion:` to its file")
    made = isinstance(block, Synthetic | Clips)
    requested = [block.model_dump(mode="json"), experiment.seed if made else None]
    return Keys(digest_of(requested), _versions("pipeline.data.synthetic"))


def store_keys() -> Keys:
    """Keys of a pixel store; its manifest is one of its inputs."""
    return Keys(digest_of([]), _versions("pipeline.data.store"))


def patches_keys(experiment: Experiment) -> Keys:
    """Keys of a patch index."""
    return Keys(experiment.digest("patches"), _versions("pipeline.data.sampling"))


def train_keys(run: Run) -> Keys:
    """Keys of a training, apart from its data."""
    experiment, recipe = run.experiment, run.recipe
    requested = {
        "method": _requested(run),
        "patches": experiment.patches.model_dump(mode="json") if recipe else None,
        "recipe": recipe.key(strict=experiment.compute.strict) if recipe else None,
        "companion": experiment.digest("companion") if run.needs_companion else None,
    }
    return Keys(digest_of(requested), _method_code(run) | _versions(*MAKERS_OF_WEIGHTS))


def evaluate_keys(run: Run, *, tiling: object = None, given: object = None) -> Keys:
    """Keys of an evaluation, apart from weights and data.

    Args:
        run: what is evaluated.
        tiling: tiles of the images, as JSON-like data; `None` for whole images.
        given: `given_key` of a file of weights that takes the place of a run.

    Raises:
        ConfigError: a module does not exist or is not valid Python.
    """
    experiment, entry = run.experiment, run.method.entry
    method = _requested(run)
    if given is not None:
        # Published weights belong to the full network.
        method["kwargs"] = entry.kwargs
    requested = {
        "method": method,
        "blocks": experiment.digest("protocol", "metrics", "sample_images"),
        # Tables find a record by its row.
        "row": [entry.row, entry.kind],
        "tiling": tiling,
        "given_weights": False if given is None else given,
    }
    code = _method_code(run) | _versions("pipeline.evaluation")
    code |= {f"metric {n}": source_hash(m.module) for n, m in experiment.metrics.items()}
    code["scoring"] = digest_of([source_hash(module) for module in SCORING])
    return Keys(digest_of(requested), code)


def sensitivity_keys(run: Run, *, given: object = None) -> Keys:
    """Keys of a sensitivity table, apart from the result that it belongs to.

    Args:
        run: what is scored.
        given: `given_key` of the weights, if they come from a file instead of a run.

    Raises:
        ConfigError: a module does not exist or is not valid Python.
    """
    keys = evaluate_keys(run, given=given)
    own = {"sensitivity": source_hash("pipeline.evaluation.sensitivity")}
    return Keys(keys.configuration, {**keys.code, **own})


def given_key(sha256: str | None, key: str | None) -> object:
    """What an evaluation depends on of a file of weights, as JSON-like data.

    Args:
        sha256: of the file. Its path is no part: a file may be moved.
        key: which of several state dicts in it.
    """
    return {"sha256": sha256, "key": key}


def report_keys(experiment: Experiment) -> Keys:
    """Keys of tables, verdicts and plots; the records are their inputs.

    Raises:
        ConfigError: the tolerances cannot be used.
    """
    blocks = ("name", "methods", "ablations", "metrics", "not_run", "weights", "repetitions")
    tolerances = load_tolerances().model_dump(mode="json")
    code = {"reporting": source_hash("pipeline.reporting"), "python": PYTHON}
    code["verdicts"] = digest_of([source_hash(module) for module in VERDICTS])
    return Keys(digest_of([experiment.digest(*blocks), tolerances]), code)


def latex_keys(experiment: Experiment) -> Keys:
    """Keys of the files for manuscripts; the tables are their inputs.

    Raises:
        ConfigError: the tolerances cannot be used.
    """
    keys = report_keys(experiment)
    cited = [astuple(one) for one in method_citations(experiment)]
    rows = {name: entry.row for name, entry in known_methods(experiment).items()}
    return Keys(keys.configuration, {**keys.code, "declarations": digest_of([rows, cited])})


def networks_keys(experiment: Experiment) -> Keys:
    """Keys of sizes and selection weights of trained networks; the trainings are their inputs.

    Raises:
        ConfigError: a module is not valid Python.
    """
    blocks = ("name", "methods", "ablations", "protocol", "patches")
    code = {"networks": digest_of([source_hash(module) for module in NETWORKS]), "python": PYTHON}
    return Keys(experiment.digest(*blocks), code)


def qualitative_keys(experiment: Experiment) -> Keys:
    """Keys of the images of Figures 4 and 5; results and trainings are their inputs.

    Raises:
        ConfigError: a module is not valid Python.
    """
    blocks = ("name", "methods", "ablations", "protocol")
    asked = [experiment.digest(*blocks), experiment.qualitative.model_dump(mode="json")]
    made_by = digest_of([source_hash(module) for module in QUALITATIVE])
    code = {"qualitative": made_by, "python": PYTHON}
    return Keys(digest_of(asked), code)


def study_keys(experiment: Experiment) -> Keys:
    """Keys of a study, whose record holds the whole experiment; the records are its inputs.

    The paper's experiment is a part of them: its trainings are compared by their compute.

    Raises:
        ConfigError: a source is not valid Python.
    """
    asked = None if experiment.study is None else experiment.study.model_dump(mode="json")
    code = {"reporting": source_hash("pipeline.reporting"), "python": PYTHON}
    code["study"] = digest_of([source_hash(module) for module in STUDY])
    paper = load_experiment(CANON_FILE).digest()
    return Keys(digest_of([experiment.digest(), asked, paper]), code)


def html_keys(experiment: Experiment) -> Keys:
    """Keys of the page of an experiment; records and other reports are its inputs.

    The paper's experiment is a part of them: the page lists the settings that differ from it.

    Raises:
        ConfigError: a source is not valid Python.
    """
    asked = None if experiment.study is None else experiment.study.model_dump(mode="json")
    paper = load_experiment(CANON_FILE).digest()
    code = {"reporting": source_hash("pipeline.reporting"), "python": PYTHON}
    code["verdicts"] = digest_of([source_hash(module) for module in VERDICTS])
    files = sorted(path for path in _PAGE.rglob("*") if path.suffix in _PAGE_FILES)
    code["page"] = digest_of(
        [source_hash(module) for module in PAGE] + [sha256_of(path) for path in files]
    )
    return Keys(digest_of([experiment.digest(), asked, paper]), code)


def _requested(run: Run) -> dict[str, object]:
    experiment = run.experiment
    return {
        "name": run.method.name,
        "module": run.method.entry.module,
        "kwargs": run.kwargs,
        "seed": experiment.seed,
        "repetition": run.repetition,
        "compute": experiment.compute.key(),
    }


def _method_code(run: Run) -> dict[str, str]:
    return {"method": run.method.code_hash(), "python": PYTHON}


def _versions(*packages: str) -> dict[str, str]:
    return {name: str(version) for name, version in results_versions(*packages).items()}
