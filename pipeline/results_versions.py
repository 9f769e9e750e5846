"""Versions of the harness code that makes numbers, for rerun keys and provenance.

The hash of a method's code does not cover the harness. Instead, each package that makes numbers
has a `RESULTS_VERSION`, which is raised by hand when its results change. A test compares the
package's results with golden results of that version.
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
    """The `RESULTS_VERSION` of these packages, by name; of all packages without an argument."""
    return {name: _VERSIONS[name] for name in packages or _VERSIONS}
