"""RuledClaims: the contacts of a run that applies rules, claimed as they are due."""

import asyncio
import contextlib
from collections.abc import Collection, Sequence
from typing import Final, Self

from digitro_async.campaign._claimed_contacts import BuildCall, ClaimedContacts
from digitro_async.campaign._claims import LEASE
from digitro_async.campaign._import_gate import ImportGate
from digitro_async.campaign._ruled_admission import RuledAdmission
from digitro_async.campaign._rules_in_force import RulesInForce
from digitro_async.ledger import (
    ClaimOwner,
    Ledger,
    PlannedContact,
    WaitCounts,
    WaitKind,
)
from digitro_async.models import DispatchItem

__all__ = ["DueClaims", "RuledClaims"]

SMALLEST_PAGE: Final = 50
LARGEST_PAGE: Final = 5_000
"""Contacts that are claimed at once: few, so that a callback need not wait for long;
many where all of them are put off, as in a night."""

LOOK: Final = 60.0
"""Seconds after which it is looked again for contacts that came in meanwhile."""

LOOK_SHARED: Final = 5.0
"""The same, of a ledger into which others write."""

LOOK_BUSY: Final = 1.0
"""Least seconds between two looks while calls are on the wire."""

REST: Final = 20
"""A look in which no fresh contact was found is followed by a rest of so many times
what it took: it goes over the whole list, 50 ms of CPU for 300,000 contacts. Without a
rest 5,000 recalls among them took 1,000 us of CPU each, and 300 with it."""

_SHORTEST: Final = 1e-3
"""Least seconds of a wait: a shorter one ends too early, again and again."""


class DueClaims:
    """Claims contacts in the order in which they are to be called.

    Callbacks come first, then who was put off, each by priority; fresh contacts and
    recalls take turns, and fresh ones come by priority in the order of import.

    Args:
        heeding: The rules.
        owner: The owner of the claims.
        max_attempts: Attempts after which a contact is left out.
        lease: Seconds in which nobody else may have the claims.
        pabx: The PABX whose contacts are claimed, None among them for those of any;
            None for all contacts.
    """

    def __init__(
        self,
        heeding: RulesInForce,
        owner: ClaimOwner,
        *,
        max_attempts: int,
        lease: float = LEASE,
        pabx: Collection[str | None] | None = None,
    ) -> None:
        self._heeding = heeding
        self._owner = owner
        self._max_attempts = max_attempts
        self._lease = lease
        self._pabx = pabx
        self._levels: list[int] = []  # priorities whose fresh contacts are to come
        self._after = 0
        self._rests_until = 0.0  # by the clock of the loop
        self._has_left_out = False

    def wake(self) -> bool:
        """Look for fresh contacts at once; False where they were looked for already."""
        was_resting, self._has_left_out = self._has_left_out, False
        self._rests_until = 0.0
        return was_resting

    def looks_in(self, seconds: float) -> float:
        """Return after how many seconds fresh contacts are looked for that were not.

        Args:
            seconds: What is returned where they were looked for.
        """
        if not self._has_left_out:
            return seconds
        now = asyncio.get_running_loop().time()
        return max(self._rests_until - now, _SHORTEST)

    async def claim(
        self, size: int, within: range | None = None
    ) -> list[PlannedContact]:
        """Claim contacts; none where nobody is due.

        Args:
            size: Most contacts.
            within: Only contacts with numbers in this range.

        Raises:
            LedgerError: If the ledger can't be read or written.
        """
        rules = self._heeding.rules
        claimed = await self.claim_waiting(size, within, with_recalls=False)
        left = size - len(claimed)
        if not left:
            return claimed
        some = rules.mix.recalls_of(left)
        recalls = list(await self._claim(some, [WaitKind.RECALL], within))
        fresh = await self._claim_fresh(left - len(recalls), within)
        more = left - len(recalls) - len(fresh)
        if more and len(recalls) == some:
            recalls += await self._claim(more, [WaitKind.RECALL], within)
        return claimed + _mixed(fresh, recalls, rules.mix.fresh, rules.mix.recalls)

    async def claim_waiting(
        self, size: int, within: range | None = None, *, with_recalls: bool = True
    ) -> list[PlannedContact]:
        """Claim contacts that waited, and are due.

        Args:
            size: Most contacts.
            within: Only contacts with numbers in this range.
            with_recalls: Whether recalls are among them.

        Raises:
            LedgerError: If the ledger can't be read or written.
        """
        early = self._heeding.rules.callbacks.early
        claimed = list(
            await self._claim(size, [WaitKind.CALLBACK], within, early=early)
        )
        kinds = [WaitKind.DEFERRED]
        if with_recalls:
            kinds.append(WaitKind.RECALL)
        if len(claimed) < size:
            claimed += await self._claim(size - len(claimed), kinds, within)
        return claimed

    async def _claim_fresh(
        self, size: int, within: range | None
    ) -> list[PlannedContact]:
        fresh: list[PlannedContact] = []
        is_new, began = not self._levels, asyncio.get_running_loop().time()
        if is_new and size:
            # A slice is small, and is asked for once.
            self._has_left_out = within is None and began < self._rests_until
            if self._has_left_out:
                return fresh
            self._levels = list(await self._heeding.schedule.priorities())
            self._after = 0
        while self._levels and len(fresh) < size:
            wanted = size - len(fresh)
            found = await self._claim(
                wanted, [None], within, priority=self._levels[0], after=self._after
            )
            fresh += found
            if found:
                self._after = found[-1].claimed.number
            if len(found) < wanted:
                del self._levels[0]
                self._after = 0
        if is_new and size and not fresh:
            now = asyncio.get_running_loop().time()
            self._rests_until = now + min(REST * (now - began), LOOK)
        return fresh

    async def _claim(
        self,
        size: int,
        kinds: Sequence[WaitKind | None],
        within: range | None,
        *,
        early: float = 0.0,
        priority: int | None = None,
        after: int = 0,
    ) -> Sequence[PlannedContact]:
        if not size:
            return ()
        return await self._heeding.schedule.claim(
            size,
            self._owner,
            self._lease,
            now=self._heeding.clock() + early,
            kinds=kinds,
            priority=priority,
            after=after,
            max_attempts=self._max_attempts,
            within=within,
            pabx=self._pabx,
        )


class RuledClaims:
    """Claims contacts as rules allow their calls, and waits for those that are due.

    It ends when nobody is left to be called: nothing is pending, or what waits is due
    too late, and no call may bring a recall any more; or when a stop rule says so.

    Args:
        ledger: An open ledger.
        owner: The owner of the claims.
        build_call: Makes the call of a contact, or raises ``InvalidCallError``.
        heeding: The rules.
        page: Contacts that are claimed at once.
        max_attempts: Attempts after which a contact is left out.
        most: Contacts after which it ends, None for no limit.
        gate: Holds contacts back of lists that are being added.
        wait: Most seconds to wait for a contact that is due later; None for ever.
        wait_for_ends: Whether ends that may bring recalls are waited for.
    """

    def __init__(
        self,
        ledger: Ledger,
        owner: ClaimOwner,
        build_call: BuildCall,
        heeding: RulesInForce,
        *,
        page: int,
        max_attempts: int,
        most: int | None = None,
        gate: ImportGate | None = None,
        wait: float | None = None,
        wait_for_ends: bool = True,
    ) -> None:
        self._heeding = heeding
        self._smallest = self._size = min(max(page, SMALLEST_PAGE), LARGEST_PAGE)
        self._page = ClaimedContacts(ledger, owner, build_call)
        self._left = most
        self._gate = ImportGate(ledger) if gate is None else gate
        self._wait = wait
        self._waits_for_ends = wait_for_ends
        self._max_attempts = max_attempts
        self._claimed_at = 0.0
        is_shared = hasattr(ledger, "pending_slices")
        self._look = LOOK_SHARED if is_shared else LOOK
        self._due = DueClaims(heeding, owner, max_attempts=max_attempts)
        self._admission = RuledAdmission(heeding, owner, is_shared=is_shared)

    def __aiter__(self) -> Self:
        return self

    def next_ready(self) -> DispatchItem | None:
        """Take the next call where it is at hand, and may be made."""
        return self._page.take_ready() if self._may_begin() else None

    async def __anext__(self) -> DispatchItem:
        hand = self._heeding.in_hand
        while True:
            hand.changed.clear()
            self._heeding.check_stop()
            if self._heeding.stopped is not None:
                raise StopAsyncIteration
            if not self._may_begin():  # before others have come to their ends
                await self._sleep(self._look)
            elif self._page:
                item = await self._page.take()
                if isinstance(item, DispatchItem):
                    return item
                hand.let_go(item)
            elif (
                not await self._turn_page()
                and not await self._rest()
                and not self._due.wake()
            ):
                raise StopAsyncIteration

    async def _turn_page(self) -> bool:
        """Claim contacts and take them to their calls; False where none is due."""
        size = self._size if self._left is None else min(self._size, self._left)
        if not size:
            return False
        within = await self._gate.within()
        self._claimed_at = self._heeding.clock()
        contacts = await self._due.claim(size, within)
        if not contacts:
            return False
        admitted = await self._admission.admit(contacts)
        self._page.put(admitted)
        self._size = self._smallest if admitted else min(2 * self._size, LARGEST_PAGE)
        if self._left is not None:
            self._left -= len(admitted)
        return True

    def _may_begin(self) -> bool:
        """Whether one more call may begin, by the stop rules."""
        given = len(self._heeding.in_hand) - len(self._page)
        return self._heeding.may_begin(given)

    async def _rest(self) -> bool:
        """Wait until somebody may be due; False where that is not waited for."""
        heeding, now = self._heeding, self._heeding.clock()
        if self._left == 0:
            return False
        # A contact that became due since the last claim counts as waiting as well:
        # otherwise the run could end before that contact is claimed.
        waits = await heeding.schedule.waiting(
            now=min(now, self._claimed_at), max_attempts=self._max_attempts
        )
        due = _moment(waits, heeding.rules.callbacks.early, now)
        is_in_time = due is not None and (self._wait is None or due - now <= self._wait)
        is_busy = self._is_busy()
        if not is_in_time and not is_busy:
            return heeding.in_hand.changed.is_set()  # while it was looked
        if is_busy and await self._calls_ended():
            return True
        seconds = LOOK_BUSY if self._gate.is_adding else self._look
        if due is not None and is_in_time:
            seconds = max(min(seconds, due - now), _SHORTEST)
        seconds = min(seconds, self._due.looks_in(self._look))
        heeding.waits_until = None if is_busy else waits.next_due
        try:
            await self._sleep(seconds)
        finally:
            heeding.waits_until = None
        return True

    def _is_busy(self) -> bool:
        """Whether a call goes on, or what is to come may bring contacts."""
        heeding = self._heeding
        return bool(
            len(heeding.in_hand)
            or self._gate.is_adding
            or (self._waits_for_ends and heeding.may_bring_recalls)
        )

    async def _calls_ended(self) -> bool:
        """Wait for calls to end, all of them or a while; False where none has."""
        changed, has_changed = self._heeding.in_hand.changed, False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_BUSY):
                while self._is_busy():
                    await changed.wait()
                    changed.clear()
                    has_changed = True
        return has_changed

    async def _sleep(self, seconds: float) -> None:
        """Wait until a call has ended or the like, at most for a while."""
        stop_at = self._heeding.rules.stop.at
        if stop_at is not None:
            seconds = min(seconds, max(stop_at - self._heeding.clock(), 0.0))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._heeding.in_hand.changed.wait()


def _moment(waits: WaitCounts, early: float, now: float) -> float | None:
    """Return when the next contact can be claimed, None where nobody waits.

    Args:
        waits: Who waits.
        early: How long before its time a callback can be claimed.
        now: The time.
    """
    due = waits.next_due
    if due is None or due - early <= now or not waits.kinds.get(WaitKind.CALLBACK):
        return due
    return due - early


def _mixed(
    fresh: Sequence[PlannedContact],
    recalls: Sequence[PlannedContact],
    fresh_in_turn: int,
    recalls_in_turn: int,
) -> list[PlannedContact]:
    """Return fresh contacts and recalls as they take turns."""
    mixed: list[PlannedContact] = []
    first, second = list(fresh), list(recalls)
    while first or second:
        mixed += first[:fresh_in_turn] + second[:recalls_in_turn]
        del first[:fresh_in_turn], second[:recalls_in_turn]
    return mixed
