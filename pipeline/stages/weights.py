"""Weights stage: check whether published weights fit a method."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import WeightsError
from pipeline.files import sha256_of
from pipeline.methods import Method
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
