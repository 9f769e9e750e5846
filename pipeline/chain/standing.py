"""How an artifact stands with an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.errors import RecordError
from pipeline.keys import Keys

State = Literal["fresh", "stale", "foreign", "broken", "missing"]

STATES: dict[State, str] = {
    "fresh": "what the experiment requests, made by the code of today",
    "stale": "what the experiment requests, by other code or without a metric that can be added",
    "foreign": "made for another configuration, seed, repetition or data set",
    "broken": "changed, damaged or incomplete since it was made",
    "missing": "not made yet",
}


@dataclass(frozen=True)
class Standing:
    """The state of an artifact; `path`: the file that decides it; `reason`: one line."""

    state: State
    path: Path
    reason: str = ""

    @property
    def usable(self) -> bool:
        """Whether reports may show it."""
        return self.state in ("fresh", "stale")

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.reason else str(self.path)

    def require(self) -> None:
        """Refuse an artifact that reports must not show.

        Raises:
            RecordError: it is foreign, broken or missing; the message names the file and the
                remedy.
        """
        if not self.usable:
            reason = self.reason or "missing"
            raise RecordError(
                f"{self.path}: {reason}; `dmtbench run` with this experiment makes it again"
            )


def judged_by_keys(
    path: Path, *, keys: Keys, configuration_key: str, code: Mapping[str, str]
) -> Standing:
    """Compare the keys in a record with those that the experiment requests.

    Args:
        path: the record.
        keys: those of the experiment and of the code of today.
        configuration_key: in the record.
        code: in the record.
    """
    if configuration_key != keys.configuration:
        return Standing("foreign", path, "made for another configuration or seed")
    if changed := keys.changed_code(code):
        return Standing("stale", path, f"made by other code ({', '.join(changed)})")
    return Standing("fresh", path)
