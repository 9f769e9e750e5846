"""Evaluation: metrics, whole-image inference and model complexity."""

RESULTS_VERSION = 2
"""Raise it when numbers that this package makes change: they are made again."""
