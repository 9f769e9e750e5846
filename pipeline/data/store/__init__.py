"""The pixel store: training and validation images as memory-mapped tiles of uint16."""

RESULTS_VERSION = 1
"""Raise it when numbers that this package makes change: they are made again."""
