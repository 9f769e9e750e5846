"""Synthetic dual-pixel data: scenes, camera, the sets made of them, and a stand-in for Canon."""

RESULTS_VERSION = 1
"""Raise it when numbers that this package makes change: they are made again."""
