"""Complexity stage: parameters and FLOPs of the full models, optionally next to the paper's."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.config.experiment import Experiment, load_methods
from pipeline.config.methods import MethodEntry
from pipeline.evaluation.complexity import count_complexity
from pipeline.methods import Method, get_method
from pipeline.records import ComplexityRecord
from pipeline.reporting.complexity import NO_NETWORK, QUANTITIES, Comparison, published_numbers
from pipeline.reporting.published import read_complexity_notes, read_published_table1

_FIELDS = {"method", "params", "flops_fvcore", "flops_paper", "uncounted"}


def count_methods(
    experiment: Experiment, names: Iterable[str], size: tuple[int, int], cache: Path | None
) -> Iterator[ComplexityRecord]:
    """Count each method in turn at `size` (height, width in pixels).

    Raises:
        ConfigError: a method is unknown; raised before anything is counted.
        DataError: the cache folder cannot be written.
    """
    for method in [get_method(name, experiment) for name in names]:
        yield count_complexity(method, size, cache)


def complexity_line(record: ComplexityRecord, *, as_json: bool) -> str:
    """A record on one line: a JSON object, or text (parameters in 10^6, FLOPs in 10^9)."""
    if as_json:
        return json.dumps(record.model_dump(include=_FIELDS))
    return (
        f"{record.method:24s} {record.params / 1e6:7.2f} M params   "
        f"{record.flops_paper / 1e9:8.2f} G (paper's rule)   "
        f"{record.flops_fvcore / 1e9:9.3f} G multiply-accumulates (fvcore)"
    )


def compare_with_table1(
    experiment: Experiment, size: tuple[int, int], cache: Path | None, published: Path
) -> Iterator[Comparison]:
    """Count every network of the paper's Table 1, in its order, next to the published numbers.

    Methods that the experiment omits are counted, too. A row may have several networks (every
    method with its name, and the variant given in its note), or none.

    Args:
        experiment: adds its own methods to the method list.
        size: height and width in pixels.
        cache: folder of the records.
        published: folder of the paper's numbers and the notes about them.

    Raises:
        ConfigError: a method cannot be built.
        DataError: a file in `published` is invalid, or `cache` cannot be written.
    """
    table = read_published_table1(published / "table1.csv")
    notes = read_complexity_notes(published / "complexity_notes.csv").set_index("method")
    entries = {**load_methods().methods, **experiment.methods}
    for row in table.to_dict("records"):
        name = str(row["method"])
        note = notes.loc[name] if name in notes.index else {}
        numbers = published_numbers(row["params_m"], row["flops_g"])
        reasons = {quantity: str(note.get(quantity, "")) for quantity in QUANTITIES}
        networks = [
            network
            for method, entry in entries.items()
            if entry.row == name and entry.has_network
            for network in _networks(Method(method, entry), str(note.get("variant", "")))
        ]
        for label, method in networks:
            yield Comparison(name, label, count_complexity(method, size, cache), numbers, reasons)
        if not networks:
            yield Comparison(name, NO_NETWORK, None, numbers, reasons)


def _networks(method: Method, variant: str) -> list[tuple[str, Method]]:
    """A method's network, and its variant that reproduces the printed digits, if there is one."""
    networks = [("surrogate" if method.surrogate else "as configured", method)]
    if variant:
        kwargs = {**method.entry.kwargs, "variant": variant}
        entry: MethodEntry = method.entry.model_copy(update={"kwargs": kwargs})
        networks.append((f"variant {variant}", Method(f"{method.name}-{variant}", entry)))
    return networks
