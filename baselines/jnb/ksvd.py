"""K-SVD: learns a dictionary whose atoms code blurred patches sparsely.

M. Aharon, M. Elad and A. Bruckstein, 'K-SVD: An Algorithm for Designing Overcomplete Dictionaries
for Sparse Representation', IEEE TSP 54(11), 2006. Known about JNB's dictionary: 128 atoms for 8x8
patches. Reconstruction: everything else, since the authors' dictionary cannot be distributed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from baselines.jnb.feature import PATCH, patches_of
from baselines.jnb.omp import sparse_codes

Floats = NDArray[np.float64]

NUM_ATOMS = 128

_CODE_ATOMS = 5
_STRIDE = 3
_MIN_STD = 4.0


def training_patches(
    images: Sequence[Floats],
    *,
    sigma_t: float,
    num_patches: int,
    random: np.random.RandomState,
) -> Floats:
    """Textured patches of slightly blurred images, drawn at random.

    Args:
        images: gray, `[H, W]` in [0, 255].
        sigma_t: standard deviation in px of the Gaussian blur; 0 leaves the images unchanged.
        num_patches: number of patches to draw; all, if there are fewer.
        random: generator of the draws.

    Returns:
        `[N, 64]`, mean removed.

    Raises:
        ValueError: there are fewer textured patches than atoms.
    """
    found = []
    for image in images:
        patches = patches_of(gaussian_filter(image, sigma_t), _STRIDE).reshape(-1, PATCH**2)
        found.append(patches[patches.std(1) > _MIN_STD])
    pool = np.concatenate(found)
    if len(pool) < NUM_ATOMS:
        raise ValueError(
            f"{len(pool)} textured patches for {NUM_ATOMS} atoms; give more or larger images"
        )
    return pool[random.permutation(len(pool))[:num_patches]]


def k_svd(
    patches: Floats, *, sweeps: Iterable[int], random: np.random.RandomState
) -> tuple[Floats, list[float]]:
    """Learn 128 atoms.

    Args:
        patches: `[N, P]` with mean zero, N at least 128.
        sweeps: one item per sweep, which codes all patches and updates all atoms.
        random: draws the initial atoms and the order of the updates.

    Returns:
        Atoms `[128, P]`, rows of unit norm and mean zero; and the root mean square error of a
        value after each sweep.
    """
    atoms = patches[random.permutation(len(patches))[:NUM_ATOMS]]
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    errors = []
    for _ in sweeps:
        codes = sparse_codes(patches, atoms, _CODE_ATOMS)
        residual = patches - codes @ atoms
        for index in random.permutation(NUM_ATOMS):
            renew_atom(atoms, index, codes, residual, patches)
        errors.append(float(np.sqrt(np.square(residual).mean())))
    return atoms, errors


def renew_atom(atoms: Floats, index: int, codes: Floats, residual: Floats, patches: Floats) -> None:
    """Fit one atom to the residual of its patches without it, by one step of the power method.

    Changes `atoms` `[K, P]`, `codes` `[N, K]` and `residual` `[N, P]`, which is
    `patches - codes @ atoms`. An atom that no patch uses becomes the patch with the largest error.
    """
    users = np.flatnonzero(codes[:, index])
    if not len(users):
        worst = patches[np.vecdot(residual, residual).argmax()]
        atoms[index] = worst / np.linalg.norm(worst)
        return
    weights = codes[users, index]
    left = residual[users] + np.outer(weights, atoms[index])
    atom = weights @ left
    atom /= np.linalg.norm(atom)
    atoms[index] = atom
    codes[users, index] = left @ atom
    residual[users] = left - np.outer(left @ atom, atom)
