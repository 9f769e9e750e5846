"""Training: loss, schedule, checkpoints and the loop."""

RESULTS_VERSION = 2
"""Raise it when numbers that this package makes change: they are made again."""
