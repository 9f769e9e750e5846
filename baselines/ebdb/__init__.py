"""EBDB: edge-based defocus blur with adaptive scale selection (Karaali and Jung, TIP 2018).

A defocus map from one picture, without training; stage one of a two-stage method. Written from a
description of the authors' program. The edge detector is scikit-image's: the authors' one moves
edges by half a pixel, so their published maps can be approached but not repeated.
"""

from baselines.ebdb.estimation import CITATION, LICENCE, SparseBlur, ebdb_map, sparse_blur

__all__ = ["CITATION", "LICENCE", "SparseBlur", "ebdb_map", "sparse_blur"]
