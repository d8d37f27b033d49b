"""Counts the outcomes of a run."""

import time
from collections import Counter

import attrs

from digitro_async.errors import Outcome

__all__ = ["RunCounts", "summary_of"]


@attrs.define
class RunCounts:
    """Counts of one run so far.

    Attributes:
        outcomes: Contacts settled, by outcome.
        rejected_rows: Rows of the file that are no contact.
        began: When it began, as ``time.monotonic()``.
    """

    outcomes: Counter[Outcome] = attrs.field(factory=Counter)
    rejected_rows: int = 0
    began: float = attrs.field(factory=time.monotonic)

    def restart(self) -> None:
        """Count seconds from now on."""
        self.began = time.monotonic()

    @property
    def settled(self) -> int:
        """Number of contacts with a final result."""
        return self.outcomes.total()

    @property
    def seconds(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began


def summary_of(counts: RunCounts) -> list[tuple[str, str]]:
    """Return the lines that a run ends with, as name and value."""
    seconds = max(counts.seconds, 1e-9)
    rows = [("contacts", f"{counts.settled}")]
    rows += [
        (outcome.value, f"{counts.outcomes[outcome]}")
        for outcome in Outcome
        if counts.outcomes[outcome] or outcome is Outcome.ACCEPTED
    ]
    rows.append(("rejected rows", f"{counts.rejected_rows}"))
    rows.append(("seconds", f"{seconds:.1f}"))
    rows.append(("calls a second", f"{counts.settled / seconds:.1f}"))
    return rows
