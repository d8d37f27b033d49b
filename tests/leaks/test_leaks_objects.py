"""No public object shows a key, a password or anything about a person."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import attrs
import pytest
from leak_places import Watch
from leaks import API_KEY, CANARIES, call_with_canaries, user_data
from planned_objects import KEYED, PLANNED

import digitro_async
from digitro_async import (
    PABX,
    CallAccepted,
    CallEnd,
    CallEndSettings,
    CallEvent,
    CallEvents,
    CallPhase,
    CallResult,
    CallSeen,
    Campaign,
    ChannelClosed,
    ChannelEvent,
    ChannelOpened,
    ChannelRequest,
    ClientEvent,
    CommandAnswer,
    CommandSettings,
    Config,
    DigitroClient,
    DigitroError,
    Dispatcher,
    DispatchItem,
    Disposition,
    DTMFDetection,
    EndEvidence,
    EventChannelSettings,
    EventKind,
    Gap,
    OtherCommand,
    OtherEvent,
    Outcome,
    PasswordChange,
    PauseStatus,
    PredictiveCall,
    QueueRedirect,
    RejectedError,
    SessionManager,
    Subscription,
    Timings,
    campaign,
    contacts,
    ledger,
    open_ledger,
    settings,
)
from digitro_async.contacts import (
    CleanedNumber,
    CleaningCounts,
    ContactRow,
    FileReading,
    RejectCode,
    RejectedRow,
)
from digitro_async.ledger import (
    AddResult,
    ClaimedContact,
    ClaimOwner,
    ContactRecord,
    MemoryLedger,
    NewContact,
    Reconciliation,
    State,
)
from digitro_async.privacy import Personal, Secret

EVERYTHING = "; ".join(canary.text for canary in CANARIES.values())
DESTINATION = CANARIES["destination"].text
FIELDS = {
    "device": "1125000",
    **{name: CANARIES[name].text for name in ("device_password", "caller_id")},
    "user_data": user_data(),
}


def pabx(**changes: Any) -> PABX:
    """Return a PABX that nobody listens at."""
    return PABX("matriz", "http://127.0.0.1:9", 1, API_KEY, **changes)


def error(kind: type[DigitroError] = RejectedError) -> DigitroError:
    """Return an error that knows what the PABX wrote."""
    return kind(pabx="matriz", status=400, attempts=1, detail=Personal(EVERYTHING))


def result() -> CallResult:
    """Return the result of a call that was rejected."""
    return CallResult(
        call=call_with_canaries(), outcome=Outcome.REJECTED, error=error(), attempts=1
    )


def entry() -> ContactRecord:
    """Return a contact as a ledger shows it."""
    return ContactRecord(
        number=1,
        id=Personal(EVERYTHING),
        line=2,
        state=State.PENDING,
        call_id=None,
        pabx="matriz",
        attempts=0,
        reason=None,
        sent_at=None,
        settled_at=None,
    )


def new_contact(**fields: str) -> NewContact:
    """Return a contact as it is put into a ledger."""
    return NewContact(
        line=2,
        identity=Personal(f"number {DESTINATION}"),
        id=Personal(EVERYTHING),
        destination=Personal(DESTINATION),
        fields=fields,
    )


def open_contact(**fields: str) -> ClaimedContact:
    """Return a contact as a run claims it."""
    return ClaimedContact(
        number=1,
        attempts=0,
        destination=Personal(DESTINATION),
        pabx=None,
        fields=fields,
    )


MADE: dict[str, Callable[[], object]] = {
    "PABX": pabx,
    "CallAccepted": lambda: CallAccepted("1 2", {}),
    "CallResult": result,
    "DispatchItem": lambda: DispatchItem(call=call_with_canaries(), key=1),
    "Dispatcher": lambda: Dispatcher(pabx(), SessionManager()),
    "DigitroClient": lambda: DigitroClient(pabx()),
    "DispatchResults": lambda: DigitroClient(pabx()).dispatch([call_with_canaries()]),
    "PredictiveCall": call_with_canaries,
    "LedgerAddress": lambda: ledger.ledger_address(
        f"postgresql://u:{quote(API_KEY, safe='')}@h/db"
    ),
    "Personal": lambda: Personal(EVERYTHING),
    "Secret": lambda: Secret(API_KEY),
    "SessionManager": SessionManager,
    "Statistics": lambda: DigitroClient(pabx()).statistics(),
    "PABXStatistics": lambda: DigitroClient(pabx()).statistics().pabx["matriz"],
    "PauseStatus": lambda: PauseStatus(
        code="status_401", text="the PABX did not take the api key", address="a:1"
    ),
    "Health": lambda: DigitroClient(pabx()).health(),
    "PABXHealth": lambda: DigitroClient(pabx()).health().pabx["matriz"],
    "ClientEvent": lambda: ClientEvent(
        kind=EventKind.PAUSED, time=0.0, pabx="matriz", address="a:1", text="paused"
    ),
    "Timings": lambda: Timings(None, 0.0, 0.0),
    "Campaign": lambda: Campaign(MemoryLedger(), DigitroClient(pabx()), call=FIELDS),
    "CampaignRun": lambda: Campaign(
        MemoryLedger(), DigitroClient(pabx()), call=FIELDS
    ).run(),
    "AddResult": lambda: AddResult(new=True, line=2),
    "EvidenceProblem": lambda: campaign.EvidenceProblem(2, "it names no contact"),
    "EvidenceRow": lambda: campaign.EvidenceRow(
        line=2, id=Personal(EVERYTHING), accepted=True, evidence="call log"
    ),
    "EvidenceSummary": campaign.EvidenceSummary,
    "ContactRecord": entry,
    "Difference": lambda: ledger.Difference(
        ledger.Change.WITHHELD, ("destination",), State.PENDING
    ),
    "NewContact": new_contact,
    "ClaimedContact": open_contact,
    "Reconciliation": lambda: Reconciliation(1, State.PENDING),
    "ClaimOwner": lambda: ClaimOwner("a1", "b2"),
    "AwaitedEnd": lambda: ledger.AwaitedEnd(
        number=1, pabx="a", call_id="1", since=1.0, timeout=2.0
    ),
    "EndCounts": lambda: ledger.EndCounts({Disposition.BUSY: 1}),
    "CallEnd": lambda: CallEnd(
        pabx="a", disposition=Disposition.BUSY, evidence=EndEvidence.CALL_ID
    ),
    "CallSeen": lambda: CallSeen(pabx="a", call_id="1", name="x", seen_at=1.0),
    "SQLiteLedger": lambda: open_ledger(Path("unused.db")),
    "Import": lambda: ledger.Import(number=1, began_at=0.0),
    "ImportSummary": campaign.ImportSummary,
    "Config": lambda: Config(
        pabx=(pabx(),),
        call=FIELDS,
        retry=settings.RetrySettings(),
        pause=settings.PauseSettings(),
    ),
    "ContactRow": lambda: ContactRow.from_call(call_with_canaries(), line=2),
    "CleanedNumber": lambda: CleanedNumber(
        line=2, before=Personal(f" {DESTINATION}"), after=Personal(DESTINATION)
    ),
    "CleaningCounts": lambda: CleaningCounts(punctuation=1),
    "FileReading": lambda: FileReading(
        encoding="utf-8", delimiter=";", header_line=1, columns=(("id", "id"),)
    ),
    "RejectedRow": lambda: RejectedRow(
        file="a.csv", line=2, reason="no number", code=RejectCode.NO_NUMBER
    ),
    **{
        name: getattr(settings, name)
        for name in ("PauseSettings", "PoolSettings", "RetrySettings")
    },
    **{name: getattr(settings, name) for name in ("TimeoutSettings", "TLSSettings")},
    "RateLimit": lambda: settings.RateLimit(5),
}
SEEN: Any = {"pabx": "matriz", "seen_at": 1.0}
COMMANDS: dict[str, Callable[[], object]] = {
    "PasswordChange": lambda: PasswordChange(
        device="1125000",
        device_password=CANARIES["device_password"].text,
        new_password=CANARIES["account_password"].text,
    ),
    "QueueRedirect": lambda: QueueRedirect(
        device="1125000",
        device_password=CANARIES["device_password"].text,
        destination_device="1",
        call_id="1 2",
        priority="0",
        user_data=user_data(),
    ),
    "DTMFDetection": lambda: DTMFDetection(
        device="1", device_password=CANARIES["device_password"].text, call_id="1 2"
    ),
    "OtherCommand": lambda: OtherCommand("a", {"DADOS": DESTINATION}),
    "CommandAnswer": lambda: CommandAnswer(text=Personal(EVERYTHING)),
    "CommandSettings": lambda: CommandSettings("predictive_call"),
}
EVENTS: dict[str, Callable[[], object]] = {
    "ChannelEvent": lambda: ChannelEvent(**SEEN),
    "ChannelOpened": lambda: ChannelOpened(**SEEN, channel_id=1),
    "ChannelClosed": lambda: ChannelClosed(**SEEN, channel_id=1, reason="closed"),
    "Gap": lambda: Gap(**SEEN, since=0.0, reason="lost"),
    "OtherEvent": lambda: OtherEvent(**SEEN, name="x", data=Personal(EVERYTHING)),
    "CallEvent": lambda: CallEvent(
        **SEEN,
        name="x",
        phase=CallPhase.ENDED,
        destination=Personal(DESTINATION),
        data=Personal(EVERYTHING),
    ),
    "CallEvents": lambda: CallEvents(5),
    "CallEndSettings": CallEndSettings,
    "ChannelRequest": lambda: ChannelRequest(path="/a", headers={"x": API_KEY}),
    "Subscription": lambda: Subscription(request="/a"),
    "EventChannelSettings": lambda: EventChannelSettings(open="/a", opened_names="x"),
}
MADE |= COMMANDS | EVENTS | PLANNED
KINDS = {
    name
    for module in (digitro_async, campaign, contacts, ledger)
    for name in module.__all__
    if inspect.isclass(kind := getattr(module, name))
    and not issubclass(kind, str | DigitroError)
}
ELSEWHERE = {
    *("Ledger", "LedgerReader", "Recorder", "RowFile", "Transport"),  # only protocols
    *("AnswerBody", "CallEnds", "EndRecorder"),  # these too, and an enumeration
    "CommandAccepted",  # the base of the answers
    *("OccupiedSlots", "MemoryLedger", "MemoryLedgerReader"),  # looked at below
    *("SQLiteLedgerReader", "ContactFile", "RejectsFile"),  # test_leaks_cli
    *("LedgerRehearsal", "SlicedLedger"),  # the same, and a protocol
    *("PostgresLedger", "PostgresLedgerReader", "SliceClaims"),  # tests/postgres
    *("ResultFeed", "Schedule", "ScheduledLedger"),  # only protocols
    *("ContinuedRejects", "RuledRun", "RuledSlices"),  # kinds of what is looked at
    *KEYED,  # test_leaks_schedule
}
ERRORS = [
    kind
    for name in digitro_async.__all__
    if inspect.isclass(kind := getattr(digitro_async, name))
    and issubclass(kind, DigitroError)
]


def test_every_public_object_is_looked_at() -> None:
    """There is none of which no test makes one."""
    assert set(MADE) == KINDS - ELSEWHERE


@pytest.mark.parametrize("name", MADE)
async def test_public_objects(name: str) -> None:
    """However it is written, copied or taken apart, a public object is private."""
    with Watch() as watch:
        watch.take(name, MADE[name]())

    assert watch.leaks() == []
    assert len(watch.seen) >= 10


@pytest.mark.parametrize("kind", ERRORS)
def test_errors(kind: type[DigitroError]) -> None:
    """No error shows what the PABX wrote."""
    with Watch() as watch:
        watch.take("error", error(kind))

    assert watch.leaks() == []


async def test_the_memory_ledger() -> None:
    """A ledger in memory keeps nobody's number in the open."""
    with Watch() as watch:
        async with MemoryLedger() as ledger:
            await ledger.add([new_contact()])
            watch.take("ledger", ledger)
            watch.take("claimed", await ledger.claim(1, ClaimOwner("leaks"), 60.0))

    assert watch.leaks() == []


def test_what_an_acceptance_holds() -> None:
    """The answer of the PABX can be asked for, and shows itself to nobody."""
    accepted = CallAccepted("1 2", {"echo": EVERYTHING})
    with Watch() as watch:
        watch.show("acceptance", accepted)
        watch.show("result", attrs.evolve(result(), accepted=accepted, key=EVERYTHING))

    assert watch.leaks() == []


@pytest.mark.parametrize("make", [new_contact, open_contact])
def test_what_a_row_says_itself(make: Callable[..., object]) -> None:
    """The fields of a row in a ledger show themselves to nobody who does not ask."""
    contact = make(**FIELDS)
    with Watch() as watch:
        watch.show("contact", contact)

    assert watch.leaks() == []


def with_field(make: Callable[..., object], name: str) -> Callable[[str], object]:
    """Return what makes something whose field of that name is the text given."""
    return lambda bad: make(**{name: bad})


WRONG: dict[str, Callable[[str], object]] = {
    "empty destination": lambda _: call_with_canaries(destination=""),
    "no text": lambda _: call_with_canaries(device=7),
    **{
        f"wrong {field.name}": with_field(call_with_canaries, field.name)
        for field in attrs.fields(PredictiveCall)
    },
    "key": lambda bad: pabx_with(api_key=bad),
    "name": lambda bad: pabx_with(name=bad),
    "url": lambda bad: pabx_with(base_url=f"http://u:{bad}@h"),
    "bare url": lambda bad: pabx_with(base_url=bad),
    "channel": lambda bad: pabx_with(channel_id=bad),
    **{
        name: with_field(pabx, name)
        for name in ("rate", "max_in_flight", "pool", "timeouts", "tls", "unset_fields")
    },
    "limit": with_field(settings.RateLimit, "calls"),
    "fingerprint": with_field(settings.TLSSettings, "fingerprint"),
    "defaults": lambda bad: Campaign(
        MemoryLedger(), DigitroClient(pabx()), call={**FIELDS, "user_data": bad}
    ),
    "ledger": lambda bad: open_ledger(f"postgresql://u:{bad}@h/db"),
    "personal": lambda bad: Personal(bad.encode()),  # type: ignore[arg-type]
}


def pabx_with(**changes: Any) -> PABX:
    """Return a PABX of which something is given otherwise."""
    given = {"name": "a", "base_url": "http://h", "channel_id": 1, "api_key": API_KEY}
    return PABX(**{**given, **changes})


@pytest.mark.parametrize("what", WRONG)
def test_wrong_values(what: str) -> None:
    """An error about a value never shows it, nor do the frames it went through."""
    shown = 0
    with Watch() as watch:
        for end in ("\x1b\r\nX: y", "\x00"):
            try:
                WRONG[what](EVERYTHING + end)
            except (DigitroError, TypeError) as caught:
                watch.take("error", caught)
                shown += 1

    assert shown == 2
    assert watch.leaks() == []
