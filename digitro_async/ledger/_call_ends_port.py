"""PURE: the port of the ends of a ledger's calls: what became of what a PABX took.

A call that was accepted, or may have been placed, gets one end. What events told of it
is final; ``none_seen`` alone, which says that nothing was told in time, gives way to an
end that is told after all.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

import attrs

from digitro_async._common.text import iso_time, printable
from digitro_async.call_events import CallEnd, CallSeen, Disposition
from digitro_async.ledger._records import ClaimOwner, Reconciliation, storable

__all__ = [
    "LONGEST_WORD",
    "AwaitedEnd",
    "CallEnds",
    "EndCounts",
    "OnEndRecorded",
    "evidence_of",
    "kept_text",
    "may_replace",
]

OnEndRecorded = Callable[[BaseException | None, object], None]
"""Takes why an end could not be recorded, None where it was; the rest is not used."""

LONGEST_WORD: Final = 200
"""Most characters that are kept of a text that a PABX gave for a call's end."""


def kept_text(text: str | None) -> str:
    """Return what is kept of a text that a PABX gave; empty for none."""
    return "" if text is None else storable(text[:LONGEST_WORD])


def evidence_of(seen: CallSeen) -> str:
    """Return the words for an event by which an unknown contact is settled."""
    at = "" if seen.at is None else f", PABX time {_shown(seen.at)}"
    name, call_id = _shown(seen.name), _shown(seen.call_id)
    return f"event {name} of call {call_id} at {iso_time(seen.seen_at)}{at}"


def _shown(text: str) -> str:
    return printable(kept_text(text))[:LONGEST_WORD]


def may_replace(known: Disposition, told: Disposition) -> bool:
    """Whether an end may take the place of one that is recorded."""
    return known is Disposition.NONE_SEEN and told is not Disposition.NONE_SEEN


@attrs.frozen(kw_only=True)
class AwaitedEnd:
    """A call whose end is to come: it was accepted, or may have been placed.

    Attributes:
        number: The ledger's number of the contact.
        pabx: Name of the PABX.
        call_id: The call id, None where nobody knows it.
        since: Unix time of the acceptance; of its intent where that is not known.
        timeout: Seconds from then within which its end is to be told.
    """

    number: int
    pabx: str
    call_id: str | None
    since: float
    timeout: float

    def seconds_left(self, now: float) -> float:
        """Return for how long its end is still waited for.

        A clock that was set back makes that no longer than the whole time.

        Args:
            now: The time.
        """
        return self.timeout - self.seconds_ago(now)

    def seconds_ago(self, now: float) -> float:
        """Return for how long its end has been waited for, 0 at least.

        Args:
            now: The time.
        """
        return max(now - self.since, 0.0)


@attrs.frozen
class EndCounts:
    """How many calls ended how.

    Attributes:
        dispositions: Dispositions that calls have, and how many have each.
        awaited: Calls whose end is to come.
    """

    dispositions: Mapping[Disposition, int]
    awaited: int = 0


class CallEnds(Protocol):
    """The ends of a ledger's calls; a part of the port ``Ledger``.

    Every method raises ``LedgerError`` where the ledger can't be read or written.
    """

    async def expect(self, owner: ClaimOwner, timeouts: Mapping[str, float]) -> None:
        """Note that an owner hears of the ends of its calls: each is to get one.

        Calls that were made while nobody listened get none.

        Args:
            owner: The owner.
            timeouts: Name of each PABX whose events are heard, to the seconds from an
                answer within which the end of the call is to be told.
        """
        ...

    def record(self, number: int, end: CallEnd, *, on_done: OnEndRecorded) -> None:
        """Record the end of a call; nobody has to wait for that.

        It is dropped where the contact is neither accepted nor unknown, or its call is
        another one by PABX or call id, or has an end: only ``none_seen`` gives way.
        Whatever is written later comes after it.

        Args:
            number: The ledger's number of the contact.
            end: The end, with the PABX and the call id.
            on_done: Called in the loop, once it is durable or can't be.

        Raises:
            LedgerError: If the ledger is not open; ``on_done`` is not called then.
        """
        ...

    async def awaited(self) -> Sequence[AwaitedEnd]:
        """Return the calls that are to get an end and have none."""
        ...

    def settle_seen(
        self, number: int, seen: CallSeen, *, now: float
    ) -> Awaitable[Reconciliation]:
        """Settle an unknown contact whose call was seen in an event, as accepted.

        It is handed over at once, so an end that is recorded after it comes after it.
        The step is that of ``Ledger.reconcile``, but for its quarantine: a call that
        was seen can't be delivered any more.

        Args:
            number: The ledger's number of the contact.
            seen: The event; its name, call id and times are recorded as evidence.
            now: The time.

        Raises:
            LedgerError: If there is no such contact, another PABX has its call, or the
                call is known as another contact's.
            IllegalTransitionError: If the contact is not unknown.
        """
        ...

    async def counts(self) -> EndCounts:
        """Return how many calls ended how; of each contact the last call counts."""
        ...
