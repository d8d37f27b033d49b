"""Public objects of schedules, rules, feeds and observers, with private texts."""

from collections.abc import Callable
from typing import Final

from leaks import CANARIES

from digitro_async import campaign, contacts, ledger, observe
from digitro_async.call_events import CallEnd, Disposition, EndEvidence
from digitro_async.errors import Outcome
from digitro_async.ledger import (
    ClaimedContact,
    ClaimOwner,
    MemoryLedger,
    State,
    Step,
    WaitKind,
)
from digitro_async.privacy import Personal
from digitro_async.rules import CallingRules, called_number

__all__ = ["KEYED", "PLANNED"]

DESTINATION: Final = CANARIES["destination"].text
EVERYTHING: Final = " ".join(canary.text for canary in CANARIES.values())
KEY: Final = called_number(DESTINATION).key


def number() -> ledger.NumberOfContact:
    """Return a number of a contact."""
    return ledger.NumberOfContact(destination=Personal(DESTINATION), kind="mobile")


def claimed() -> ClaimedContact:
    """Return a contact as a run claims it."""
    return ClaimedContact(
        number=1,
        attempts=0,
        destination=Personal(DESTINATION),
        pabx=None,
        fields={},
    )


def planned() -> ledger.PlannedContact:
    """Return a contact as a run that applies rules claims it."""
    return ledger.PlannedContact(claimed=claimed(), numbers=(number(), number()))


def an_end() -> CallEnd:
    """Return the end of a call."""
    return CallEnd(pabx="a", disposition=Disposition.BUSY, evidence=EndEvidence.CALL_ID)


def a_result() -> ledger.LedgerResult:
    """Return a result as a webhook sends it."""
    own = Personal(EVERYTHING)
    return ledger.LedgerResult(id="a1", contact=1, own_id=own, at=1.0, end=an_end())


def heeding() -> campaign.RulesInForce:
    """Return rules in force over a ledger in memory."""
    return campaign.RulesInForce(
        CallingRules(), MemoryLedger(), ClaimOwner("a1", "b2"), clock=float
    )


PLANNED: dict[str, Callable[[], object]] = {
    "ActivitiesLost": lambda: observe.ActivitiesLost(time=1.0, count=2),
    "ActivityQueue": lambda: observe.ActivityQueue(5),
    "ActivityStream": lambda: observe.ActivityStream(print),
    "AgreedCallback": lambda: ledger.AgreedCallback(at=1.0),
    "AttemptCounts": lambda: ledger.AttemptCounts(calls=2, ends={Disposition.BUSY: 1}),
    "CallEnded": lambda: observe.CallEnded(
        time=1.0,
        pabx="a",
        disposition=Disposition.BUSY,
        evidence=EndEvidence.CALL_ID,
        ring_seconds=1.0,
        talk_seconds=None,
    ),
    "CallQueued": lambda: observe.CallQueued(
        serial=1, time=1.0, pabx="a", command="predictive_call"
    ),
    "CallRetried": lambda: observe.CallRetried(
        serial=1,
        time=1.0,
        pabx="a",
        command="predictive_call",
        attempt=1,
        outcome=Outcome.NOT_SENT,
        reason="connect_failed",
        status=None,
        latency=0.1,
    ),
    "CallSent": lambda: observe.CallSent(
        serial=1, time=1.0, pabx="a", command="predictive_call", attempt=1
    ),
    "CallSettled": lambda: observe.CallSettled(
        serial=1,
        time=1.0,
        pabx="a",
        command="predictive_call",
        outcome=Outcome.ACCEPTED,
        reason="",
        status=200,
        attempts=1,
        sent_at=1.0,
        waited=0.0,
        latency=0.1,
    ),
    "ClaimLimit": lambda: campaign.ClaimLimit(5),
    "ContactNumber": lambda: contacts.ContactNumber(destination=DESTINATION),
    "Deferral": lambda: ledger.Deferral(number=1, due=2.0, reason="outside_hours"),
    "EndProblem": lambda: campaign.EndProblem(2, "it names no contact"),
    "EndRecord": lambda: ledger.EndRecord(
        1, "a", 1.0, Disposition.BUSY, rang_at=None, answered_at=None, ended_at=2.0
    ),
    "EndRow": lambda: campaign.EndRow(
        line=2, id=Personal(EVERYTHING), disposition=Disposition.BUSY
    ),
    "EndedContact": lambda: ledger.EndedContact(
        number=1,
        attempts=1,
        numbers=(number(),),
        priority=0,
        disposition=Disposition.BUSY,
    ),
    "EndsSummary": campaign.EndsSummary,
    "FeedPosition": ledger.FeedPosition,
    "LedgerBlock": lambda: ledger.LedgerBlock(
        hash=b"1", reason="opted out", until=None, since=1.0
    ),
    "LedgerResult": a_result,
    "LedgerSlice": lambda: ledger.LedgerSlice(range(3), "matriz"),
    "ListedContact": lambda: ledger.ListedContact(
        number=1,
        line=2,
        state=State.UNKNOWN,
        attempts=1,
        pabx="a",
        reason="timeout",
        at=1.0,
        destination=Personal(DESTINATION),
    ),
    "NumberOfContact": number,
    "Observing": lambda: observe.ActivityStream(print).observe(print),
    "PlannedContact": planned,
    "RecordFence": lambda: ledger.RecordFence(1, 2, frozenset({"a"})),
    "Refusal": lambda: ledger.Refusal(number=1, reason="blocked"),
    "RehearsedContact": lambda: campaign.RehearsedContact(
        number=1, masked="04…12", place=0, step=campaign.RehearsedStep.NOW
    ),
    "ResultPage": lambda: ledger.ResultPage(None, (a_result(),), ledger.FeedPosition()),
    "RulesInForce": heeding,
    "StepRecord": lambda: ledger.StepRecord(1, 1, Step.ACCEPT, 1.0, "a", None),
    "WaitCounts": lambda: ledger.WaitCounts(
        kinds={WaitKind.RECALL: 1}, reasons={}, next_due=None
    ),
}
"""What makes each of them, by its name."""

KEYED: dict[str, Callable[[], object]] = {
    "AttemptPlan": lambda: ledger.AttemptPlan(number=1, place=0, key=KEY),
    "LedgerAttempt": lambda: ledger.LedgerAttempt(
        contact=1, key=KEY, began_at=1.0, state=State.ACCEPTED
    ),
}
"""Those that hold the key of a number, by which ledgers compare numbers: whoever has a
key has its number, so nothing that is written of them shows it."""
