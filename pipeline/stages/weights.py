"""Weights stage: check whether published weights fit a method, and pin those that are trusted."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import ConfigError, WeightsError
from pipeline.files import sha256_of
from pipeline.methods import Method
from pipeline.pins import PinnedWeights, pin_weights
from pipeline.weights.reader import read_weights


def check_weights(method: Method, path: Path, key: str | None = None) -> tuple[int, str]:
    """Load published weights into a method's network.

    Args:
        method: the method.
        path: the file of weights.
        key: which of several state dicts in it.

    Returns:
        Number of the network's parameters, and the file's SHA-256.

    Raises:
        WeightsError: the file cannot be read, or belongs to another network.
        ConfigError: the method cannot be built.
    """
    state = read_weights(path, key)
    try:
        network = method.load_official(state)
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error
    return sum(parameter.numel() for parameter in network.parameters()), sha256_of(path)


def trust_weights(method: Method, path: Path, source: str, pins: Path) -> PinnedWeights:
    """Pin a file of published weights that fits a method.

    Args:
        method: the weights are those of this method.
        path: the file.
        source: where it came from, for readers of the pins file; one line.
        pins: the pins file.

    Returns:
        What is pinned now; the first entry if the file was pinned before.

    Raises:
        WeightsError: the file cannot be read, or belongs to another network.
        ConfigError: the method cannot be built, `source` is empty or has several lines, or the
            pins file is malformed.
        DataError: the pins file cannot be written.
    """
    source = source.strip()
    if not source or not source.isprintable():
        raise ConfigError("--source: say in one line where the file came from")
    _, sha256 = check_weights(method, path)
    today = datetime.now(UTC).date()
    return pin_weights(pins, method.name, PinnedWeights(sha256=sha256, source=source, added=today))
