"""Sums up what a ledger recorded, and reads each part of that once."""

import copy
from itertools import takewhile

from digitro_async.ledger._history_records import RecordFence
from digitro_async.ledger._reader_port import LedgerReader
from digitro_async.reports._campaign_tally import CampaignTally
from digitro_async.reports._end_tally import EndTally

__all__ = ["RecordedPast"]


class RecordedPast:
    """Sums up the steps and ends of a campaign, again and again.

    What may still come to be seen before what was read is read anew each time: several
    processes that share a database draw numbers in one order, and commit them in
    another. All the rest is read once.

    Args:
        offset: Seconds that local time is ahead of UTC.
    """

    def __init__(self, offset: float) -> None:
        self._offset = offset
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._steps, self._ends = CampaignTally(self._offset), EndTally(self._offset)
        self._fence: RecordFence = RecordFence(0, 0)
        self._next: RecordFence | None = None

    def take(self, reader: LedgerReader) -> tuple[CampaignTally, EndTally]:
        """Return what the ledger tells now; it is to be read, and not added to.

        Raises:
            LedgerError: If it can't be read.
        """
        newest = reader.fence()
        if newest.step < self._steps.last:
            self._begin_anew()  # another one, or an earlier copy, is in its place
        self._move_fence(newest)
        self._take_settled(reader)
        if not newest.writers:
            return self._steps, self._ends
        steps, ends = copy.deepcopy((self._steps, self._ends))
        steps.take(reader.steps(steps.last))
        ends.take(reader.ends(ends.last))
        return steps, ends

    def _move_fence(self, newest: RecordFence) -> None:
        """Move the fence to where nobody can record something before it any more."""
        if not newest.writers:
            self._fence, self._next = newest, None
        elif self._next is None:
            self._next = newest
        elif not self._next.writers & newest.writers:
            self._fence, self._next = self._next, newest

    def _take_settled(self, reader: LedgerReader) -> None:
        fence, steps = self._fence, reader.steps(self._steps.last)
        self._steps.take(takewhile(lambda one: one.sequence <= fence.step, steps))
        self._take_ends(reader)
        # An end that gave way to another one, or was taken away, is counted too often;
        # nothing makes one of them count too seldom. It happens rarely, so a number is
        # all that is kept for it.
        if reader.count_told(self._ends.last[0]) != self._ends.taken:
            self._ends = EndTally(self._offset)
            self._take_ends(reader)

    def _take_ends(self, reader: LedgerReader) -> None:
        until, ends = self._fence.told, reader.ends(self._ends.last)
        self._ends.take(takewhile(lambda one: one.told <= until, ends))
