"""The contract of a ledger about the ends of calls."""

import asyncio
from typing import Any

import pytest
from ledgers import (
    NOW,
    OWNER,
    Shelf,
    accept,
    claim,
    contacts,
    end_call,
    entry_of,
    intend,
    lose,
    open_intents,
    settle,
    states,
)

from digitro_async import (
    CallEnd,
    Disposition,
    IllegalTransitionError,
    LedgerError,
)
from digitro_async.ledger import AwaitedEnd, EndCounts, Ledger, State, Step
from digitro_async.ledger._call_ends_port import LONGEST_WORD
from digitro_async.ledger._reconciliation import QUARANTINE

TIMEOUT = 300.0
ANSWERED = CallEnd(
    disposition=Disposition.ANSWERED,
    word="ATENDIDA",
    call_id="1",
    started_at=NOW + 2,
    rang_at=NOW + 3,
    answered_at=NOW + 10.25,
    ended_at=NOW + 70.5,
    at="2026-11-29 10:00:00",
    evidence="event FIM_DE_CHAMADA",
)


def an_end(disposition: Disposition, call_id: str | None = "1") -> CallEnd:
    """Return an end without times."""
    return CallEnd(disposition=disposition, call_id=call_id)


async def accepted(ledger: Ledger, count: int = 1) -> list[int]:
    """Put contacts in whose calls are accepted with their numbers as call ids."""
    numbers = await open_intents(ledger, count)
    for number in numbers:
        await accept(ledger, number, str(number))
    return numbers


async def end_of(ledger: Ledger, number: int) -> CallEnd | None:
    """Return the end of a contact's last call."""
    return (await entry_of(ledger, number)).end


async def none_seen_by_deadline(ledger: Ledger, now: float) -> list[int]:
    """Record that nothing was seen of what is overdue; return the numbers."""
    overdue = [one for one in await ledger.ends.awaited() if one.seconds_left(now) <= 0]
    for one in overdue:
        end = CallEnd(disposition=Disposition.NONE_SEEN, call_id=one.call_id)
        await end_call(ledger, one.number, one.pabx, end)
    return [one.number for one in overdue]


class TestRecord:
    """The end of a call is written once."""

    async def test_all_of_it(self, shelf: Shelf) -> None:
        """Each value of an end is read back as it was, by owners and readers."""
        async with shelf.ledger() as ledger:
            (number,) = await accepted(ledger)
            await end_call(ledger, number, "one", ANSWERED)
            by_owner = await end_of(ledger, number)
        with shelf.reader() as reader:
            (by_reader,) = [entry.end for entry in reader.entries()]

        assert by_owner == by_reader == ANSWERED
        assert (ANSWERED.ring_seconds, ANSWERED.talk_seconds) == (7.25, 60.25)

    @pytest.mark.parametrize("disposition", list(Disposition))
    async def test_every_disposition(
        self, ledger: Ledger, disposition: Disposition
    ) -> None:
        """Every disposition is kept, without any time or word."""
        (number,) = await accepted(ledger)
        await end_call(ledger, number, "one", an_end(disposition))

        assert await end_of(ledger, number) == an_end(disposition)
        assert (await ledger.ends.counts()).dispositions == {disposition: 1}

    async def test_what_was_told_is_final(self, ledger: Ledger) -> None:
        """The first end that an event told of stays, whatever is told later."""
        (number,) = await accepted(ledger)
        await end_call(ledger, number, "one", ANSWERED)
        for later in (Disposition.BUSY, Disposition.NONE_SEEN, Disposition.ANSWERED):
            await end_call(ledger, number, "one", an_end(later))

        assert await end_of(ledger, number) == ANSWERED

    async def test_none_seen_gives_way(self, ledger: Ledger) -> None:
        """An end that is told after the deadline takes the place of none seen, once."""
        (number,) = await accepted(ledger)
        none_seen = an_end(Disposition.NONE_SEEN)
        for _ in range(2):
            await end_call(ledger, number, "one", none_seen)
        before = await end_of(ledger, number)
        for told in (ANSWERED, an_end(Disposition.BUSY), none_seen):
            await end_call(ledger, number, "one", told)

        assert before == none_seen
        assert await end_of(ledger, number) == ANSWERED
        assert (await ledger.ends.counts()).dispositions == {Disposition.ANSWERED: 1}

    @pytest.mark.parametrize(
        ("number", "pabx", "call_id"),
        [(1, "two", "1"), (1, "one", "2"), (1, "one", None), (9, "one", "1")],
    )
    async def test_of_another_call(
        self, ledger: Ledger, number: int, pabx: str, call_id: str | None
    ) -> None:
        """An end by another PABX, of another call or of nobody is dropped."""
        await accepted(ledger)
        end = an_end(Disposition.BUSY, call_id)
        await end_call(ledger, number, pabx, end)

        assert await end_of(ledger, 1) is None

    @pytest.mark.parametrize("state", ["pending", "claimed", "intent", "unknown"])
    async def test_what_is_not_accepted(self, ledger: Ledger, state: str) -> None:
        """A contact that is not accepted gets no end."""
        await ledger.add(contacts(1))
        if state != "pending":
            await claim(ledger, 1)
        if state in ("intent", "unknown"):
            await intend(ledger, 1, "one", NOW)
        if state == "unknown":
            await lose(ledger, 1)
        for call_id in (None, "1"):
            end = an_end(Disposition.BUSY, call_id)
            await end_call(ledger, 1, "one", end)

        assert await end_of(ledger, 1) is None
        assert await states(ledger) == {1: State(state)}

    async def test_many_at_once(self, ledger: Ledger) -> None:
        """Ends that come together are each written, bad ones beside them or not."""
        numbers = await accepted(ledger, 300)
        told = [
            *((n, an_end(Disposition.BUSY, str(n))) for n in numbers),
            *((n, an_end(Disposition.FAX, str(n))) for n in numbers),
            *((n, an_end(Disposition.FAX, "x")) for n in numbers[:9]),
        ]
        await asyncio.gather(*(end_call(ledger, n, "one", end) for n, end in told))

        assert await ledger.ends.counts() == EndCounts({Disposition.BUSY: 300})

    async def test_in_one_commit_with_its_acceptance(self, ledger: Ledger) -> None:
        """An end is written after the outcome that was handed over before it."""
        (number,) = await open_intents(ledger, 1)
        settling = asyncio.ensure_future(
            settle(ledger, number, Step.ACCEPT, "one", NOW, call_id="1")
        )
        await asyncio.sleep(0)
        await end_call(ledger, number, "one", ANSWERED)
        await settling

        assert await end_of(ledger, number) == ANSWERED

    async def test_odd_texts(self, ledger: Ledger) -> None:
        """A word that is no text or very long is kept as far as it can be."""
        (number,) = await accepted(ledger)
        end = CallEnd(
            disposition=Disposition.OTHER,
            word="\ud800" + "x" * 500,
            call_id="1",
            at="",
            evidence="\udfff",
        )
        await end_call(ledger, number, "one", end)
        kept = await end_of(ledger, number)

        assert kept is not None
        assert kept.word == "\\ud800" + "x" * (LONGEST_WORD - 1)
        assert (kept.at, kept.evidence) == (None, "\\udfff")

    async def test_not_open(self, shelf: Shelf) -> None:
        """A ledger that is not open takes no end."""
        ledger = shelf.ledger()
        told: list[Any] = []
        with pytest.raises(LedgerError):
            ledger.ends.record(
                1, "one", ANSWERED, on_done=lambda *done: told.append(done)
            )
        with pytest.raises(LedgerError):
            await ledger.ends.awaited()

        assert told == []


class TestAttempts:
    """An end belongs to one attempt."""

    async def test_next_attempt(self, ledger: Ledger) -> None:
        """A contact that is called again has no end until that call has one."""
        (number,) = await accepted(ledger)
        await end_call(ledger, number, "one", ANSWERED)
        await ledger.doubt([number], "one", NOW)
        await ledger.reconcile(number, accepted=False, evidence="x", now=NOW + 9)
        await claim(ledger, 1)
        await intend(ledger, number, "one", NOW)
        await accept(ledger, number, "2")
        before = await end_of(ledger, number)
        await end_call(ledger, number, "one", ANSWERED)
        late = await end_of(ledger, number)
        busy = an_end(Disposition.BUSY, "2")
        await end_call(ledger, number, "one", busy)

        assert (before, late) == (None, None)
        assert await end_of(ledger, number) == busy

    async def test_doubt(self, ledger: Ledger) -> None:
        """Where the answer may be another call's, so may be the end of that call."""
        (number,) = await accepted(ledger)
        await end_call(ledger, number, "one", ANSWERED)
        await ledger.doubt([number], "one", NOW)
        await end_call(ledger, number, "one", ANSWERED)
        doubted = await end_of(ledger, number)
        await ledger.ends.settle_seen(number, "one", "7", evidence="event x", now=NOW)
        settled = await end_of(ledger, number)
        busy = an_end(Disposition.BUSY, "7")
        await end_call(ledger, number, "one", busy)

        assert (doubted, settled) == (None, None)
        assert await end_of(ledger, number) == busy


class TestAwaited:
    """Calls whose end is to come."""

    async def test_of_who_listens(self, ledger: Ledger) -> None:
        """Accepted calls of a run and a PABX that are heard await their ends."""
        await ledger.ends.expect(OWNER, {"one": TIMEOUT, "three": 5.0})
        await open_intents(ledger, 4)
        await accept(ledger, 1, "1")
        await accept(ledger, 2, "2")
        await lose(ledger, 3)
        await end_call(ledger, 2, "one", an_end(Disposition.BUSY, "2"))

        assert await ledger.ends.awaited() == [
            AwaitedEnd(
                number=1,
                pabx="one",
                call_id="1",
                accepted_at=NOW + 1,
                timeout=TIMEOUT,
            )
        ]
        assert await ledger.ends.counts() == EndCounts({Disposition.BUSY: 1}, 1)

    async def test_of_who_does_not(self, ledger: Ledger) -> None:
        """Calls that were made while nobody listened get no end by a deadline."""
        await ledger.ends.expect(OWNER, {"two": TIMEOUT})
        await accepted(ledger)

        assert await ledger.ends.awaited() == []
        assert await ledger.ends.counts() == EndCounts({})

    async def test_after_a_crash(self, shelf: Shelf, ledger: Ledger) -> None:
        """Ends that a killed run did not record are none seen by their deadline."""
        await ledger.ends.expect(OWNER, {"one": TIMEOUT})
        await accepted(ledger, 3)
        await end_call(ledger, 2, "one", an_end(Disposition.BUSY, "2"))
        await shelf.lose_owner(ledger)
        async with shelf.ledger() as again:
            early = await none_seen_by_deadline(again, NOW + TIMEOUT)
            late = await none_seen_by_deadline(again, NOW + 1 + TIMEOUT)
            counts = await again.ends.counts()

        assert (early, late) == ([], [1, 3])
        assert counts == EndCounts({Disposition.BUSY: 1, Disposition.NONE_SEEN: 2})

    def test_clock_set_back(self) -> None:
        """Nobody waits longer than the whole time where a clock was set back."""
        one = AwaitedEnd(
            number=1, pabx="one", call_id="1", accepted_at=NOW, timeout=TIMEOUT
        )

        assert one.seconds_left(NOW - 1e6) == TIMEOUT
        assert one.seconds_left(NOW + 100) == TIMEOUT - 100
        assert one.seconds_left(NOW + 1e6) < 0


class TestSeen:
    """A call that was seen settles the unknown contact that it is of."""

    async def test_settled(self, ledger: Ledger) -> None:
        """It is accepted with the call id and the evidence of the event, at once."""
        await ledger.set_setting(QUARANTINE, "120")
        (number,) = await open_intents(ledger, 1)
        await lose(ledger, number)
        done = await ledger.ends.settle_seen(
            number, "one", "7", evidence="event DISCANDO", now=NOW + 2
        )
        entry = await entry_of(ledger, number)
        await end_call(ledger, number, "one", an_end(Disposition.BUSY, "7"))

        assert (done.number, done.state) == (number, State.ACCEPTED)
        assert (entry.state, entry.reason) == (State.ACCEPTED, "reconciled")
        assert (entry.call_id, entry.settled_at) == ("7", NOW + 2)
        assert (entry.evidence, entry.attempts) == ("event DISCANDO", 1)
        assert await end_of(ledger, number) == an_end(Disposition.BUSY, "7")

    async def test_without_a_call_id(self, ledger: Ledger) -> None:
        """An event without a call id settles, and the end without one is its end."""
        (number,) = await open_intents(ledger, 1)
        await lose(ledger, number)
        await ledger.ends.settle_seen(number, "one", None, evidence="x", now=NOW)
        await end_call(ledger, number, "one", an_end(Disposition.BUSY, None))

        assert await end_of(ledger, number) == an_end(Disposition.BUSY, None)

    async def test_it_awaits_its_end(self, ledger: Ledger) -> None:
        """A call that was seen gets an end like any other one."""
        await ledger.ends.expect(OWNER, {"one": TIMEOUT})
        (number,) = await open_intents(ledger, 1)
        await lose(ledger, number)
        await ledger.ends.settle_seen(number, "one", "7", evidence="x", now=NOW)
        (awaited,) = await ledger.ends.awaited()

        assert (awaited.number, awaited.call_id) == (number, "7")
        assert awaited.accepted_at == NOW

    @pytest.mark.parametrize(
        ("pabx", "call_id", "evidence", "reason"),
        [
            ("two", "7", "x", "other_pabx"),
            ("one", "2", "x", "known_call"),
            ("one", "7", " ", "no_evidence"),
            ("one", "7", "x" * 1001, "no_evidence"),
        ],
    )
    async def test_not_its_call(
        self, ledger: Ledger, pabx: str, call_id: str, evidence: str, reason: str
    ) -> None:
        """What can't be the contact's call, or is no evidence, settles nothing."""
        await open_intents(ledger, 2)
        await lose(ledger, 1)
        await accept(ledger, 2, "2")
        with pytest.raises(LedgerError) as caught:
            await ledger.ends.settle_seen(1, pabx, call_id, evidence=evidence, now=NOW)

        assert caught.value.reason == reason
        assert await states(ledger) == {1: State.UNKNOWN, 2: State.ACCEPTED}

    async def test_what_is_not_unknown(self, ledger: Ledger) -> None:
        """Only an unknown contact is settled."""
        await open_intents(ledger, 3)
        await accept(ledger, 1, "1")
        await settle(ledger, 2, Step.NOT_PLACED, "one", NOW)
        for number in (1, 2, 3):
            with pytest.raises(IllegalTransitionError):
                await ledger.ends.settle_seen(number, "one", "7", evidence="x", now=NOW)
        with pytest.raises(LedgerError) as caught:
            await ledger.ends.settle_seen(9, "one", "7", evidence="x", now=NOW)

        assert caught.value.reason == "no_such_contact"

    async def test_no_doubt_about_it(self, ledger: Ledger) -> None:
        """A doubt about answers is none about what was seen."""
        (number,) = await open_intents(ledger, 1)
        await lose(ledger, number)
        await ledger.ends.settle_seen(number, "one", "7", evidence="x", now=NOW)

        assert await ledger.doubt([number], "one", NOW) == 0

    async def test_candidates(self, ledger: Ledger) -> None:
        """Unknown contacts are found whose calls were begun within a time."""
        await open_intents(ledger, 2)
        await lose(ledger, 1)
        await accept(ledger, 2, "2")
        (found,) = await ledger.ends.unknown_since(NOW)

        assert (found.number, found.pabx, found.sent_at) == (1, "one", NOW)
        assert found.destination.reveal() == "04832810001"
        assert "0483281" not in repr(found)
        assert await ledger.ends.unknown_since(NOW + 0.5) == []
