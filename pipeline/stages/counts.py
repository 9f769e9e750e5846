"""Counts stage: sizes and costs of all networks in one small table, which the repository keeps.

`dmtbench audit` reads it, so that it needs neither torch nor the minutes that counting takes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from pipeline.audit.counted import COLUMNS
from pipeline.config.experiment import Experiment
from pipeline.errors import ConfigError
from pipeline.evaluation.window_attention import count_window_attention
from pipeline.files import write_text
from pipeline.methods import get_method
from pipeline.reporting.complexity import Comparison

_CONFIGURED = "as configured"


def write_counts(experiment: Experiment, comparisons: Iterable[Comparison], path: Path) -> None:
    """Write the counts of `comparisons` to a CSV file, one row per network.

    A network that stands for a row of Table 1 has that row's name; a variant or a surrogate is
    called `row:variant`. The attention of networks with transformer blocks is counted here, for
    one block, at the size of the other counts.

    Raises:
        ConfigError: a method cannot be built.
        DataError: the folder is read-only or full.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_row(experiment, one) for one in comparisons if one.record is not None)
    write_text(path, text.getvalue())


def _row(experiment: Experiment, one: Comparison) -> list[object]:
    record = one.record
    assert record is not None
    name = one.method
    if one.network != _CONFIGURED:
        name = f"{name}:{one.network.removeprefix('variant ')}"
    row = [name, *record.size, record.params, round(record.flops_paper), record.flops_fvcore]
    return [*row, *_attention(experiment, one)]


def _attention(experiment: Experiment, one: Comparison) -> list[object]:
    """MACs of a block's attention, tokens, padded tokens, channels and window; or nothing."""
    record = one.record
    assert record is not None
    if one.network != _CONFIGURED:
        return [""] * 5
    # An experiment may omit methods that are counted all the same.
    known = experiment if record.method in experiment.methods else None
    method = get_method(record.method, known)
    network = method.build_counted().to("meta")
    try:
        count = count_window_attention(network, 3 * len(method.views), *record.size)
    except ValueError as error:
        raise ConfigError(f"method {method.name!r}: {error}; leave out --csv") from error
    if count is None:
        return [""] * 5
    return [count.macs, count.tokens, count.padded_tokens, count.channels, count.window]
