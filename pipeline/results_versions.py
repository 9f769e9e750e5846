"""Versions of the harness code that makes numbers, for rerun keys and provenance.

The hash of a method's code does not follow the harness. Instead, each package that makes numbers
has a `RESULTS_VERSION`, raised by hand when its results change; a test holds golden outputs
against it.
"""

from __future__ import annotations

from pipeline import evaluation, training
from pipeline.data import sampling, store, synthetic

_VERSIONS = {
    package.__name__: package.RESULTS_VERSION
    for package in (synthetic, store, sampling, training, evaluation)
}

MAKERS_OF_WEIGHTS = ("pipeline.data.store", "pipeline.data.sampling", "pipeline.training")
"""Packages that the weights of a training depend on."""


def results_versions(*packages: str) -> dict[str, int]:
    """The `RESULTS_VERSION` of these packages, by name; of all without an argument."""
    return {name: _VERSIONS[name] for name in packages or _VERSIONS}
