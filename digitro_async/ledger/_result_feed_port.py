"""PURE: the port by which results are handed on, each at least once.

A result is what became known of a contact or its call: an outcome, or the end of a
call. Its id is made of what it says, so it is the same whenever it is read again, also
out of a copy of the ledger.
"""

import hashlib
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Protocol, Self

import attrs

from digitro_async.call_events import CallEnd
from digitro_async.ledger._codes import STEP_CODES
from digitro_async.ledger._state import State, Step
from digitro_async.privacy import Personal

__all__ = [
    "BEGINNING",
    "POSITION",
    "RESULT_CODES",
    "RESULT_STATES",
    "FeedPosition",
    "LedgerResult",
    "ResultFeed",
    "ResultPage",
    "result_id",
]

POSITION: Final = "webhook_position"
"""Setting of a campaign in a database: up to where its results were handed on."""

RESULT_STATES: Final = {
    Step.ACCEPT: State.ACCEPTED,
    Step.REJECT: State.REJECTED,
    Step.MARK_UNKNOWN: State.UNKNOWN,
    Step.INVALIDATE: State.INVALID,
    Step.SKIP: State.SKIPPED,
    # No event tells of a claim that is recovered.
    Step.RECOVER: State.UNKNOWN,
    Step.RECONCILE_ACCEPTED: State.ACCEPTED,
    Step.RECONCILE_NOT_PLACED: State.PENDING,
    Step.DOUBT: State.UNKNOWN,
    Step.RESTORE: State.UNKNOWN,
}
"""The steps that are results, and the states that they lead to. A call that was not
placed is none: its contact is tried again."""

RESULT_CODES: Final = tuple(STEP_CODES[step] for step in RESULT_STATES)
"""The steps that are results, as a ledger keeps them."""

_RECONCILED: Final = frozenset({Step.RECONCILE_ACCEPTED, Step.RECONCILE_NOT_PLACED})


@attrs.frozen(kw_only=True)
class LedgerResult:
    """One result.

    Attributes:
        id: Tells it from every other one, and is the same when it is read again.
        contact: The ledger's number of the contact.
        own_id: The caller's id of it.
        at: Unix time of an outcome; of an end that of its attempt.
        state: Where an outcome led the contact; None of an end.
        end: The end of a call; None of an outcome.
        pabx: Name of the PABX that had the call.
        call_id: The call id, where one was given.
        reason: Why an outcome is no acceptance, as a code.
        evidence: The source by which an unknown contact was reconciled.
    """

    id: str
    contact: int
    own_id: Personal | None
    at: float | None
    state: State | None = None
    end: CallEnd | None = None
    pabx: str | None = None
    call_id: str | None = None
    reason: str | None = None
    evidence: str | None = attrs.field(default=None, repr=False)

    @classmethod
    def of_step(
        cls,
        key: bytes,
        step: Step,
        *,
        contact: int,
        own_id: str | None,
        at: float,
        pabx: str | None,
        call_id: str | None,
        reason: str | None,
    ) -> Self:
        """Return the outcome that an event of a ledger is."""
        is_reconciled = step in _RECONCILED
        return cls(
            id=result_id(key, step.value, contact, at, pabx, call_id),
            contact=contact,
            own_id=None if own_id is None else Personal(own_id),
            at=at,
            state=RESULT_STATES[step],
            pabx=pabx,
            call_id=call_id,
            reason=None if is_reconciled else reason,
            evidence=reason if is_reconciled else None,
        )

    @classmethod
    def of_end(
        cls,
        key: bytes,
        end: CallEnd,
        *,
        contact: int,
        own_id: str | None,
        began_at: float | None,
    ) -> Self:
        """Return the result that the end of a call is."""
        return cls(
            id=result_id(
                *(key, "end", contact, began_at, end.pabx, end.disposition.value),
                *(end.evidence.value, end.rang_at, end.answered_at, end.ended_at),
            ),
            contact=contact,
            own_id=None if own_id is None else Personal(own_id),
            at=began_at,
            end=end,
            pabx=end.pabx or None,
            call_id=end.call_id,
        )


def result_id(key: bytes, *values: str | float | None) -> str:
    """Return the id of a result that says this, with the key of its ledger."""
    text = repr(values).encode("utf-8", "backslashreplace")
    return hashlib.blake2b(text, digest_size=16, key=key[:64]).hexdigest()


@attrs.frozen
class FeedPosition:
    """Up to where results were handed on.

    Attributes:
        event: Sequence of the last event that was looked at.
        told: Number under which the last end was told.
        intent: Its attempt: several ends may have one number.
        check: A digest of that event. A ledger that has another one there was set
            back since, and is handed on from its beginning.
    """

    event: int = 0
    told: int = 0
    intent: int = 0
    check: str = ""


BEGINNING: Final = FeedPosition()
"""The position before anything was handed on."""


@attrs.frozen
class ResultPage:
    """Some results, in order.

    Attributes:
        campaign: Name of the campaign; None in a file, which holds one.
        results: The results.
        position: The position behind them.
    """

    campaign: str | None
    results: Sequence[LedgerResult]
    position: FeedPosition


class ResultFeed(Protocol):
    """Reads the results of a ledger in order, beside whoever dials it.

    One process at a time may hand on: a second one finds nothing until the first is
    gone. Every method, entering too, raises ``LedgerError`` where it fails, and may be
    called again.
    """

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    @property
    def is_elsewhere(self) -> bool:
        """Whether another process hands the results on."""
        ...

    async def read(self, most: int) -> ResultPage | None:
        """Return the next results, None where there are none now.

        They are the same ones until ``confirm``.

        Args:
            most: Most results.
        """
        ...

    async def confirm(self, page: ResultPage) -> None:
        """Record durably that a page was handed on."""
        ...
