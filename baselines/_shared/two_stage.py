"""A defocus map estimated from the combined view, then deconvolution with it.

Each method has its own map; EBDB, DMENet and JNB share the second stage. It is not fully known how
the rows of Table 1 were made: the settings here are those of the program that DMENet's authors
published in 2021, which also names maps of EBDB and JNB.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn

from baselines._deconvolution import HyperLaplacian, deconvolve_layers
from baselines._deconvolution.layers import Kernel
from baselines._shared.fitting import Pairs, clamped_psnr

Floats = NDArray[np.float64]
Progress = Callable[[int, int], None]
Scene = tuple[Floats, Floats, Tensor]
"""Image, defocus map and target."""

PUBLISHED = {"lam": 16.8, "alpha": 1.5, "map_scale": 1.0}
"""Weight of the data term, exponent of the prior and factor on the map, as published for DPDD."""

AS_PUBLISHED = "hyper-Laplacian, lambda {lam}, alpha {alpha}, map as estimated".format(**PUBLISHED)


class Choice(NamedTuple):
    """One choice made in the second stage or in a map.

    `known`: taken from a publication or its authors' program; otherwise, it is our reconstruction.
    """

    what: str
    chosen: str
    known: bool


DECONVOLUTION_CHOICES = (
    Choice("input", "the combined view, sRGB-coded, rounded to 8 bits", known=True),
    Choice("map", "stored in 8 bits before it is used", known=True),
    Choice("kernel", "isotropic Gaussian with the map as its standard deviation", known=True),
    Choice("levels", "33, by quantiles of the distinct values of the map; lower edges", known=True),
    Choice(
        "solver", "hyper-Laplacian (Krishnan and Fergus 2009), not Richardson-Lucy", known=False
    ),
    Choice("lambda", "16.8 for DPDD, unless chosen on the validation split", known=True),
    Choice("alpha", "3/2", known=True),
    Choice("step of the prior", "its exact minimum; theirs: four Newton steps", known=False),
    Choice("choice of lambda and of a factor on the map", "best validation PSNR", known=False),
)
"""Choices of the second stage. It probably made the rows of Table 1; this is not proven."""


class TwoStage(nn.Module):
    """Deblurs the combined view; subclasses estimate the map.

    Buffers `lam`, `alpha` and `map_scale` hold the settings, which are the published ones before
    `fit`.

    Args:
        candidates: values that `fit` chooses from, by setting, in the order of choosing.
        scenes: maximum number of validation scenes, evenly spread, that `fit` uses.
        psf: shape of the kernels, `gaussian` or `disc`.
        eight_bit: round image and map to 8 bits, as in the published program.

    Raises:
        ValueError: a setting is unknown or has no list of values, or `scenes` is below 1.
    """

    progress: Progress | None = None
    """If set, called with the number of finished levels and the number of all levels."""

    def __init__(
        self,
        *,
        candidates: Mapping[str, Sequence[float]] | None = None,
        scenes: int = 8,
        psf: Kernel = "gaussian",
        eight_bit: bool = True,
    ) -> None:
        super().__init__()
        self.candidates = dict(candidates or {})
        for name, values in self.candidates.items():
            if name not in PUBLISHED or not isinstance(values, Sequence) or not values:
                raise ValueError(
                    f"candidates of {name!r}: give a list of values for {', '.join(PUBLISHED)} only"
                )
        if scenes < 1:
            raise ValueError(f"scenes must be at least 1, not {scenes}")
        self.scenes, self.psf, self.eight_bit = scenes, psf, eight_bit
        for name, value in PUBLISHED.items():
            self.register_buffer(name, torch.tensor(value, dtype=torch.float64))

    @abstractmethod
    def sigma_map(self, image: Floats) -> Floats:
        """Standard deviation of the Gaussian blur, `[H, W]` in px, in 8 bits if `eight_bit`.

        `image` is `[H, W, 3]`, RGB in [0, 1].

        Raises:
            ValueError: the image cannot be used.
        """

    def forward(
        self,
        x: Tensor,
        *,
        origin: tuple[int, int] | None = None,
        full_size: tuple[int, int] | None = None,
    ) -> Tensor:
        """`[B, 3, H, W]` to the same shape in [0, 1]; the keywords are ignored.

        Computed in NumPy on the CPU, without gradients.

        Raises:
            ValueError: the shape is wrong, values are not finite, or the image is too small.
        """
        if x.dim() != 4 or x.shape[1] != 3:
            raise ValueError(f"expected [B, 3, H, W], got {tuple(x.shape)}")
        sharp = []
        for combined in x:
            image = self._image(combined)
            sharp.append(self._deconvolve(image, self.sigma_map(image), self.settings()))
        return torch.stack([_tensor(image) for image in sharp]).to(x)

    def settings(self) -> dict[str, float]:
        """The current settings."""
        return {name: float(self.get_buffer(name)) for name in PUBLISHED}

    @torch.no_grad()
    def fit(self, train: Pairs, val: Pairs) -> dict[str, float]:
        """Choose the settings with the highest mean validation PSNR of the clamped output.

        Chooses one setting at a time, in the order of the candidates; settings not yet chosen have
        their published values. The first of equal scores wins.

        Args:
            train: not used.
            val: pairs of input `[1, 3, H, W]` and target of the same shape; read twice.

        Returns:
            All settings.

        Raises:
            ValueError: `val` is empty.
        """
        chosen = spread(val, self.scenes)
        images = [(self._image(x[0]), target) for x, target in chosen]
        if not images:
            raise ValueError("no validation pairs to choose the deconvolution's settings on")
        scenes = [(image, self.sigma_map(image), target) for image, target in images]
        settings = dict(PUBLISHED)
        for name, values in self.candidates.items():
            scores = {
                value: self._psnr(scenes, {**settings, name: value})
                for value in _watched(values, f"choosing {name}")
            }
            settings[name] = max(scores, key=lambda value: scores[value])
        for name, value in settings.items():
            self.get_buffer(name).fill_(value)
        return settings

    def _psnr(self, scenes: Sequence[Scene], settings: Mapping[str, float]) -> float:
        """Sum of the PSNR over the scenes."""
        made = ((self._deconvolve(image, sigma, settings), y) for image, sigma, y in scenes)
        return sum(clamped_psnr(_tensor(sharp)[None], target) for sharp, target in made)

    def _image(self, x: Tensor) -> Floats:
        image: Floats = x.detach().cpu().double().movedim(0, -1).numpy()
        return np.rint(255 * image) / 255 if self.eight_bit else image

    def _deconvolve(self, image: Floats, sigma: Floats, settings: Mapping[str, float]) -> Floats:
        solver = HyperLaplacian(lam=settings["lam"], alpha=settings["alpha"])
        scaled = settings["map_scale"] * sigma
        sharp = deconvolve_layers(
            image,
            scaled,
            solver=solver,
            psf=self.psf,
            threads=torch.get_num_threads(),
            progress=self.progress,
        )
        return np.asarray(sharp, np.float64)


def spread(pairs: Pairs, at_most: int) -> Iterable[tuple[Tensor, Tensor]]:
    """At most `at_most` pairs, evenly spread over all of them and including the first."""
    count = sum(1 for _ in pairs)
    wanted = {index * count // min(at_most, count) for index in range(min(at_most, count))}
    return (pair for index, pair in enumerate(islice(pairs, count)) if index in wanted)


def _watched(values: Sequence[float], what: str) -> Iterable[float]:
    console = Console(stderr=True)
    return track(values, what, console=console, disable=not console.is_terminal, transient=True)


def _tensor(image: Floats) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
