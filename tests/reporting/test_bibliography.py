"""Citations as methods declare them, and the BibTeX entries made of them."""

from __future__ import annotations

import re

import pytest
from support.paths import TINY

from pipeline.config.experiment import load_experiment
from pipeline.data.citations import CANON, PHOTOGRAPHS, STEREO
from pipeline.method_citations import MethodCitation, method_citations
from pipeline.methods import get_method
from pipeline.reporting.bibliography import bibliography, citation_keys
from pipeline.reporting.references import Reference, bibtex, parse_citation, reference_key

CITATIONS = method_citations(load_experiment(TINY))
KEYS = {
    "dmtnet-h": "zhang2022dmtnet",
    "ebdb": "karaali2018edge",
    "jnb": "shi2015just",
    "dmenet": "lee2019deep",
    "dpdnet": "abuolaim2020defocus",
    "dpdnet-plus": "abuolaim2020defocus",
    "rdpd-plus": "abuolaim2021learning",
    "ifan": "lee2021iterative",
    "kpac": "son2021single",
    "mrnet": "zhang2023mrnet",
    "uformer-b": "wang2022uformer",
    "restormer": "zamir2022restormer",
    "dmtnet-b-fixed": "zhang2022dmtnet",
}


def test_every_method_has_an_entry_under_a_key_that_stays() -> None:
    keys = citation_keys(CITATIONS)
    found = {one.method: keys[one.text] for one in CITATIONS}
    assert found.items() >= KEYS.items()
    assert not [one.problem for one in CITATIONS if one.problem]
    assert not {"input", "mean", "unsharp"} & set(found)


def test_texts_are_those_that_the_modules_declare() -> None:
    for one in CITATIONS:
        if one.method in ("dmtnet-b", "dpdnet", "ebdb"):
            assert one.text == get_method(one.method).declaration.citation


@pytest.mark.parametrize("text", [*(one.text for one in CITATIONS), CANON, PHOTOGRAPHS, STEREO])
def test_every_citation_can_be_taken_apart(text: str) -> None:
    found = parse_citation(text)
    assert found is not None
    assert re.fullmatch(r"(19|20)\d\d", found.year)
    assert found.venue or found.arxiv
    # Nothing is lost, and nothing is invented.
    for part in (*found.authors, found.title, found.venue, found.volume, found.number, found.arxiv):
        assert part in text
    assert len(found.authors) == text.split(", '")[0].count(",") + 2


def test_the_set_and_its_method_are_one_publication() -> None:
    assert get_method("dpdnet").declaration.citation == CANON


def test_an_entry_has_what_is_known() -> None:
    found = parse_citation(get_method("rdpd-plus").declaration.citation)
    assert found is not None
    assert bibtex("key", found).splitlines() == [
        "@inproceedings{key,",
        "  author = {A. Abuolaim and M. Delbracio and D. Kelly and M. S. Brown and P. Milanfar},",
        "  title = {{Learning to Reduce Defocus Blur by Realistically Modeling Dual-Pixel Data}},",
        "  booktitle = {ICCV},",
        "  pages = {2289--2298},",
        "  year = {2021},",
        "  eprint = {2012.03255},",
        "  archivePrefix = {arXiv},",
        "}",
    ]
    assert bibtex("key", parse_citation(STEREO) or Reference((), "")).startswith("@inproceedings")
    assert "journal = {PeerJ}" in bibtex("key", parse_citation(PHOTOGRAPHS) or Reference((), ""))


def cited(method: str, text: str) -> MethodCitation:
    return MethodCitation(method, method, text)


def test_two_publications_never_share_a_key() -> None:
    texts = [f"A. Doe, 'The {word} blur', X 2020" for word in ("same", "same old", "same new")]
    keys = citation_keys([cited(str(number), text) for number, text in enumerate(texts)])
    assert list(keys.values()) == ["doe2020same", "doe2020sameb", "doe2020samec"]


def test_a_citation_in_other_words_is_a_note() -> None:
    text = bibliography([cited("mine", "Example { not a published } method"), cited("b", "")])
    assert "@misc{mine,\n  key = {mine},\n  title = {{mine}}," in text
    assert r"note = {Example \textbraceleft{} not a published \textbraceright{} method}" in text


def test_what_cannot_be_read_is_said() -> None:
    text = bibliography([MethodCitation("mine", "Mine", "", "@misc{x: no\nPython source")])
    assert "mine: no entry ((at)misc{x: no\\nPython source)" in text
    assert "@" not in text


def test_a_key_needs_no_latin_names() -> None:
    assert reference_key(Reference(("模糊",), "模糊", year="2020")) == "anonymous2020"
    assert reference_key(Reference(("É. O'Neill",), "On the", year="2020")) == "oneill2020on"
