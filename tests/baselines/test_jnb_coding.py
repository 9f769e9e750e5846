"""JNB's sparse coding, its dictionary's training and the dictionary's file."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from skimage import data
from support.paths import CONFIG

from baselines.jnb import load_dictionary
from baselines.jnb.calibration import calibrate, sigma_of_count
from baselines.jnb.dictionary import Dictionary, digest_of, save_dictionary
from baselines.jnb.feature import EPSILON, luma, patches_of
from baselines.jnb.ksvd import k_svd, renew_atom, training_patches
from baselines.jnb.omp import count_atoms, sparse_codes
from baselines.jnb.train_dictionary import main, read_gray, train

CONFIGS = sorted(CONFIG.glob("*.yaml"))


def patches(number: int, blur: float = 0.0) -> np.ndarray:
    """Of the sharp part of a photograph, spread evenly."""
    gray = np.rint(luma(data.coffee() / 255))[100:260, 150:350]
    found = patches_of(gray, 3).reshape(-1, 64)
    return found[:: len(found) // number]


def plain_pursuit(patch: np.ndarray, atoms: np.ndarray, count: int) -> tuple[list[int], np.ndarray]:
    """Chosen atoms and residual norms after 0, 1, ... of them; least squares anew each time."""
    chosen: list[int] = []
    residual, norms = patch, [np.linalg.norm(patch)]
    while len(chosen) < count:
        strength = np.abs(atoms @ residual)
        strength[chosen] = -1
        chosen.append(int(strength.argmax()))
        basis = atoms[chosen].T
        residual = patch - basis @ np.linalg.lstsq(basis, patch, rcond=0)[0]
        norms.append(np.linalg.norm(residual))
    return chosen, np.array(norms)


def random_atoms(count: int, size: int = 64) -> np.ndarray:
    atoms = np.random.RandomState(1).standard_normal((count, size))
    return atoms / np.linalg.norm(atoms, axis=1, keepdims=True)


def test_counts_are_those_of_least_squares_patch_by_patch() -> None:
    atoms, given = load_dictionary().atoms, patches(100)
    norms = [plain_pursuit(patch, atoms, 64)[1] for patch in given]
    expected = np.array([np.flatnonzero(row <= EPSILON)[0] for row in norms])
    found = count_atoms(given, atoms, epsilon=EPSILON, max_atoms=64)
    assert expected.max() > 40
    assert (expected == 0).any()
    # Atoms late in the code are so like the others that rounding decides.
    assert np.count_nonzero(found != expected) <= 2
    assert np.abs(found - expected).max() <= 1


def test_counts_do_not_depend_on_the_company() -> None:
    atoms, given = load_dictionary().atoms, patches(700)
    together = count_atoms(given, atoms, epsilon=EPSILON, max_atoms=64)
    backwards = count_atoms(given[::-1], atoms, epsilon=EPSILON, max_atoms=64)[::-1]
    np.testing.assert_array_equal(together, backwards)


def test_no_atoms_at_the_tolerance_and_one_above_it() -> None:
    assert pytest.approx(18.4) == EPSILON
    atoms = random_atoms(128)
    given = atoms[[3, 3, 7]] * np.array([[18.3], [18.5], [-300.0]])
    found = count_atoms(given, atoms, epsilon=EPSILON, max_atoms=64)
    np.testing.assert_array_equal(found, [0, 1, 1])


def test_coding_ends_at_max_atoms() -> None:
    atoms, given = load_dictionary().atoms, patches(50)
    free = count_atoms(given, atoms, epsilon=EPSILON, max_atoms=64)
    capped = count_atoms(given, atoms, epsilon=EPSILON, max_atoms=20)
    np.testing.assert_array_equal(capped, np.minimum(free, 20))
    assert free.max() > 20


def test_a_patch_out_of_the_atoms_reach_stops() -> None:
    atoms = np.eye(4)[:2]
    given = np.array([[30.0, 20.0, 50.0, 0.0], [0.0, 0.0, 50.0, 0.0]])
    found = count_atoms(given, atoms, epsilon=1.0, max_atoms=4)
    np.testing.assert_array_equal(found, [2, 0])


def test_codes_are_those_of_least_squares() -> None:
    atoms, given = random_atoms(30, 16), np.random.RandomState(0).standard_normal((40, 16))
    codes = sparse_codes(given, atoms, 5)
    for patch, code in zip(given, codes, strict=True):
        chosen, norms = plain_pursuit(patch, atoms, 5)
        assert set(np.flatnonzero(code)) == set(chosen)
        assert np.linalg.norm(patch - code @ atoms) == pytest.approx(norms[-1], abs=1e-9)


def test_training_patches_are_textured_after_the_blur() -> None:
    gray = luma(data.coffee() / 255)[:200, :300]
    pool = {}
    for sigma_t in (0.0, 2.0):
        random = np.random.RandomState(0)
        found = training_patches([gray], sigma_t=sigma_t, num_patches=10_000, random=random)
        assert found.std(1).min() > 4
        np.testing.assert_allclose(found.mean(1), 0, atol=1e-12)
        pool[sigma_t] = found
    whole = patches_of(gray, 3).reshape(-1, 64)
    assert len(pool[0.0]) == np.count_nonzero(whole.std(1) > 4)
    assert len(pool[2.0]) < len(pool[0.0])
    random = np.random.RandomState(0)
    few = training_patches([gray], sigma_t=0, num_patches=200, random=random)
    np.testing.assert_array_equal(few, pool[0.0][:200])


def learnt(seed: int) -> tuple[np.ndarray, list[float]]:
    random = np.random.RandomState(seed)
    images = [luma(data.coffee() / 255)[:200, :300]]
    given = training_patches(images, sigma_t=2, num_patches=600, random=random)
    return k_svd(given, sweeps=range(3), random=random)


def test_training_learns_and_is_repeatable() -> None:
    atoms, errors = learnt(0)
    assert atoms.shape == (128, 64)
    np.testing.assert_allclose(np.linalg.norm(atoms, axis=1), 1, rtol=1e-12)
    assert np.abs(atoms.mean(1)).max() < 1e-12
    assert errors[0] > 1.02 * errors[1] > 1.02 * errors[2]
    again, same_errors = learnt(0)
    np.testing.assert_array_equal(atoms, again)
    assert errors == same_errors
    assert np.abs(atoms - learnt(1)[0]).max() > 0.01


def test_renewing_an_atom_fits_it_to_what_the_others_leave() -> None:
    given, atoms = np.random.RandomState(0).standard_normal((50, 16)), random_atoms(20, 16)
    codes = sparse_codes(given, atoms, 3)
    codes[:, 4] = 0
    residual = given - codes @ atoms
    worst = given[np.linalg.norm(residual, axis=1).argmax()]
    before = np.linalg.norm(residual)
    renew_atom(atoms, 2, codes, residual, given)
    assert np.linalg.norm(residual) < before
    renew_atom(atoms, 4, codes, residual, given)
    np.testing.assert_allclose(residual, given - codes @ atoms, atol=1e-12)
    np.testing.assert_allclose(atoms[4], worst / np.linalg.norm(worst))


def test_images_without_texture() -> None:
    flat = np.zeros((64, 64))
    with pytest.raises(ValueError, match="0 textured patches for 128 atoms"):
        train({"flat": flat})
    with pytest.raises(ValueError, match="leaves no textured patch"):
        calibrate([flat], random_atoms(128))


def test_the_shipped_table_is_measured_again() -> None:
    shipped = load_dictionary()
    images = [read_gray(name) for name in shipped.images]
    found = calibrate(images, shipped.atoms, sigmas=(2.0, 4.0))
    np.testing.assert_allclose(found, shipped.counts[[5, 7]], rtol=1e-4)


def test_a_table_that_does_not_fall_is_refused() -> None:
    gray = luma(data.coffee() / 255)[:100, :100]
    with pytest.raises(ValueError, match="do not fall with the blur"):
        calibrate([gray], load_dictionary().atoms, sigmas=(1.0, 1.0))


def test_sigma_between_and_beyond_the_table() -> None:
    sigmas, counts = np.array([0.5, 1.0, 4.0]), np.array([30.0, 10.0, 2.0])
    found = sigma_of_count(np.array([[64.0, 30.0, 20.0], [6.0, 2.0, 0.0]]), sigmas, counts)
    np.testing.assert_allclose(found, [[0.5, 0.5, 0.75], [2.5, 4.0, 4.0]])


def test_the_shipped_dictionary() -> None:
    shipped = load_dictionary()
    assert digest_of(shipped).startswith("470bcc70e1f60c4b")
    assert shipped.atoms.shape == (128, 64)
    assert np.abs(shipped.atoms.mean(1)).max() < 1e-12
    assert (shipped.seed, shipped.sigma_t) == (0, 2.0)
    assert (shipped.num_patches, shipped.num_sweeps) == (8000, 12)


def test_no_test_image_was_trained_on() -> None:
    tested = {"coffee"}  # The map's own figures are measured on it.
    for config in CONFIGS:
        split = (yaml.safe_load(config.read_text()).get("dataset") or {}).get("test") or {}
        tested.update(split.get("photographs", []))
        if split.get("stereo"):
            tested.update(("motorcycle_left", "motorcycle_right"))
    assert {"chelsea", "motorcycle_left"} <= tested
    assert not tested & set(load_dictionary().images)


def test_a_file_holds_what_was_saved(tmp_path: Path) -> None:
    shipped = load_dictionary()
    for name in ("a.npz", "b.npz"):
        save_dictionary(shipped, tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    read = load_dictionary(tmp_path / "a.npz")
    np.testing.assert_array_equal(read.atoms, shipped.atoms)
    assert digest_of(read) == digest_of(shipped)
    assert digest_of(replace(read, seed=1)) != digest_of(shipped)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"counts": None}, "lacks counts"),
        ({"sha256": None}, "lacks sha256"),
        ({"seed": np.array(7)}, "does not match its SHA-256"),
        ({"atoms": np.ones((128, 64))}, "rows of unit norm"),
        ({"atoms": np.ones(64)}, "rows of unit norm"),
        ({"counts": np.arange(8.0)}, "counts must fall"),
    ],
)
def test_files_that_are_not_what_was_written(
    tmp_path: Path, change: dict[str, Any], match: str
) -> None:
    path = tmp_path / "own.npz"
    save_dictionary(load_dictionary(), path)
    with np.load(path) as archive:
        entries = {**archive, **change}
    np.savez(path, **{key: value for key, value in entries.items() if value is not None})
    with pytest.raises(ValueError, match=match):
        load_dictionary(path)


def test_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    save_dictionary(load_dictionary(), path)
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    for bad in (bytes(content), content[:1000], b"no archive"):
        path.write_bytes(bad)
        with pytest.raises(ValueError, match=r"own\.npz is damaged"):
            load_dictionary(path)


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[Dictionary] = []

    def short(images: Any, **options: Any) -> tuple[Dictionary, list[float]]:
        assert options == {"seed": 3, "progress": True}
        made.append(replace(load_dictionary(), images=tuple(images), seed=3))
        return made[0], [2.0, 1.0]

    monkeypatch.setattr("baselines.jnb.train_dictionary.train", short)
    output = tmp_path / "own.npz"
    arguments = ["train", "--images", "rocket", "--seed", "3", "-o", str(output)]
    monkeypatch.setattr(sys, "argv", arguments)
    main()
    assert digest_of(load_dictionary(output)) == digest_of(made[0])
    assert made[0].images == ("rocket",)
    assert "RMS error 2.000" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["train", "--images", "nothing", "-o", str(output)])
    with pytest.raises(SystemExit):
        main()
    assert "nothing is neither a file nor bundled" in capsys.readouterr().err


def test_images_are_read_as_gray_levels(tmp_path: Path) -> None:
    colors = np.random.RandomState(0).randint(0, 256, (9, 10, 3)).astype(np.uint8)
    eight, sixteen = tmp_path / "8.png", tmp_path / "16.png"
    cv2.imwrite(str(eight), colors[..., ::-1])
    cv2.imwrite(str(sixteen), colors[..., ::-1].astype(np.uint16) * 257)
    for path in (eight, sixteen):
        np.testing.assert_allclose(read_gray(str(path)), luma(colors / 255), atol=1e-9)
    np.testing.assert_allclose(read_gray("camera"), 0.9999 * data.camera(), atol=1e-9)
    cv2.imwrite(str(eight), colors[:7])
    with pytest.raises(ValueError, match="at least 8 x 8"):
        read_gray(str(eight))
