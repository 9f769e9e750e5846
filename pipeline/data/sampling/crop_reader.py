"""Training crops: reading, choosing, turning and scaling, batch by batch."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.bit_depth import at_depth
from pipeline.data.sampling.augment import altered
from pipeline.data.sampling.sampler import BatchSpec, CropSpec, clips_in
from pipeline.data.sampling.sharpness import gradient_energy
from pipeline.data.store.reader import PixelStore

SPARES_KERNEL = 5
"""Size of the Sobel kernel that decides which spare crops are dropped (RDPD)."""

_SWAPPED = {"left": "right", "right": "left"}


class CropReader:
    """Reads the crops of batches.

    Args:
        store: the pixel store of the main batches.
        companion: that of the companion's.
        views: views in the channel order that the method expects; the target follows.
        bits: of each value, views and target, that are kept: 16, or 8.
        flip_swaps_views: whether a horizontal flip also exchanges left and right, as mirroring
            the scene in front of the camera would. The paper's plain flip does not.
    """

    def __init__(
        self,
        store: PixelStore,
        views: tuple[str, ...],
        *,
        companion: PixelStore | None = None,
        bits: int = 16,
        flip_swaps_views: bool = False,
    ) -> None:
        self.stores = (store, companion or store)
        self.views = (*views, "target")
        self.bits = bits
        self.flip_swaps_views = flip_swaps_views

    def read_batch(self, buffer: NDArray[np.uint16], batch: BatchSpec) -> list[CropSpec]:
        """Choose the crops of a batch that are kept and read them, one after the other.

        Args:
            buffer: its beginning is filled with `[N, 3 * (views + 1), side, side]`; the target
                comes last.
            batch: where the crops lie and how they are changed.

        Returns:
            The `N` crops.
        """
        store = self.stores[batch.companion]
        crops = [crop for clip in self._kept(store, batch) for crop in clip]
        planes = batch_view(buffer, len(crops), len(self.views), batch.side)
        for crop in crops:
            store.will_need(crop.window.scene, _place(crop), self.views)
        for pixels, crop in zip(planes, crops, strict=True):
            self._read(store, pixels, crop)
        return crops

    def _kept(self, store: PixelStore, batch: BatchSpec) -> list[list[CropSpec]]:
        """The sharpest clips in the order in which they were drawn; of them, this process's."""
        clips = clips_in(batch)
        dropped = len(clips) - batch.keep
        if dropped:
            firsts = [clip[0] for clip in clips]
            for crop in firsts:
                store.will_need(crop.window.scene, _place(crop), ("target",))
            energies = [self._energy(store, crop, gray=batch.frames > 1) for crop in firsts]
            least = set(np.argsort(energies, kind="stable")[:dropped].tolist())
            clips = [clip for number, clip in enumerate(clips) if number not in least]
        return clips[batch.rank :: batch.world_size]

    def _energy(self, store: PixelStore, crop: CropSpec, *, gray: bool) -> float:
        """Gradient energy of a crop's target: of its green channel, or in gray."""
        image = store.read(crop.window.scene, _place(crop), ("target",))["target"]
        # Gray values are rounded to the depth of their image.
        values = np.ascontiguousarray(image if self.bits == 16 else (image >> 8).astype("u1"))
        plane = cv2.cvtColor(values, cv2.COLOR_RGB2GRAY) if gray else values[..., 1].copy()
        return gradient_energy(plane, SPARES_KERNEL)

    def _read(self, store: PixelStore, pixels: NDArray[np.uint16], crop: CropSpec) -> None:
        swap = self.flip_swaps_views and crop.flip_horizontal
        names = [_SWAPPED.get(view, view) if swap else view for view in self.views]
        upright = pixels.swapaxes(1, 2) if crop.transpose else pixels
        if crop.flip_vertical:
            upright = upright[:, ::-1]
        if crop.flip_horizontal and crop.transpose:
            upright = upright[:, :, ::-1]
        side = pixels.shape[-1]
        if crop.sigma or crop.grayscale or crop.window.size != side:
            region = np.empty((len(pixels), crop.window.size, crop.window.size), np.uint16)
            store.read_into(region, crop.window.scene, _place(crop), names)
            upright[:] = altered(
                at_depth(region, self.bits),
                side,
                sigma=crop.sigma,
                noise_seed=crop.noise_seed,
                grayscale=crop.grayscale,
            )
        else:
            store.read_into(upright, crop.window.scene, _place(crop), names)
            if self.bits != 16:
                pixels[:] = at_depth(pixels, self.bits)
        # Writing rows backwards costs more than flipping them afterwards.
        if crop.flip_horizontal and not crop.transpose:
            rows = pixels.reshape(-1, side)
            cv2.flip(rows, 1, dst=rows)


def batch_view(
    buffer: NDArray[np.uint16], crops: int, images: int, side: int
) -> NDArray[np.uint16]:
    """The beginning of a flat buffer as `[crops, 3 * images, side, side]`."""
    shape = (crops, 3 * images, side, side)
    return buffer[: math.prod(shape)].reshape(shape)


def _place(crop: CropSpec) -> tuple[int, int, int, int]:
    _, top, left, size = crop.window
    return top, left, size, size
