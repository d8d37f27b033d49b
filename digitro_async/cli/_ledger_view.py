"""The state of a ledger at one moment, as several commands print it."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Self

import attrs

from digitro_async.cli._output import print_line
from digitro_async.cli._waiting_contacts import waiting_lines
from digitro_async.ledger import EndCounts, Import, State, WaitCounts

if TYPE_CHECKING:
    from digitro_async.ledger import LedgerReader

__all__ = ["LedgerView", "print_counts", "print_ends", "say_unfinished", "unfinished"]

_OPEN = (State.PENDING, State.CLAIMED, State.INTENT)


@attrs.frozen
class LedgerView:
    """The state of a ledger at one moment.

    Attributes:
        counts: State to how many contacts are in it.
        missing: Imports that lack contacts of their lists.
        exhausted: Pending contacts that are out of attempts.
        is_begun: Whether anything was added to it.
        ends: How many calls ended how.
        waits: How many pending contacts wait, and until when.
        problem: Why it may not be dialled, as it is a copy; empty where it may be.
    """

    counts: Mapping[State, int]
    missing: Sequence[Import]
    exhausted: int
    is_begun: bool
    ends: EndCounts
    waits: WaitCounts
    problem: str = ""

    @classmethod
    def read(cls, reader: "LedgerReader", max_attempts: int) -> Self:
        """Return the state of a ledger now."""
        counts, imports = reader.counts(), reader.imports()
        return cls(
            counts,
            unfinished(imports),
            reader.count_exhausted(max_attempts),
            is_begun=bool(imports or sum(counts.values())),
            ends=reader.count_ends(),
            waits=reader.waiting(time.time(), max_attempts),
            problem=reader.why_not_dialled(),
        )

    @property
    def is_whole(self) -> bool:
        """Whether every list is in the ledger to its end, and there is one."""
        return self.is_begun and not self.missing

    def may_change(self, before: Self | None) -> bool:
        """Whether waiting may show another state.

        Args:
            before: The state when it was looked at last.
        """
        if sum(self.counts[state] for state in _OPEN) > self.exhausted:
            return True
        if self.ends.awaited:
            return True
        # An import that stands still is over, until somebody takes it up again.
        stands_still = before is not None and before.missing == self.missing
        return bool(self.missing) and not stands_still

    def show(self) -> None:
        """Print it."""
        if self.problem:
            print_line(self.problem)
        print_counts(self.counts, self.exhausted)
        for line in waiting_lines(self.waits):
            print_line(line)
        print_ends(self.ends)
        for one in self.missing:
            print_line(say_unfinished(one))


def print_counts(counts: Mapping[State, int], exhausted: int) -> None:
    """Print how many contacts of a ledger are in each state."""
    print_line(f"in the ledger: {sum(counts.values())} contacts")
    for state, count in counts.items():
        if count:
            print_line(f"  {state:<14}{count}")
    if counts.get(State.WITHHELD):
        print_line(
            "  the withheld: a file says another number or other fields of them; name "
            "it again with --update to take that, or the file as it was before"
        )
    if exhausted:
        print_line(f"  of the pending, {exhausted} had their last attempt")


def print_ends(ends: EndCounts) -> None:
    """Print what became of the calls of a ledger, where that is known of any."""
    if ends.dispositions or ends.awaited:
        print_line(f"ends of calls: {sum(ends.dispositions.values())} known")
    for disposition, count in ends.dispositions.items():
        print_line(f"  {disposition:<16}{count}")
    if ends.awaited:
        print_line(f"  {'to come':<16}{ends.awaited}")


def unfinished(imports: Iterable[Import]) -> list[Import]:
    """Return the imports that lack contacts of their lists."""
    return [one for one in imports if not one.is_whole]


def say_unfinished(one: Import) -> str:
    """Return a line about an import that did not end."""
    name = one.file or "a list of a program"
    contacts = one.new + one.known + one.repeated
    return (
        f"not imported to its end: {name} "
        f"({contacts} contacts and {one.rejected} rejected rows were read)"
    )
