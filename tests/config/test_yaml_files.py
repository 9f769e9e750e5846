"""YAML that is valid but no configuration: one line that names file, line and remedy, at once."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import yaml

from pipeline.config.yaml_files import MAX_BASES, MAX_BYTES, read_with_bases, read_yaml
from pipeline.config.yaml_loader import MAX_DEPTH
from pipeline.errors import ConfigError


def complaint(path: Path, content: str | None = None) -> str:
    if content is not None:
        path.write_text(content, encoding="utf-8")
    started = time.monotonic()
    with pytest.raises(ConfigError) as caught:
        read_with_bases(path)
    assert time.monotonic() - started < 2
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert text.isprintable()
    assert len(text) < 1000
    return text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("seed: 1\nrepetitions: 2\nseed: 2\n", ["line 3: the key 'seed' is already on line 1"]),
        ("{seed: 1, seed: 1}", ["line 1: the key 'seed' is already on line 1"]),
        ("a:\n  b:\n    - {c: 1}\n    - c: 1\n      d: 2\n      c: 3\n", ["line 6: the key 'c'"]),
        ("a: &a {k: 1, k: 2}\nb: {<<: *a}\n", ["line 1: the key 'k'"]),
        ("a: &a {k: 1}\nb: &b {l: 1}\nc:\n  <<: *a\n  <<: *b\n", ["line 5: the key '<<'"]),
        ("a: 1\n'a': 2\n", ["line 2: the key 'a'"]),
        ('a: 1\n"\\x61": 2\n', ["line 2: the key 'a'"]),
        ("a: &a {? {b: 1, b: 2} : 1}\n", ["the key 'b'"]),
    ],
)
def test_no_key_twice(tmp_path: Path, content: str, words: list[str]) -> None:
    text = complaint(tmp_path / "mine.yaml", content)
    assert all(word in text for word in words)
    assert "remove one of them" in text


def test_a_key_from_a_merge_may_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("a: &a {k: 1, l: 1}\nb: &b {k: 2}\nc: {k: 3, <<: [*a, *b]}\nd: {<<: *b}\n")
    expected = yaml.safe_load(path.read_text())
    assert read_yaml(path) == expected
    assert expected["c"] == {"k": 3, "l": 1}


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join(9 * [f'*a{n - 1}'])}]\n" for n in range(1, 12)
)
MERGES = "a0: &a0 {k: 1, l: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [{', '.join(9 * [f'*a{n - 1}'])}]}}\n" for n in range(1, 12)
)
LADDER = "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 900))


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("a: " + "[" * 20_000, "line 1: is nested too deeply"),
        ("a: " + "{b: " * 15_000, "nested too deeply"),
        ("a: " + "- " * 900, "YAML"),
        ("\n".join(" " * n + "a:" for n in range(300)), "line 21: is nested too deeply"),
        ("a: &a [*a]", "line 1: an anchor contains itself"),
        ("a: &a {b: {c: [1, *a]}}", "contains itself"),
        ("&a a: &b {<<: *b}", "contains itself"),
        (BOMB, "line 5: holds too much"),
        (MERGES, "holds too much"),
        (LADDER, "line 19: holds too much"),
        ("a: [" + "1, " * 20_000 + "]", "holds too much"),
        ("#" * MAX_BYTES + "\nseed: 1\n", "larger than 64 KiB"),
    ],
    ids=lambda value: value[:12],
)
def test_too_much_of_anything(tmp_path: Path, content: str, word: str) -> None:
    assert word in complaint(tmp_path / "mine.yaml", content)


def test_nesting_as_deep_as_allowed(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    levels = MAX_DEPTH - 1
    path.write_text("a: " + "[" * levels + "]" * levels)
    read_yaml(path)
    path.write_text("a: " + "[" * (levels + 1) + "]" * (levels + 1))
    assert "holds too much" in complaint(path) or "nested" in complaint(path)


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("9" * 5000, "too large"),
        ("-9223372036854775809", "too large"),
        ("0x" + "f" * 5000, "decimal digits"),
        ("0777", "decimal digits"),
        ("1:30", "decimal digits"),
        ("!!int ''", "decimal digits"),
        ("!!int _", "decimal digits"),
        (".inf", "finite"),
        ("-.INF", "finite"),
        (".nan", "finite"),
        ("1.0e+999", "finite"),
        ("!!float x", "finite"),
        ("190:20:30.15", "finite"),
        ("!!bool perhaps", "true or false"),
        ("!!int [1]", "scalar"),
        ("!!timestamp 2022-02-30", "timestamp"),
        ("!!binary '####'", "binary"),
        ("!!set {x}", "set"),
        ("!!python/tuple [1]", "python/tuple"),
        ("!!python/object/apply:os.system [x]", "python/object"),
        ("!mine x", "!mine"),
        ('"\\ud800"', "control"),
        ('"\\0"', "control"),
        ('"\\n"', "control"),
        ('"\\u2028"', "control"),
        ('"\\U00110000"', "YAML"),
        ("a" * 2000, "too long"),
        ("*nothing", "undefined alias"),
        ("1\n---\nb: 2", "single document"),
        ("=", "value"),
    ],
)
def test_values_that_are_no_data(tmp_path: Path, value: str, word: str) -> None:
    assert word in complaint(tmp_path / "mine.yaml", f"a: {value}\n")


@pytest.mark.parametrize("key", ["1", "on", "null", "1.5", "2022-01-01T00", "[a]", "{a: 1}", "="])
def test_keys_are_text(tmp_path: Path, key: str) -> None:
    path = tmp_path / "mine.yaml"
    if key.startswith("2022"):
        path.write_text(f"{key}: 1")
        assert read_yaml(path) == {key: 1}
        return
    assert "is not text; quote it" in complaint(path, f"? {key}\n: 1\n")


@pytest.mark.parametrize("text", ["2022-02-30", "2022-02-28", "2022-13-01 25:00:00"])
def test_dates_are_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"a: {text}\n")
    assert read_yaml(path) == {"a": text}


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("\ufeffseed: 1\n", encoding="utf-8")
    assert read_yaml(path) == {"seed": 1}


def test_only_regular_files(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "not a regular file" in complaint(pipe)
    with pytest.raises(ConfigError, match="not a regular file"):
        read_yaml(Path("/dev/zero"))
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert "cannot be read" in complaint(loop)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_yaml(tmp_path / ("a" * 300))


def test_files_that_extend_each_other(tmp_path: Path) -> None:
    for number in range(MAX_BASES + 1):
        (tmp_path / f"{number}.yaml").write_text(f"extends: {number + 1}.yaml\na: {number}\n")
    assert "a chain of more than" in complaint(tmp_path / "0.yaml")
    (tmp_path / "3.yaml").write_text("a: 3\nb: {c: 3, d: 3}\n")
    (tmp_path / "1.yaml").write_text("extends: 2.yaml\nb: {c: 1}\n")
    assert read_with_bases(tmp_path / "0.yaml") == {"a": 0, "b": {"c": 1, "d": 3}}
    (tmp_path / "link.yaml").symlink_to(tmp_path / "0.yaml")
    (tmp_path / "3.yaml").write_text("extends: link.yaml\n")
    assert "a cycle: " in complaint(tmp_path / "0.yaml")
    assert "must be the path of one file" in complaint(tmp_path / "a.yaml", "extends: [0.yaml]")
