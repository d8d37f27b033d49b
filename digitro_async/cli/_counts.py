"""Counts the outcomes of a run, and why calls were not accepted."""

import time
from collections import Counter

import attrs

from digitro_async._common.reason_words import words_of
from digitro_async.errors import Outcome
from digitro_async.models import CallResult

__all__ = ["RunCounts", "reasons_of", "summary_of"]

MOST_REASONS = 12
"""Most reasons that a summary lists."""


@attrs.define
class RunCounts:
    """Counts of one run so far.

    Attributes:
        outcomes: Contacts with a result, by outcome; those put back are ``not_sent``.
        put_back: Contacts that were put back: their turn never came, and they are
            pending as before.
        reasons: Reason and words of each contact that was neither accepted nor put
            back, to how often that came.
        rejected_rows: Rows of the file that are no contact.
        rejected_numbers: Numbers that are none, of contacts that have another one.
        began: When it began, as ``time.monotonic()``.
        ended: When its last result came, likewise; None where it goes on.
        last: When a result came last, likewise; None before the first one.
    """

    outcomes: Counter[Outcome] = attrs.field(factory=Counter)
    put_back: int = 0
    reasons: Counter[tuple[str, str]] = attrs.field(factory=Counter)
    rejected_rows: int = 0
    rejected_numbers: int = 0
    began: float = attrs.field(factory=time.monotonic)
    ended: float | None = None
    last: float | None = None

    def restart(self) -> None:
        """Count seconds from now on."""
        self.began, self.last = time.monotonic(), None

    def stop(self) -> None:
        """Count no further seconds, nor those since the last result."""
        self.ended = time.monotonic() if self.last is None else self.last

    def count(self, result: CallResult) -> None:
        """Count the result of one contact."""
        self.last = time.monotonic()
        self.outcomes[result.outcome] += 1
        error = result.error
        if error is None:
            return
        if result.was_put_back:
            self.put_back += 1
        else:
            self.reasons[error.reason, words_of(error.reason, error.status)] += 1

    @property
    def done(self) -> int:
        """Number of contacts with a result that was not put back."""
        return self.outcomes.total() - self.put_back

    @property
    def seconds(self) -> float:
        """Seconds since it began, until its end."""
        return (self.ended or time.monotonic()) - self.began


def summary_of(counts: RunCounts, begun: int) -> list[str]:
    """Return the lines that a run ends with.

    Args:
        counts: The counts of the run.
        begun: Calls that were begun, of which a contact may have several.
    """
    seconds = max(counts.seconds, 1e-9)
    rows = [("contacts", f"{counts.done:,}")]
    for outcome in Outcome:
        count = counts.outcomes[outcome]
        if outcome is Outcome.NOT_SENT:
            count -= counts.put_back
        if count or outcome is Outcome.ACCEPTED:
            rows.append((outcome.value, f"{count:,}"))
    if counts.put_back:
        rows.append(("put back", f"{counts.put_back:,}"))
    rows.append(("rejected rows", f"{counts.rejected_rows:,}"))
    rows.append(("calls begun", f"{begun:,}"))
    rows.append(("seconds", f"{seconds:.1f}"))
    rows.append(("calls a second", f"{begun / seconds:.1f}"))
    return [f"{name:<16}{value}" for name, value in rows]


def reasons_of(counts: RunCounts) -> list[str]:
    """Return a line for each reason of what was not accepted, most frequent first."""
    ordered = sorted(counts.reasons.items(), key=lambda item: (-item[1], item[0]))
    lines = [
        f"  {count:>6,}  {words} ({reason})"
        for (reason, words), count in ordered[:MOST_REASONS]
    ]
    if len(ordered) > MOST_REASONS:
        rest = sum(count for _, count in ordered[MOST_REASONS:])
        lines.append(f"  {rest:>6,}  for {len(ordered) - MOST_REASONS} other reasons")
    return lines
