"""The figures on the page about clusters are those of `dmtbench plan`."""

from __future__ import annotations

import pytest
from support import cluster_page


@pytest.mark.slow
def test_the_figures_are_those_of_the_plan() -> None:
    renew = "PYTHONPATH=.:tests python -m support.cluster_page"
    assert cluster_page.printed() == cluster_page.table(), renew
