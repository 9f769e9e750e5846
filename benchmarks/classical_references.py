"""Reference figures of the layered deconvolution, in dB, measured with another implementation."""

from __future__ import annotations

from baselines._deconvolution import HyperLaplacian, RichardsonLucy, Solver, Wiener

HALF, TWO_THIRDS = 1 / 2, 2 / 3
LAMBDAS = (200, 2000, 20000)
ITERATIONS = (10, 30, 60)

# (sigma, noise): PSNR of the input; of alpha 1/2, 2/3, 1 and 3/2 at three lambdas; of RL.
UNIFORM: dict[tuple[float, float], tuple[float, dict[float, tuple[float, ...]], tuple[float, ...]]]
UNIFORM = {
    (1.5, 0.002): (
        26.59,
        {
            HALF: (27.89, 30.49, 32.12),
            TWO_THIRDS: (28.37, 30.84, 32.40),
            1: (29.24, 31.37, 32.68),
            1.5: (30.00, 31.71, 31.80),
        },
        (28.75, 29.97, 30.59),
    ),
    (1.5, 0.01): (
        26.41,
        {
            HALF: (27.85, 30.20, 28.49),
            TWO_THIRDS: (28.33, 30.42, 27.20),
            1: (29.16, 30.44, 23.81),
            1.5: (29.69, 28.54, 20.25),
        },
        (28.61, 29.43, 29.43),
    ),
    (3, 0.002): (
        22.67,
        {
            HALF: (24.16, 25.96, 27.17),
            TWO_THIRDS: (24.54, 26.19, 27.31),
            1: (25.20, 26.57, 27.55),
            1.5: (25.78, 26.87, 27.45),
        },
        (24.29, 25.18, 25.65),
    ),
    (3, 0.01): (
        22.59,
        {
            HALF: (24.16, 25.88, 26.51),
            TWO_THIRDS: (24.53, 26.08, 26.42),
            1: (25.17, 26.36, 25.31),
            1.5: (25.69, 26.03, 21.74),
        },
        (24.27, 25.12, 25.53),
    ),
}

# Per scene: PSNR of the input; per solver: gain with the true map and with an estimated map.
TWO_PLANE: dict[str, tuple[float, dict[Solver, tuple[float | None, float | None]]]] = {
    "astronaut": (
        25.69,
        {
            HyperLaplacian(2000, TWO_THIRDS): (4.23, 2.73),
            HyperLaplacian(5000, TWO_THIRDS): (4.21, 2.21),
            HyperLaplacian(2000, HALF): (4.03, 2.69),
            HyperLaplacian(420, 1.5): (4.10, 2.95),
            HyperLaplacian(16.8, 1.5): (1.23, 1.13),
            RichardsonLucy(10): (2.25, 1.75),
            RichardsonLucy(30): (3.39, 2.17),
            Wiener(1e-3): (3.78, 1.39),
        },
    ),
    "voronoi": (
        24.51,
        {
            HyperLaplacian(2000, TWO_THIRDS): (4.53, 3.99),
            HyperLaplacian(420, 1.5): (3.19, 2.85),
            RichardsonLucy(10): (1.44, 1.37),
        },
    ),
    "coffee": (
        26.45,
        {
            HyperLaplacian(2000, TWO_THIRDS): (2.20, 0.72),
            HyperLaplacian(420, 1.5): (2.43, 1.33),
            RichardsonLucy(10): (1.36, 1.17),
        },
    ),
}

# Gain with one kernel for the whole image: the estimated map's median.
MEDIAN = {"voronoi": 1.20, "coffee": -3.38}
MEDIAN_SOLVER = HyperLaplacian(2000, TWO_THIRDS)

# Per solver: PSNR with the disc, with the closest Gaussian, and with sigma = radius / 2.
DISC_INPUT, DISC_RADII = 25.20, (2, 4.5)
DISC_SHARE = 0.5 / 0.545
DISC: dict[Solver, tuple[float, float, float]] = {
    HyperLaplacian(2000, TWO_THIRDS): (28.11, 27.23, 26.64),
    HyperLaplacian(420, 1.5): (28.77, 26.96, 26.44),
    RichardsonLucy(10): (27.86, 27.47, 27.50),
    RichardsonLucy(30): (28.90, 28.15, 27.89),
}

# Gray astronaut, sigma 3, noise .002, alpha 2/3, lambda 2000; PSNR of the whole image.
BORDERS = {"padded and tapered": 26.40, "padded": 26.40, "neither": 19.69}

# Per scene: factor on the estimated map, solver, gain.
SCALED: dict[str, tuple[tuple[float, Solver, float], ...]] = {
    "astronaut": (
        (0.8, HyperLaplacian(2000, TWO_THIRDS), 2.60),
        (0.8, RichardsonLucy(30), 2.44),
    ),
    "voronoi": ((1.2, HyperLaplacian(2000, TWO_THIRDS), 3.95),),
    "coffee": ((1.2, HyperLaplacian(2000, TWO_THIRDS), -0.73),),
}

# PSNR with the astronaut's estimated map stored in 8 bits.
EIGHT_BIT: dict[Solver, float] = {
    HyperLaplacian(420, 1.5): 28.73,
    HyperLaplacian(16.8, 1.5): 26.83,
}
