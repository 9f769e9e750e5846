"""Names in an experiment file: each must be defined in it or in a shared file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from pipeline.config.given_weights import check_published
from pipeline.config.methods import NOT_TRAINED
from pipeline.config.study import FEWEST_SEEDS
from pipeline.errors import first_problem

if TYPE_CHECKING:
    from pipeline.config.experiment import Experiment


def check_names(experiment: Experiment) -> None:
    """Refuse an experiment that names a method, recipe, module or set that it doesn't define.

    Raises:
        ValueError: a name is unknown, a budget does not fit its recipe, or a companion set or
            seeds for a study are missing; the network of Figure 5 is not run.
    """
    _check_methods(experiment)
    _check_recipes(experiment)
    _check_sizes(experiment)
    _check_study(experiment)
    network = experiment.qualitative.network
    if network is not None and not _is_run(experiment, network):
        raise ValueError(f"qualitative: network names {network!r}, which is not run")


def _is_run(experiment: Experiment, name: str) -> bool:
    return name in {*experiment.methods, *experiment.ablations} and experiment.runs(name)


def _check_methods(experiment: Experiment) -> None:
    for name, ablation in experiment.ablations.items():
        if ablation.base not in experiment.methods:
            raise ValueError(f"ablation {name!r} is based on unknown method {ablation.base!r}")
    both = {*experiment.methods, *experiment.ablations}
    for block, names in (("only", both), ("not_run", {*experiment.methods}), ("weights", both)):
        for name in getattr(experiment, block) or ():
            if name not in names:
                raise ValueError(f"{block} names unknown method {name!r}")
    if experiment.first is not None and experiment.first not in both:
        raise ValueError(f"first names unknown method {experiment.first!r}")
    check_published(experiment.weights)


def _check_recipes(experiment: Experiment) -> None:
    known = {*experiment.recipes, *NOT_TRAINED}
    for name, method in experiment.methods.items():
        if method.recipe not in known:
            raise ValueError(f"method {name!r} uses unknown recipe {method.recipe!r}")
    trained = [name for name in experiment.methods_run() if name not in experiment.weights]
    for name in trained:
        if experiment.companion is None and experiment.needs_companion(name):
            raise ValueError(f"method {name!r} is trained on a companion set; add `companion:`")


def _check_sizes(experiment: Experiment) -> None:
    for name in experiment.budgets:
        if name not in {*experiment.methods, *experiment.ablations}:
            raise ValueError(f"budgets names unknown method {name!r}")
        try:
            experiment.recipe_of(name)
        except ValidationError as error:
            raise ValueError(f"budgets: {name}: {first_problem(error)}") from error
    modules = {method.module for method in experiment.methods.values()}
    for module in experiment.trained_size:
        if module not in modules:
            raise ValueError(f"trained_size names {module!r}, the module of no method")


def _check_study(experiment: Experiment) -> None:
    if experiment.study is None:
        return
    if experiment.repetitions < FEWEST_SEEDS:
        raise ValueError(f"a study needs repetitions: {FEWEST_SEEDS} or more")
    seen = set[frozenset[str]]()
    for compared in experiment.study.comparisons:
        pair = frozenset({compared.one, compared.other})
        for name in (compared.one, compared.other):
            if not _is_run(experiment, name):
                raise ValueError(f"study: comparisons names {name!r}, which is not run")
        if len(pair) < 2 or pair in seen:
            raise ValueError(
                f"study: comparisons has {compared.one!r} and {compared.other!r} twice; remove one"
            )
        seen.add(pair)
