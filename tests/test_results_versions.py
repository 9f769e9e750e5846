"""Golden outputs of the packages that make numbers, held against their `RESULTS_VERSION`.

If one fails: fix the change, or raise the package's `RESULTS_VERSION`, run
`PYTHONPATH=tests python -m support.results`, and say why in the commit and the changelog.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import results

from pipeline.data.sampling import augment
from pipeline.evaluation.metrics import psnr
from pipeline.results_versions import results_versions

RENEW = "PYTHONPATH=tests python -m support.results"


def check(package: str) -> None:
    known = results.stored()[package]
    names = results.moved(known["outputs"], results.outputs(package))
    version = results_versions(package)[package]
    if known["version"] == version:
        assert not names, (
            f"results change: raise it: RESULTS_VERSION of {package}, then {RENEW} "
            f"({', '.join(names)})"
        )
    else:
        pytest.fail(f"{package} has RESULTS_VERSION {version}: renew its outputs with {RENEW}")


def test_every_package_has_outputs() -> None:
    assert set(results.stored()) == set(results.PACKAGES) == set(results_versions())


@pytest.mark.parametrize("package", results.PACKAGES)
def test_results_change_only_with_the_version(package: str) -> None:
    check(package)


def test_a_moved_output_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    score = psnr.score
    monkeypatch.setattr(psnr, "score", lambda *images: score(*images) * (1 + 1e-6))
    words = r"results change: raise it: RESULTS_VERSION of pipeline\.evaluation.*\(psnr\)"
    with pytest.raises(AssertionError, match=words):
        check("pipeline.evaluation")


def test_altered_crops_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment, "GRAY_WEIGHTS", (0.2126, 0.7152, 0.0722))
    with pytest.raises(AssertionError, match=r"pipeline\.data\.sampling.*\(altered\)"):
        check("pipeline.data.sampling")


def test_outputs_are_not_renewed_without_the_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = results.stored()
    known["pipeline.evaluation"]["outputs"]["psnr"] = [1.0]
    path = tmp_path / "results.json"
    path.write_text(json.dumps(known))
    monkeypatch.setattr(results, "FILE", path)
    assert results.main() == 1
    message = "pipeline.evaluation: psnr: raise its RESULTS_VERSION first"
    assert message in capsys.readouterr().out
    known["pipeline.evaluation"]["version"] = 0
    path.write_text(json.dumps(known))
    assert results.main() == 0
    assert results.moved(known["pipeline.evaluation"]["outputs"], {}) != []
    check("pipeline.evaluation")
