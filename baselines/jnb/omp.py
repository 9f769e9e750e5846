"""Orthogonal matching pursuit for many patches at once.

Known: the coder selects the atom with the largest absolute correlation with the residual, refits
all selected atoms by least squares, and stops at an error or a number of atoms. Reconstruction: the
refit by orthogonalization. Atoms learned from blurred patches are so similar that their Gram matrix
has eigenvalues below 1e-17 of the largest, too small for a factorization.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# A block of this size stays in the CPU's cache.
_BLOCK = 256
# Blocks are compacted when fewer than this share of their patches are still being coded.
_BUSY = 0.75
# Below this share of a patch's norm, a correlation is a rounding error.
_ROUNDING = 1e-12
_TINY = 1e-300


def count_atoms(patches: Floats, atoms: Floats, *, epsilon: float, max_atoms: int) -> Integers:
    """Number of greedily selected atoms that reduce each patch's error to `epsilon`.

    A patch stops early if no atom correlates with its residual.

    Args:
        patches: `[N, P]`.
        atoms: `[K, P]`, rows of unit norm.
        epsilon: maximum Euclidean norm of the residual; patches of at most this norm have 0 atoms.
        max_atoms: maximum number of atoms per patch.

    Returns:
        int64 `[N]`.
    """
    counts = np.zeros(len(patches), np.int64)
    energy = np.vecdot(patches, patches)
    coded = np.flatnonzero(energy > epsilon**2)
    # Patches of similar energy finish at about the same time.
    coded = coded[np.argsort(energy[coded], kind="stable")]
    # The products are too small for threads: with two, coding is ten times slower.
    with threadpool_limits(1, user_api="blas"):
        for start in range(0, len(coded), _BLOCK):
            block = coded[start : start + _BLOCK]
            counts[block] = _count_block(patches[block], atoms, epsilon, max_atoms)
    return counts


def sparse_codes(patches: Floats, atoms: Floats, num_atoms: int) -> Floats:
    """Codes of exactly `num_atoms` greedily selected atoms.

    Args:
        patches: `[N, P]`.
        atoms: `[K, P]`, rows of unit norm.
        num_atoms: nonzero coefficients per patch, at most `K`.

    Returns:
        `[N, K]`: `codes @ atoms` approximates `patches`.
    """
    every = np.arange(len(patches))[:, None]
    chosen = np.empty((len(patches), 0), np.int64)
    residual, taken = patches, np.zeros((len(patches), len(atoms)), bool)
    for _ in range(num_atoms):
        strength = np.where(taken, -1.0, np.abs(residual @ atoms.T))
        chosen = np.concatenate((chosen, strength.argmax(1)[:, None]), axis=1)
        taken[every, chosen] = True
        basis, triangle = np.linalg.qr(atoms[chosen].transpose(0, 2, 1))
        projection = np.vecmat(patches, basis)
        residual = patches - np.matvec(basis, projection)
    codes = np.zeros((len(patches), len(atoms)))
    codes[every, chosen] = np.linalg.solve(triangle, projection[..., None])[..., 0]
    return codes


def _count_block(patches: Floats, atoms: Floats, epsilon: float, max_atoms: int) -> Integers:
    counts = np.zeros(len(patches), np.int64)
    place, residual = np.arange(len(patches)), patches.copy()
    basis = np.empty((len(patches), max_atoms, patches.shape[1]))
    floor = _ROUNDING * np.sqrt(np.vecdot(patches, patches))
    busy = np.ones(len(patches), bool)
    for taken in range(max_atoms):
        correlation = np.abs(residual @ atoms.T)
        best = correlation.argmax(1)
        busy &= correlation[np.arange(len(best)), best] > floor
        if not busy.any():
            break
        _append(basis, taken, atoms[best])
        direction = basis[:, taken]
        residual -= direction * np.vecdot(residual, direction)[:, None]
        counts[place[busy]] += 1
        busy &= np.vecdot(residual, residual) > epsilon**2
        if np.count_nonzero(busy) < _BUSY * len(busy):
            place, residual, floor = place[busy], residual[busy], floor[busy]
            basis = _packed(basis, busy, taken + 1)
            busy = busy[busy]
    return counts


def _append(basis: Floats, taken: int, atoms: Floats) -> None:
    """Append to `basis` the part of `atoms` orthogonal to its first `taken` vectors, normalized."""
    before = basis[:, :taken]
    direction = atoms - np.vecmat(np.matvec(before, atoms), before)
    norm = np.sqrt(np.vecdot(direction, direction))
    basis[:, taken] = direction / np.maximum(norm, _TINY)[:, None]


def _packed(basis: Floats, kept: NDArray[np.bool_], taken: int) -> Floats:
    packed = np.empty((np.count_nonzero(kept), *basis.shape[1:]))
    packed[:, :taken] = basis[kept, :taken]
    return packed
