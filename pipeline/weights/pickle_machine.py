"""Read a pickle as data: every name in it stays a name, every call a note of what was asked for.

Unpickling calls any function that a file names, and even its safe variants hash what the file
made up: tuples that hold each other twice, forty levels deep, take forever. This machine follows
the opcodes and never imports, calls or hashes anything but numbers and strings.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import IO, Any

from pipeline.weights.arrays import Unreadable

MAX_BYTES = 1 << 24
"""Most bytes of a pickle: those of a state dict and its optimizer hold names and shapes only."""

MAX_OPCODES = 1_000_000
_MAX_LINE = 4096
_KEY_BITS = 64
_KEYS = (str, int, float, bytes, type(None))
_VALUES = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
    "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_IGNORED = {"PROTO", "FRAME"}


class Named:
    """A function or class that the pickle names, e.g. `torch.Size`."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class Made:
    """What a call would have made: the callee, its arguments, and the items put into it."""

    __slots__ = ("arguments", "callee", "items")

    def __init__(self, callee: Named, arguments: Any) -> None:
        self.callee = callee
        self.arguments = arguments
        self.items: dict[Any, Any] = {}


class Stored:
    """A reference to something outside the pickle, such as the numbers of a tensor."""

    __slots__ = ("identifier",)

    def __init__(self, identifier: Any) -> None:
        self.identifier = identifier


def read_pickle_as_data(
    stream: IO[bytes], allowed: Callable[[str], bool], references: list[Any] | None = None
) -> Any:
    """The content of the pickle at the position of `stream`, which ends up behind it.

    Sets become lists; items with keys that are neither numbers nor strings are left out.

    Args:
        stream: at the start of a pickle.
        allowed: whether a file of weights may name this function or class.
        references: gathers the identifiers of all that is stored outside the pickle.

    Returns:
        None, numbers, strings, bytes, tuples, lists and dicts of these, and instances of `Named`,
        `Made` and `Stored`.

    Raises:
        Unreadable: damaged, too long, or it asks for a name that is not allowed.
    """
    machine = _Machine(allowed, [] if references is None else references)
    try:
        opcodes = pickletools.genops(_Bounded(stream))  # type: ignore[arg-type]
        for count, (opcode, argument, _) in enumerate(opcodes):
            if count == MAX_OPCODES:
                raise Unreadable("its pickle is longer than any of weights")
            if opcode.name == "STOP":
                return machine.stack.pop()
            machine.step(opcode.name, argument)
    except Unreadable:
        raise
    # The standard library raises all kinds of exceptions over a damaged pickle.
    except Exception as error:
        raise Unreadable(f"is damaged (its pickle: {type(error).__name__})") from error
    raise Unreadable("is damaged (its pickle has no end)")


class _Bounded:
    """The first `MAX_BYTES` of a stream, and no line longer than a name can be."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._left = MAX_BYTES

    def read(self, count: int) -> bytes:
        self._left -= count
        if self._left < 0:
            raise Unreadable("its pickle is larger than any of weights")
        return self._stream.read(count)

    def readline(self) -> bytes:
        line = self._stream.readline(_MAX_LINE)
        self._left -= len(line)
        return line


class _Machine:
    """The stack machine of the module `pickle`, without its calls."""

    def __init__(self, allowed: Callable[[str], bool], references: list[Any]) -> None:
        self.stack: list[Any] = []
        self._allowed = allowed
        self._references = references
        self._marked: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        if name in _VALUES:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            # Larger numbers can be made to share one hash.
            if not 0 <= argument < MAX_OPCODES:
                raise Unreadable("is damaged (its pickle: memo)")
            self._memo[argument] = self.stack[-1]
        elif name == "MEMOIZE":
            self._memo[len(self._memo)] = self.stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            self.stack.append(self._memo[argument])
        elif name == "MARK":
            self._marked.append(self.stack)
            self.stack = []
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            self._name(argument)
        elif name in _OPERATIONS:
            _OPERATIONS[name](self)
        elif name not in _IGNORED:
            raise Unreadable(f"its pickle uses {name}, which weights don't need")

    def push(self, value: Any) -> None:
        """Put a value on the stack: that of now, which a mark may have replaced."""
        self.stack.append(value)

    def to_mark(self) -> list[Any]:
        """What is above the mark, which is taken away."""
        found, self.stack = self.stack, self._marked.pop()
        return found

    def take(self, count: int) -> tuple[Any, ...]:
        """The last `count` values, which are taken away."""
        return tuple(reversed([self.stack.pop() for _ in range(count)]))

    def call(self, arguments: int = 1) -> None:
        """Note a call: of these values, only the first are the arguments."""
        callee, *given = self.take(arguments + 1)
        if not isinstance(callee, Named):
            raise Unreadable("its pickle calls something that is not a name")
        self.stack.append(Made(callee, given[0]))

    def put(self, items: list[Any]) -> None:
        """Put keys and values into the dict or object on top."""
        target = self.stack[-1]
        mapping = target.items if isinstance(target, Made) else target
        for key, value in zip(items[::2], items[1::2], strict=True):
            # Larger numbers can be made to share one hash.
            large = isinstance(key, int) and key.bit_length() > _KEY_BITS
            if isinstance(key, _KEYS) and isinstance(mapping, dict) and not large:
                mapping[key] = value

    def extend(self, items: list[Any]) -> None:
        """Append to the list on top; what an object gathers is never used."""
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(items)

    def refer(self) -> None:
        """Note a reference to what is stored outside the pickle."""
        self.stack.append(Stored(self.stack.pop()))
        self._references.append(self.stack[-1].identifier)

    def _name(self, argument: str | None) -> None:
        if argument is None:
            module, attribute = self.take(2)
        else:
            module, _, attribute = argument.partition(" ")
        text = f"{module}.{attribute}"
        if not self._allowed(text):
            shown = text if text.isprintable() and len(text) < 100 else ascii(text[:100])
            raise Unreadable(f"asks for {shown}, which is never run here")
        self.stack.append(Named(text))


def _build(machine: _Machine) -> None:
    # The state of an object: of an OrderedDict, the versions of modules.
    machine.stack.pop()
    if not machine.stack:
        raise Unreadable("is damaged (its pickle)")


def _dict_to_mark(machine: _Machine) -> None:
    items = machine.to_mark()
    machine.stack.append({})
    machine.put(items)


_OPERATIONS: dict[str, Callable[[_Machine], object]] = {
    "POP": lambda machine: machine.stack.pop() if machine.stack else machine.to_mark(),
    "POP_MARK": _Machine.to_mark,
    "DUP": lambda machine: machine.push(machine.stack[-1]),
    "TUPLE": lambda machine: machine.push(tuple(machine.to_mark())),
    "TUPLE1": lambda machine: machine.push(machine.take(1)),
    "TUPLE2": lambda machine: machine.push(machine.take(2)),
    "TUPLE3": lambda machine: machine.push(machine.take(3)),
    "EMPTY_LIST": lambda machine: machine.push([]),
    "EMPTY_SET": lambda machine: machine.push([]),
    "EMPTY_DICT": lambda machine: machine.push({}),
    "LIST": lambda machine: machine.push(machine.to_mark()),
    "FROZENSET": lambda machine: machine.push(machine.to_mark()),
    "DICT": _dict_to_mark,
    "APPEND": lambda machine: machine.extend([machine.stack.pop()]),
    "APPENDS": lambda machine: machine.extend(machine.to_mark()),
    "ADDITEMS": lambda machine: machine.extend(machine.to_mark()),
    "SETITEM": lambda machine: machine.put([*machine.take(2)]),
    "SETITEMS": lambda machine: machine.put(machine.to_mark()),
    "REDUCE": _Machine.call,
    "NEWOBJ": _Machine.call,
    "NEWOBJ_EX": lambda machine: machine.call(2),
    "BUILD": _build,
    "BINPERSID": _Machine.refer,
}
