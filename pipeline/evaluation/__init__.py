"""Evaluation: metrics, whole-image inference and model complexity."""

RESULTS_VERSION = 1
"""Raise it when numbers that this package makes change: they are made again."""
