"""Training: loss, schedule, checkpoints and the loop."""

RESULTS_VERSION = 1
"""Raise it when numbers that this package makes change: they are made again."""
