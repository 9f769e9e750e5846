"""Elementwise minimizer of |w|^alpha + beta/2 (w - v)^2.

Follows Krishnan and Fergus, 'Fast Image Deconvolution using Hyper-Laplacian Priors', NIPS 2009,
section 3. Reconstruction: exact minima instead of their lookup table. They solve alpha = 3/2 by
four Newton steps, which are kept here for other exponents; at beta = 1 these miss the minimum by
up to 0.097.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

_NEWTON_STEPS = 4


def shrink(v: Floats, alpha: float, beta: float) -> Floats:
    """The w that minimizes |w|^alpha + beta/2 (w - v)^2.

    Closed forms for alpha 1/2, 2/3, 1, 3/2 and 2; four Newton steps from w = v for others.

    Args:
        v: any shape, finite.
        alpha: exponent, > 0.
        beta: weight, > 0.

    Returns:
        An array like `v`, with the same signs.
    """
    magnitude = np.abs(v)
    for exponent, minimum in _CLOSED.items():
        if abs(alpha - exponent) < 1e-9:
            w = minimum(magnitude, beta)
            return np.copysign(w, v, out=w)
    return np.copysign(_newton(magnitude, alpha, beta), v)


def _half(a: Floats, beta: float) -> Floats:
    """Square of the largest root of s^3 - a s + 1/(2 beta)."""
    w = np.zeros_like(a)
    kept = a > 1.5 * beta ** (-2 / 3)
    large = a[kept]
    angle = np.arccos(-3 * 3**0.5 / (4 * beta) * large**-1.5) / 3
    w[kept] = 4 / 3 * large * np.cos(angle) ** 2
    return w


def _two_thirds(a: Floats, beta: float) -> Floats:
    """Cube of the largest root of s^4 - a s + 2/(3 beta)."""
    w = np.zeros_like(a)
    kept = a > 2 ** (7 / 4) * (3 * beta) ** (-3 / 4)
    large = a[kept]
    c = 2 / (3 * beta)
    angle = np.arccosh(3 * 3**0.5 / (16 * c**1.5) * large**2) / 3
    q = 2 * (4 * c / 3) ** 0.5 * np.cosh(angle)
    t = np.sqrt(q)
    w[kept] = ((t + np.sqrt(2 * large / t - q)) / 2) ** 3
    return w


def _one(a: Floats, beta: float) -> Floats:
    a -= 1 / beta
    return np.maximum(a, 0, out=a)


def _three_halves(a: Floats, beta: float) -> Floats:
    """Square of the positive root of beta r^2 + 1.5 r - beta a."""
    # In place, because the default spends most of its time here. The usual formula for the root
    # would suffer from cancellation for small `a`.
    root = a * (4 * beta**2)
    root += 2.25
    np.sqrt(root, out=root)
    root += 1.5
    np.divide(a, root, out=root)
    root *= 2 * beta
    return np.multiply(root, root, out=root)


def _two(a: Floats, beta: float) -> Floats:
    a *= beta / (2 + beta)
    return a


_CLOSED: dict[float, Callable[[Floats, float], Floats]] = {
    1 / 2: _half,
    2 / 3: _two_thirds,
    1.0: _one,
    3 / 2: _three_halves,
    2.0: _two,
}


def _newton(a: Floats, alpha: float, beta: float) -> Floats:
    w = a.copy()
    with np.errstate(all="ignore"):
        for _ in range(_NEWTON_STEPS):
            size = np.abs(w)
            slope = alpha * np.sign(w) * size ** (alpha - 1) + beta * (w - a)
            w -= slope / (alpha * (alpha - 1) * size ** (alpha - 2) + beta)
        w = np.nan_to_num(w, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        costly = np.abs(w) ** alpha + beta / 2 * (w - a) ** 2 >= beta / 2 * a**2
    # A step past 0 gives the wrong sign; 0 is better.
    w[costly | (w < 0)] = 0
    return w
