"""Facts about the Canon dual-pixel set (DPDD): image size, scenes of each split, categories.

A. Abuolaim, M. S. Brown, "Defocus Deblurring Using Dual-Pixel Data", ECCV 2020. The layouts of its
mirrors are in `pipeline.data.inspection.layout`, the names of its scenes in the lists that
`pipeline.data.inspection.official_split` and `scene_labels` read.
"""

from __future__ import annotations

CANON_SIZE = (1120, 1680)
"""Height and width of the images in pixels."""

FOLDER_REMEDY = "set `dataset.kind: folder` in a copy of the experiment file"
"""What to do with any other set."""

CANON_SCENES = {"train": 350, "val": 74, "test": 76}
"""Scenes of each split."""

INDOOR, OUTDOOR = 37, 39
"""Test scenes of each category."""

CANON_FOLDER = "dd_dp_dataset_canon"
"""Name of the folder that the published archive holds."""
