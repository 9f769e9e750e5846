"""Figures 4 and 5 on the page: every image, every number, nothing unescaped."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from markupsafe import Markup
from support.pages import page_inputs
from support.projects import working_in
from support.qualitative import ROWS, qualitative_scene, selection

from pipeline.html_report.inputs import PageInputs
from pipeline.html_report.section import Missing
from pipeline.html_report.sections.figures import claim_17, features, qualitative
from pipeline.html_report.web_images import heat, photo
from pipeline.qualitative_files import write_figure4, write_figure5

HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture
def inputs(tmp_path: Path) -> Iterator[PageInputs]:
    """Inputs of a page whose folder is below the current one."""
    found = page_inputs()
    with working_in(tmp_path):
        found.places.reports.mkdir(parents=True)
        yield found


def decoded(address: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    content = np.frombuffer(base64.b64decode(address.partition(",")[2]), np.uint8)
    image = cv2.imdecode(content, cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image[..., ::-1], np.uint8)


def test_every_method_has_its_images_and_scores(inputs: PageInputs) -> None:
    write_figure4(inputs.places.reports, [qualitative_scene(), qualitative_scene("other")])
    html = qualitative(inputs)
    assert isinstance(html, Markup)
    for number in range(len(ROWS)):
        for text in (f">{10 + number}.00 dB<", f">{15 + number}.00 dB<", f"image {20 + number}.00"):
            assert html.count(text) == 2
    shots = len(ROWS) + 1
    # The color bar; for each scene two in the slider, three for each shot, and the error maps.
    assert len(re.findall("<img ", html)) == 1 + 2 * (2 + 3 * shots + len(ROWS))
    addresses = re.findall('<img [^>]*src="([^"]*)"', html)
    assert {address.partition(";")[0] for address in addresses} <= {
        "data:image/png",
        "data:image/webp",
    }
    assert all(re.findall('<img [^>]*alt="[^"]*"', html))
    assert "In the manner of the paper’s Figure 4" in html


def test_the_slider_starts_with_the_input_and_the_best_method(inputs: PageInputs) -> None:
    write_figure4(inputs.places.reports, [qualitative_scene()])
    html = str(qualitative(inputs))
    before, after = re.findall(r'<select data-side="\w+">(.*?)</select>', html)
    assert re.findall(r'value="(\d)" selected', before) == ["0"]
    assert re.findall(r'value="(\d)" selected', after) == ["2"]
    assert before.count("<option") == len(ROWS) + 1
    assert "left: 11.111%; top: 12.5%; width: 22.222%; height: 33.333%" in html


def test_names_are_escaped(inputs: PageInputs) -> None:
    write_figure4(inputs.places.reports, [qualitative_scene(rows=("Input", HOSTILE))])
    made = selection()
    write_figure5(inputs.places.reports, type(made)(**{**vars(made), "row": HOSTILE}))
    for html in (qualitative(inputs), features(inputs)):
        assert "<script>" not in str(html)
        assert "&lt;script&gt;" in str(html)


def test_the_same_files_give_the_same_html(inputs: PageInputs) -> None:
    write_figure4(inputs.places.reports, [qualitative_scene()])
    write_figure5(inputs.places.reports, selection())
    assert qualitative(inputs) == qualitative(inputs)
    assert features(inputs) == features(inputs)


def test_scales_with_their_weights(inputs: PageInputs) -> None:
    write_figure5(inputs.places.reports, selection(modules=2, least=1.1e-7))
    html = str(features(inputs))
    assert html.count("Scale 3 (coarsest): α = 1.1e-07") == 2
    assert html.count('<tr><th scope="row">3</th><td>1.1e-07</td>') == 2
    # Three test images, three scales, two modules; one of the images has a ring.
    assert html.count("<circle") == 18
    assert html.count('class="here"') == 6
    assert "scale 3 has the smallest weight on 100% of 3 test images, and almost none" in html


def test_the_sentence_about_the_claim() -> None:
    assert "(below 0.001) on 0%; its median is 0.200" in claim_17(selection(least=0.2))
    assert "smallest weight on 0% of 3" in claim_17(selection(least=0.4))


def test_what_is_missing_is_said(inputs: PageInputs) -> None:
    for section in (qualitative, features):
        found = section(inputs)
        assert isinstance(found, Missing)
        assert "`dmtbench qualitative`" in found.reason
    write_figure4(inputs.places.reports, [])
    write_figure5(inputs.places.reports, None)
    reasons = [getattr(section(inputs), "reason", "") for section in (qualitative, features)]
    assert "No method of this experiment has been evaluated yet" in reasons[0]
    assert "No network of this experiment weights its scales adaptively" in reasons[1]


def test_links_lead_out_of_the_folder_of_the_page(inputs: PageInputs) -> None:
    write_figure4(inputs.places.reports, [qualitative_scene()])
    path = inputs.places.reports / "figure4.csv"
    assert f'href="../../{path.as_posix()}"' in str(qualitative(inputs))
    assert "figure4.pdf" not in str(qualitative(inputs))


def test_small_images_are_exact_and_large_ones_reduced() -> None:
    image = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    assert np.array_equal(decoded(photo(image)), image)
    large = np.zeros((560, 840, 3), np.uint8)
    large[:, 420:] = (200, 100, 50)
    small = decoded(photo(large))
    assert small.shape == (400, 600, 3)
    assert np.abs(small[200, 500].astype(int) - (200, 100, 50)).max() < 12


def test_maps_go_from_dark_to_light() -> None:
    values = np.linspace(0, 2, 64)[None].repeat(16, axis=0)
    shown = decoded(heat(values, 0, 1)).astype(int).sum(axis=2)
    assert shown[8, 2] < shown[8, 20] < shown[8, 30]
    # Beyond the scale there is one color.
    assert abs(shown[8, 40] - shown[8, 62]) < 12
    assert decoded(heat(np.zeros((4, 4)), 0, 0)).shape == (4, 4, 3)
