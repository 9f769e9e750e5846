"""Train JNB's dictionary and calibrate it.

    python -m baselines.jnb.train_dictionary -o dictionary.npz
    python -m baselines.jnb.train_dictionary --images train/*.png --seed 1 -o own.npz

Without `--images`, trains on photographs bundled with scikit-image, except those that the project
tests on. Give your own images as files, but never one that results are reported on. On the same
machine, the same seed gives the same file; other builds of the linear algebra libraries round
differently.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from baselines.jnb.calibration import SIGMAS, calibrate
from baselines.jnb.dictionary import Dictionary, save_dictionary
from baselines.jnb.feature import PATCH, luma
from baselines.jnb.ksvd import k_svd, training_patches

Floats = NDArray[np.float64]

# No test images of the synthetic set, and no images that figures of the map are measured on.
IMAGES = ("astronaut", "rocket", "camera", "brick", "gravel", "grass")
NUM_PATCHES = 8000
NUM_SWEEPS = 12
# With this value, the counts of blurs up to 2 px differ most.
SIGMA_T = 2.0


def train(
    images: Mapping[str, Floats],
    *,
    seed: int = 0,
    sigma_t: float = SIGMA_T,
    num_patches: int = NUM_PATCHES,
    num_sweeps: int = NUM_SWEEPS,
    progress: bool = False,
) -> tuple[Dictionary, list[float]]:
    """Learn atoms from images and calibrate their counts on the same images.

    Args:
        images: gray, `[H, W]` in [0, 255], by name.
        seed: seed of all random draws.
        sigma_t: standard deviation in px of the Gaussian blur of the training patches.
        num_patches: number of training patches; all, if there are fewer.
        num_sweeps: sweeps of K-SVD, at least 1.
        progress: show progress bars.

    Returns:
        The dictionary, and the root mean square error in gray levels after each sweep.

    Raises:
        ValueError: there are too few textured patches, or the counts do not decrease with the blur.
    """
    # The legacy generator: published figures depend on its numbers.
    random = np.random.RandomState(seed)
    grays = list(images.values())
    patches = training_patches(grays, sigma_t=sigma_t, num_patches=num_patches, random=random)
    sweeps = track(range(num_sweeps), "training", disable=not progress)
    atoms, errors = k_svd(patches, sweeps=sweeps, random=random)
    blurs = track(SIGMAS, "calibration", disable=not progress)
    dictionary = Dictionary(
        atoms=atoms,
        sigmas=np.array(SIGMAS),
        counts=calibrate(grays, atoms, sigmas=blurs),
        images=tuple(images),
        seed=seed,
        sigma_t=sigma_t,
        num_patches=num_patches,
        num_sweeps=num_sweeps,
    )
    return dictionary, errors


def read_gray(name: str) -> Floats:
    """Read a file, or a photograph bundled with scikit-image by name, as `[H, W]` in [0, 255].

    Raises:
        ValueError: there is no such image, or it is too small.
    """
    path = Path(name)
    if not path.is_file():
        folder = resources.files("skimage").joinpath("data")
        bundled = [Path(str(folder / f"{name}.{kind}")) for kind in ("png", "jpg")]
        path = next((found for found in bundled if found.is_file()), path)
    if not path.is_file():
        raise ValueError(f"{name} is neither a file nor bundled with the installed scikit-image")
    image = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if image is None or image.dtype.kind != "u" or min(image.shape[:2]) < PATCH:
        raise ValueError(
            f"{name} is not an image of 8 or 16 bits and at least {PATCH} x {PATCH} pixels"
        )
    white = 2.0 ** (8 * image.itemsize) - 1
    return luma(np.asarray(image[..., ::-1] / white, np.float64))


def main() -> None:
    """Parse the command line, train, write the file and print a summary."""
    assert __doc__
    parser = argparse.ArgumentParser(
        prog="python -m baselines.jnb.train_dictionary",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--images",
        nargs="+",
        default=list(IMAGES),
        help=f"files, or names of bundled photographs (default: {' '.join(IMAGES)})",
    )
    parser.add_argument("--seed", type=int, default=0, help="of all random draws (default: 0)")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the file to write, .npz")
    options = parser.parse_args()
    try:
        # Only the name: the file must not reveal where its author keeps images.
        images = {Path(name).name: read_gray(name) for name in options.images}
        dictionary, errors = train(images, seed=options.seed, progress=True)
        save_dictionary(dictionary, options.output)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    print(f"RMS error {errors[0]:.3f} after the first sweep, {errors[-1]:.3f} after the last")
    for sigma, count in zip(dictionary.sigmas, dictionary.counts, strict=True):
        print(f"blur {sigma:4.2f} px: {count:5.2f} atoms")


if __name__ == "__main__":
    main()
