"""PURE: what a ledger tells of the past: steps, ends of calls, contacts of one kind."""

from typing import NamedTuple

import attrs

from digitro_async.call_events import Disposition
from digitro_async.ledger._records import WaitKind
from digitro_async.ledger._state import State, Step
from digitro_async.privacy import Personal

__all__ = ["EndRecord", "ListedContact", "RecordFence", "StepRecord"]


# A report reads some millions of these: a tuple is made in a third of the time of an
# attrs class.
class StepRecord(NamedTuple):
    """A step of one contact, as it was recorded.

    Attributes:
        sequence: Its place among the steps of the ledger.
        contact: The ledger's number of the contact.
        step: The step.
        at: Unix time.
        pabx: Name of the PABX, where the step has one.
        reason: Why, as a code; None for the evidence of a reconciliation, which is text
            of people.
    """

    sequence: int
    contact: int
    step: Step
    at: float
    pabx: str | None
    reason: str | None


class EndRecord(NamedTuple):
    """The end of one call.

    Attributes:
        contact: The ledger's number of the contact.
        pabx: Name of the PABX.
        begun_at: Unix time of the call's intent.
        disposition: What became of the call.
        rang_at: Unix time at which it rang, None where nothing told of that.
        answered_at: Unix time at which it was answered, None as above.
        ended_at: Unix time at which it ended, None as above.
        told: The place of the end among all that were told, which several may share.
        intent: The sequence of the call's intent; with ``told`` it is the end's place.
    """

    contact: int
    pabx: str
    begun_at: float
    disposition: Disposition
    rang_at: float | None
    answered_at: float | None
    ended_at: float | None
    told: int = 0
    intent: int = 0


class RecordFence(NamedTuple):
    """Up to where all steps and ends can be seen, once some writers have ended.

    Attributes:
        step: The sequence of the last step that can be seen.
        told: The place of the last end that can be seen.
        writers: Who may still record something before these. Their names mean nothing,
            but none is given twice.
    """

    step: int
    told: int
    writers: frozenset[str] = frozenset()


@attrs.frozen(kw_only=True)
class ListedContact:
    """A contact as it stands in a list of those that somebody has to look at.

    Attributes:
        number: The ledger's number of it.
        line: Its line in the contact file.
        state: Where it is.
        attempts: Intents so far.
        pabx: Name of the PABX that had it last.
        reason: Why it is where it is, as a code.
        at: Unix time of the last outcome; of the last intent where there is none.
        destination: The number to dial, None where it is not kept any more.
        due: Unix time before which it is not called, of one that waits by rules.
        wait: Why it waits then.
    """

    number: int
    line: int
    state: State
    attempts: int
    pabx: str | None
    reason: str | None
    at: float | None
    destination: Personal | None
    due: float | None = None
    wait: WaitKind | None = None
