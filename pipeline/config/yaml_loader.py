"""The YAML of configuration files: plain data only, and no key twice."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Any

from yaml import (
    AliasEvent,
    Event,
    MappingNode,
    MarkedYAMLError,
    Node,
    SafeLoader,
    ScalarNode,
)

MAX_DEPTH = 20
MAX_VALUES = 10_000
"""Number of values, an anchor's as often as they are used."""
MAX_TEXT = 1024
MAX_INTEGER = 2**63 - 1

_PREFIX = "tag:yaml.org,2002:"
_TEXT, _MERGE = f"{_PREFIX}str", f"{_PREFIX}merge"
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9_]*)")
_SHOWN = 60
_UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")


class NotPlainDataError(MarkedYAMLError):
    """Valid YAML that no configuration needs; `problem` has the remedy."""

    def __init__(self, problem: str, mark: Any) -> None:
        super().__init__(problem=problem, problem_mark=mark)


class DataLoader(SafeLoader):
    """Loads mappings with text as keys, lists, text, finite numbers, booleans and null.

    Refused: a key that a mapping has twice (one that comes from a merge `<<` may be replaced), keys
    that are not text, other tags, infinities, integers beyond 64 bits or not in decimal notation,
    control characters, anchors that contain themselves, and more values, nesting or text than any
    configuration needs. What looks like a date is text.

    Raises:
        NotPlainDataError: it contains any of these.
        yaml.YAMLError: it is not valid YAML.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [pair for pair in pairs if pair[0] != f"{_PREFIX}timestamp"]
        for first, pairs in SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._opened: list[Node | None] = []
        # Number of values and of levels of every node so far.
        self._extent: dict[Node, tuple[int, int]] = {}

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        """Compose a node and check its keys and its extent, before anything is constructed."""
        event: Event = self.peek_event()  # type: ignore[no-untyped-call]
        if len(self._opened) > MAX_DEPTH:
            raise NotPlainDataError("is nested too deeply; make it simpler", event.start_mark)
        self._opened.append(parent)
        node = super().compose_node(parent, index)
        if isinstance(event, AliasEvent) and any(node is opened for opened in self._opened):
            raise NotPlainDataError("an anchor contains itself; remove the alias", event.start_mark)
        self._opened.pop()
        if node is not None:
            if isinstance(node, MappingNode) and not isinstance(event, AliasEvent):
                _check_keys(node)
            self._add_extent(parent, node, event.start_mark)
        return node

    def _add_extent(self, parent: Node | None, node: Node, mark: Any) -> None:
        values, levels = self._extent.setdefault(node, (1, 1))
        if parent is None:
            return
        others, deepest = self._extent.get(parent, (1, 1))
        self._extent[parent] = total = (others + values, max(deepest, levels + 1))
        # Aliases of aliases can stand for billions of values.
        if total[0] > MAX_VALUES or total[1] > MAX_DEPTH:
            raise NotPlainDataError("holds too much for a configuration; use fewer aliases", mark)

    def construct_integer(self, node: ScalarNode) -> int:
        """A decimal integer of 64 bits; YAML 1.1 also has octal `010` and sexagesimal `1:30`."""
        text = str(self.construct_scalar(node))
        if not _DECIMAL.fullmatch(text):
            raise NotPlainDataError(
                f"{_shown(text)}: write integers with decimal digits, or quote a text",
                node.start_mark,
            )
        if len(text) > MAX_TEXT or abs(int(text)) > MAX_INTEGER:
            raise NotPlainDataError(
                f"{_shown(text)}: is too large; use a smaller integer", node.start_mark
            )
        return int(text)

    def construct_number(self, node: ScalarNode) -> float:
        """A finite number."""
        text = str(self.construct_scalar(node))
        try:
            value = float(text.replace("_", ""))
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise NotPlainDataError(
                f"{_shown(text)}: is not a finite number; use another one", node.start_mark
            )
        return value

    def construct_flag(self, node: ScalarNode) -> bool:
        """True or false."""
        text = str(self.construct_scalar(node))
        if text.lower() not in self.bool_values:
            raise NotPlainDataError(f"{_shown(text)}: use true or false", node.start_mark)
        return self.bool_values[text.lower()]

    def construct_text(self, node: ScalarNode) -> str:
        """Text of one line, of reasonable length."""
        text = str(self.construct_scalar(node))
        if len(text) > MAX_TEXT or any(unicodedata.category(c) in _UNPRINTABLE for c in text):
            raise NotPlainDataError(
                f"{_shown(text)}: is too long or has control characters; use plain text",
                node.start_mark,
            )
        return text

    yaml_constructors = {  # noqa: RUF012
        **{
            tag: SafeLoader.yaml_constructors[tag]
            for tag in (f"{_PREFIX}null", f"{_PREFIX}seq", f"{_PREFIX}map", None)
        },
        f"{_PREFIX}int": construct_integer,
        f"{_PREFIX}float": construct_number,
        f"{_PREFIX}bool": construct_flag,
        _TEXT: construct_text,
    }


def _check_keys(node: MappingNode) -> None:
    lines: dict[tuple[str, str], int] = {}
    for key, _ in node.value:
        if not isinstance(key, ScalarNode) or key.tag not in (_TEXT, _MERGE):
            what = _shown(key.value) if isinstance(key, ScalarNode) else "a list or mapping"
            raise NotPlainDataError(f"the key {what} is not text; quote it", key.start_mark)
        name, line = (key.tag, key.value), key.start_mark.line + 1
        if name in lines:
            raise NotPlainDataError(
                f"the key {_shown(key.value)} is already on line {lines[name]}; remove one of them",
                key.start_mark,
            )
        lines[name] = line


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
