"""The process of one part: writes each message as a line of JSON as soon as it is known.

python -m pipeline.gpu_check.process PART DEVICE
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import TextIO, cast

from pipeline.errors import UserError
from pipeline.gpu_check import (
    attention,
    determinism,
    drill,
    feed,
    gpu_tests,
    processes,
    rates,
    speed,
)
from pipeline.gpu_check.machine import machine
from pipeline.gpu_check.parts import MACHINE
from pipeline.gpu_check.rows import Planned, Row, Skipped
from pipeline.gpu_check.scale import DeviceKind
from pipeline.gpu_check.setting import Setting
from pipeline.record_base import Record

Message = Planned | Skipped | Row
RUN: dict[str, Callable[[Setting], Iterator[Message]]] = {
    "rates": rates.run,
    "tests": gpu_tests.run,
    "attention": attention.run,
    "determinism": determinism.run,
    "feed": feed.run,
    "kill": drill.run,
    "processes": processes.run,
    "speed": speed.run,
}


def send(out: TextIO, kind: str, record: Record) -> None:
    """Write one line: the kind of message, a tab, and the message as JSON."""
    out.write(f"{kind}\t{record.model_dump_json()}\n")
    out.flush()


def kind_of(message: Message) -> str:
    """The word that starts a message's line."""
    if isinstance(message, Planned):
        return "planned"
    return "skipped" if isinstance(message, Skipped) else "row"


def main() -> None:
    """Entry point; a failure ends with its reason as the last line of standard error."""
    part, kind = sys.argv[1:]
    # What libraries print must not mix with the messages.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        if part == MACHINE:
            send(out, MACHINE, machine(cast(DeviceKind, kind)))
            return
        for message in RUN[part](Setting(cast(DeviceKind, kind))):
            send(out, kind_of(message), message)
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except Exception as error:
        traceback.print_exc()
        first = str(error).strip().partition("\n")[0]
        print(f"{type(error).__name__}: {first}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
