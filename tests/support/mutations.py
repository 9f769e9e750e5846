"""Damage to files, for fuzzing: bytes, numbers, nesting, words of the format, whole values."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

Damage = Callable[[random.Random], bytes]
"""Makes one input; equal states of the generator give equal inputs."""


def _as_it_is(content: bytes) -> bytes:
    return content


@dataclass(frozen=True)
class Inputs:
    """What a reader is fed: intact contents, which it must accept, and damaged ones.

    `wrap` makes a file of either. It stands apart so that whatever else damages a content, as
    `support.guided_fuzz` does, leaves the wrapping right.
    """

    intact: Sequence[bytes]
    damaged: Damage
    wrap: Callable[[bytes], bytes] = _as_it_is

    def passed_through(self, wrap: Callable[[bytes], bytes]) -> Inputs:
        """The same inputs, each inside `wrap`: a seal or a container that must be right."""
        inner = self.wrap
        return replace(self, wrap=lambda content: wrap(inner(content)))


NUMBERS = (
    *(b"0", b"-0", b"-1", b"1", b"255", b"65536", b"2147483648", b"4294967296"),
    *(b"9223372036854775807", b"9223372036854775808", b"-9223372036854775809"),
    *(b"1" + 30 * b"0", 5000 * b"9", b"0x" + 5000 * b"f", b"1e999", b"-1e999", b"1e-400"),
    *(b"NaN", b"Infinity", b"-Infinity", b".nan", b".inf", b"nan", b"inf", b"1_0", b"1.5"),
)
WORDS = (
    *(b"\0", b"\n", b"\r", b"\r\n", b"\t", b" ", b'"', b"'", b"\\", b"/", b"..", b"#", b"%"),
    *(b"\xff", b"\xc3\x28", b"\xef\xbb\xbf", b"\xed\xa0\x80", "é\u202e\u2028".encode(), b"\x7f"),
    *(b"null", b"true", b"false", b"None", b"", b"{}", b"[]", b"$(id)", b"a" * 5000),
)
INTEGERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**63)
DEPTHS = (3, 40, 900, 20_000)
OPENINGS = (b"[", b"{", b'{"a":', b"- ", b"a: {", b"(")

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**30, -(10**30), 0.5, 1e308, -1e308),
    *(float("nan"), float("inf"), "", "a", "\0", "../..", "\ud800", "a" * 5000, "\n", "1", b"\xff"),
    *([], {}, [[]], [0] * 1000, {"a": 1}, {"": None}, [None], (1, 2), [{}], [1, "a"]),
)
"""Values for `changed_tree`."""


def mutations(seeds: Sequence[bytes], *, words: Sequence[bytes] = (), most: int = 3) -> Inputs:
    """Inputs that are a seed with one to `most` damages.

    Args:
        seeds: intact files.
        words: what has a meaning in this format, to be put in at random.
        most: damages of one input.
    """
    dictionary = (*WORDS, *words)

    def damaged(chance: random.Random) -> bytes:
        content = chance.choice(seeds)
        for _ in range(chance.randint(1, most)):
            content = chance.choice(_DAMAGES)(content, chance, seeds, dictionary)
        return content

    return Inputs(seeds, damaged)


def other_values(tree: Any) -> Inputs:
    """Files of JSON, and so of YAML, in which values are other ones or gone."""

    def damaged(chance: random.Random) -> bytes:
        return _json(changed_tree(tree, chance))

    return Inputs([_json(tree)], damaged)


def _json(tree: Any) -> bytes:
    return json.dumps(tree, default=repr).encode()


def changed_tree(tree: Any, chance: random.Random, most: int = 2) -> Any:
    """A copy of nested data in which one to `most` values, at any depth, are other ones or gone."""
    tree = copy.deepcopy(tree)
    for _ in range(chance.randint(1, most)):
        places = [*_places(tree)]
        if not places:
            return chance.choice(VALUES)
        parent, key = chance.choice(places)
        _change(parent, key, chance, [where[0][where[1]] for where in places])
    return tree


def _places(tree: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    if isinstance(tree, dict):
        found = [(tree, key) for key in tree]
    elif isinstance(tree, list):
        found = [(tree, number) for number in range(len(tree))]
    return found + [place for parent, key in found for place in _places(parent[key])]


def _change(parent: Any, key: Any, chance: random.Random, others: list[Any]) -> None:
    kind = chance.randrange(6)
    if kind == 0:
        del parent[key]
    elif kind == 1:
        parent[key] = copy.deepcopy(chance.choice(others))
    elif kind == 2 and isinstance(parent, dict):
        parent[chance.choice(["extra", "", key * 2 if isinstance(key, str) else "k"])] = parent[key]
    elif kind == 3 and isinstance(parent[key], int | float):
        parent[key] = parent[key] * chance.choice([-1, 2, 0.5, 10**6]) + chance.choice([-1, 0, 1])
    else:
        parent[key] = copy.deepcopy(chance.choice(VALUES))


_Words = Sequence[bytes]


def _span(content: bytes, chance: random.Random, longest: int = 64) -> tuple[int, int]:
    start = chance.randrange(len(content) + 1)
    return start, min(len(content), start + chance.randint(1, longest))


def _bits(content: bytes, chance: random.Random, seeds: _Words, words: _Words) -> bytes:
    array = bytearray(content)
    for _ in range(chance.randint(1, 8) if array else 0):
        array[chance.randrange(len(array))] ^= 1 << chance.randrange(8)
    return bytes(array)


def _cut(content: bytes, chance: random.Random, seeds: _Words, words: _Words) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def _remove(content: bytes, chance: random.Random, seeds: _Words, words: _Words) -> bytes:
    start, end = _span(content, chance)
    return content[:start] + content[end:]


def _repeat(content: bytes, chance: random.Random, seeds: _Words, words: _Words) -> bytes:
    start, end = _span(content, chance)
    return content[:end] + content[start:end] * chance.choice((1, 2, 100)) + content[end:]


def _splice(content: bytes, chance: random.Random, seeds: _Words, words: _Words) -> bytes:
    other = chance.choice(seeds)
    start, end = _span(other, chance, len(other) + 1)
    place, _ = _span(content, chance)
    return content[:place] + other[start:end] + content[place + chance.choice((0, end - start)) :]


def _word(content: bytes, chance: random.Random, seeds: _Words, words: _Words) -> bytes:
    start, end = _span(content, chance, 8)
    return content[:start] + chance.choice(words) + content[chance.choice((start, end)) :]


def _number(content: bytes, chance: random.Random, seeds: _Words, words: _Words) -> bytes:
    numbers = [*re.finditer(rb"-?\d+(\.\d+)?(e-?\d+)?", content)]
    if not numbers:
        return _word(content, chance, seeds, NUMBERS)
    found = chance.choice(numbers)
    return content[: found.start()] + chance.choice(NUMBERS) + content[found.end() :]


def _nest(content: bytes, chance: random.Random, seeds: _Words, words: _Words) -> bytes:
    place, _ = _span(content, chance)
    depth, opening = chance.choice(DEPTHS), chance.choice(OPENINGS)
    closing = chance.choice((b"", {b"[": b"]", b"(": b")"}.get(opening, b"}")))
    return content[:place] + opening * depth + b"1" + closing * depth + content[place:]


def _lines(content: bytes, chance: random.Random, seeds: _Words, words: _Words) -> bytes:
    lines = content.splitlines(keepends=True)
    if len(lines) < 2:
        return _repeat(content, chance, seeds, words)
    one, two = (chance.randrange(len(lines)) for _ in range(2))
    kind = chance.randrange(3)
    if kind == 0:
        lines[one], lines[two] = lines[two], lines[one]
    elif kind == 1:
        lines.insert(two, lines[one])
    else:
        del lines[one]
    return b"".join(lines)


def _integer(content: bytes, chance: random.Random, seeds: _Words, words: _Words) -> bytes:
    """Overwrite a binary integer: lengths, offsets and counts of binary formats."""
    width = chance.choice((1, 2, 4, 8))
    value = chance.choice(INTEGERS) % (1 << 8 * width)
    start = chance.randrange(len(content) + 1)
    order = chance.choice(("little", "big"))
    return content[:start] + value.to_bytes(width, order) + content[start + width :]


_DAMAGES = (
    *(_bits, _cut, _remove, _repeat, _splice, _word, _word),
    *(_number, _number, _nest, _lines, _integer),
)
