"""Names and paths that users choose: one word of a shell line each, or refused; never executed."""

from __future__ import annotations

import re
import shlex
import shutil
import string
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from snakemake.utils import format as snakemake_format
from support.companions import NEEDY, write_experiment
from support.fixture_types import Tiny
from support.paths import PUBLISHED
from support.shell_lines import rendered, templates

from pipeline.config.experiment import load_experiment
from pipeline.errors import ConfigError
from pipeline.workflow.experiment import Workflow
from pipeline.workflow.jobs import planned_jobs

NASTY = (
    "a b",
    " leading and trailing ",
    "a  b",
    "$(touch x)",
    "`touch x`",
    "a; touch x",
    "a && touch x",
    "a | tee x",
    "a > x",
    "a & touch x",
    "$HOME",
    "${HOME}",
    "~",
    "it's",
    '"quoted"',
    "'; touch x; '",
    "back\\slash",
    "ends with \\",
    "{method}",
    "{wildcards.method}",
    "{",
    "}}",
    "{{x}}",
    "{0}",
    "a*b?",
    "[ab]",
    "#comment",
    "!history",
    "-rf",
    "--help",
    "%s",
    "a=b",
    "ä ö",
    "日本",
)
# One of everything, without the slash that no name can hold.
ALL = "; $(touch x) `touch x` && '\" \\ {method} {{ } {0} * ? [a] # ! ~ & | < > %s ä"
UNQUOTABLE = ("a\nb", "a\rb", "a\tb", "a\0b", "a\x1bb", "a\x7fb", "a\x85b", "a\udcffb", "\n")
LISTS = {
    "params.run": ["--run", 0],
    "params.companion": ["--companion", 0],
    "params.given": ["--weights", 0, "--key", 0],
    "params.tables": ["--table", 0],
}


def fields(template: str) -> list[tuple[str, str]]:
    parsed = string.Formatter().parse(template)
    return [(name, spec or "") for _, name, spec, _ in parsed if name is not None]


@pytest.mark.parametrize("rule", sorted(templates()))
def test_everything_that_reaches_a_shell_is_quoted(rule: str) -> None:
    assert [name for name, spec in fields(templates()[rule]) if spec != "q"] == []


@pytest.mark.parametrize("rule", sorted(templates()))
@pytest.mark.parametrize("nasty", NASTY)
def test_every_value_is_one_word_of_the_line(rule: str, nasty: str) -> None:
    template, values, expected = templates()[rule], dict[str, Any](), []
    for name, _ in fields(template):
        first, _, second = name.partition(".")
        words = [nasty if word == 0 else word for word in LISTS.get(name, [0])]
        value = words if name in LISTS else nasty
        expected += words
        if second:
            values.setdefault(first, SimpleNamespace()).__dict__[second] = value
        else:
            values[first] = value
    line = snakemake_format(template, **values)
    fixed = {word for word in shlex.split(template) if "{" not in word}
    assert [word for word in shlex.split(line) if word not in fixed] == [
        word for word in expected if word not in fixed
    ]


def test_options_are_lists_of_words() -> None:
    assert Workflow.run_option(f"{ALL}/weights") == ["--run", ALL]
    assert Workflow.companion_option(f"{ALL}/index.json") == ["--companion", ALL]
    assert Workflow.run_option([]) == Workflow.companion_option([]) == []


def experiment(tiny: Tiny, path: Path, root: str) -> Path:
    sets = [{"kind": "folder", "name": name, "root": root} for name in ("mine", "street")]
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = {"mean": {"file": f"/somewhere/{ALL}", "key": ALL}}
    return write_experiment(path, tiny, sets[1], dataset=sets[0], weights=weights)


@pytest.mark.parametrize("outside", [True, False])
def test_all_lines_of_a_workflow_with_nasty_paths(
    tmp_path: Path, tiny: Tiny, outside: bool
) -> None:
    # Snakemake itself cannot work in a folder with braces.
    here = ALL.translate(str.maketrans("{}", "()"))
    project, root = tmp_path / f"project {here}", f"/somewhere/{ALL}"
    shutil.copytree(PUBLISHED, project / "reports" / "published")
    config = experiment(tiny, (tmp_path if outside else project) / ALL / f"-{ALL}.yaml", root)
    seen = str(config if outside else config.relative_to(project))
    lines = rendered(project, config)
    assert set(lines) == set(templates())
    for rule, found in lines.items():
        for words in map(shlex.split, found):
            program = words[words[0] == "exec" :]
            assert program[:2] == ["dmtbench", rule.removesuffix("_given")]
            assert set(words) & {"touch", "x", "&&", "`touch"} == set()
            if "--config" in words:
                assert words[words.index("--config") + 1] == seen
            if "--root" in words:
                assert words[words.index("--root") + 1] == root
    (scoring,) = map(shlex.split, lines["evaluate_given"])
    start = scoring.index("--weights")
    assert scoring[start : start + 4] == ["--weights", f"/somewhere/{ALL}", "--key", ALL]
    (training,) = [words for words in map(shlex.split, lines["train"]) if NEEDY in words]
    assert training[training.index("--companion") + 1] == "data/street/store"


def test_a_nasty_configuration_can_be_planned(
    tmp_path: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(PUBLISHED, tmp_path / "reports" / "published")
    monkeypatch.chdir(tmp_path)
    config = tmp_path / f"-{ALL}.yaml"
    shutil.copy(tiny.config, config)
    assert planned_jobs(Path(config.name), ["data/tiny/manifest.csv"])


@pytest.mark.parametrize("nasty", NASTY)
def test_nasty_paths_are_kept_as_they_are(
    tmp_path: Path, tiny: Tiny, nasty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = experiment(tiny, tmp_path / nasty / "mine.yaml", nasty)
    monkeypatch.chdir(tmp_path)
    workflow = Workflow(config)
    assert workflow.config == f"{nasty}/mine.yaml"
    assert workflow.raw == workflow.raw_of("street") == nasty


@pytest.mark.parametrize("nasty", UNQUOTABLE)
def test_what_no_command_line_can_hold_is_refused(
    tmp_path: Path, tiny: Tiny, nasty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="no command line can hold") as caught:
        Workflow(tmp_path / f"{nasty}.yaml")
    assert str(caught.value).isprintable()
    if "\udcff" not in nasty:
        block = {"kind": "folder", "name": "mine", "root": nasty}
        path = tmp_path / "mine.yaml"
        data = yaml.safe_load(tiny.config.read_text())
        path.write_text(yaml.safe_dump(data | {"dataset": block}))
        with pytest.raises(ConfigError, match=r"mine\.yaml: .*control characters") as caught:
            Workflow(path)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["{0}", "a{b", "a}b", "{method}"])
def test_a_project_folder_with_braces_is_refused(
    tmp_path: Path, tiny: Tiny, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / name)
    with pytest.raises(ConfigError, match="cannot work in a folder with braces"):
        Workflow(tiny.config)


def test_an_empty_root_is_refused(tmp_path: Path, tiny: Tiny) -> None:
    with pytest.raises(ConfigError, match=r"root: String should have at least 1 character"):
        Workflow(experiment(tiny, tmp_path / "mine.yaml", ""))


@pytest.mark.parametrize("nasty", [*NASTY, *UNQUOTABLE, "Upper", "under_score", "a.b", "a/b", ""])
@pytest.mark.parametrize("kind", ["methods", "ablations", "dataset", "companion"])
def test_names_have_a_pattern(tmp_path: Path, tiny: Tiny, kind: str, nasty: str) -> None:
    if kind in ("dataset", "companion") and nasty == "under_score":
        pytest.skip("an underscore is fine in the name of a set")
    if "\udcff" in nasty:
        pytest.skip("YAML cannot hold it")
    data = yaml.safe_load(tiny.config.read_text())
    block = {"kind": "folder", "name": nasty, "root": "somewhere"}
    entry = {"row": "Mine", **({"module": "dmtnet"} if kind == "methods" else {"base": "dmtnet-b"})}
    data[kind] = {nasty: entry} if kind in ("methods", "ablations") else block
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(ConfigError) as caught:
        load_experiment(path)
    reasons = f"name|{kind}|control characters"
    assert re.match(rf"{re.escape(str(path))}: .*({reasons})", str(caught.value))
    assert "\n" not in str(caught.value)
