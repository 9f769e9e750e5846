"""Training batches: which crops, where they lie, how they are altered, and how they are loaded."""

RESULTS_VERSION = 1
"""Raise it when numbers that this package makes change: they are made again."""
