"""The contract of a ledger about the ends of calls."""

import asyncio
from typing import Any

import pytest
from ledgers import (
    NOW,
    OWNER,
    Shelf,
    accept,
    an_end,
    claim,
    contacts,
    end_call,
    entry_of,
    intend,
    lose,
    open_intents,
    seen_call,
    settle,
    states,
)

from digitro_async import (
    CallEnd,
    CallPhase,
    Disposition,
    EndEvidence,
    LedgerError,
)
from digitro_async.ledger import AwaitedEnd, EndCounts, Ledger, State, Step
from digitro_async.ledger._call_ends_port import LONGEST_WORD

TIMEOUT = 300.0
ANSWERED = CallEnd(
    pabx="one",
    disposition=Disposition.ANSWERED,
    evidence=EndEvidence.CALL_ID,
    key=1,
    word="ATENDIDA",
    call_id="1",
    started_at=NOW + 2,
    rang_at=NOW + 3,
    answered_at=NOW + 10.25,
    ended_at=NOW + 70.5,
    pabx_times={CallPhase.RINGING: "10:00:00", CallPhase.ENDED: "10:01:07,5"},
)


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
        end = CallEnd(
            pabx=one.pabx,
            disposition=Disposition.NONE_SEEN,
            evidence=EndEvidence.DEADLINE,
            call_id=one.call_id,
        )
        await end_call(ledger, one.number, end)
    return [one.number for one in overdue]


class TestRecord:
    """The end of a call is written once."""

    async def test_all_of_it(self, shelf: Shelf) -> None:
        """Each value of an end is read back as it was, by owners and readers."""
        async with shelf.ledger() as ledger:
            (number,) = await accepted(ledger)
            await end_call(ledger, number, ANSWERED)
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
        await end_call(ledger, number, an_end(disposition))

        assert await end_of(ledger, number) == an_end(disposition)
        assert (await ledger.ends.counts()).dispositions == {disposition: 1}

    async def test_what_was_told_is_final(self, ledger: Ledger) -> None:
        """The first end that an event told of stays, whatever is told later."""
        (number,) = await accepted(ledger)
        await end_call(ledger, number, ANSWERED)
        for later in (Disposition.BUSY, Disposition.NONE_SEEN, Disposition.ANSWERED):
            await end_call(ledger, number, an_end(later))

        assert await end_of(ledger, number) == ANSWERED

    async def test_none_seen_gives_way(self, ledger: Ledger) -> None:
        """An end that is told after the deadline takes the place of none seen, once."""
        (number,) = await accepted(ledger)
        none_seen = an_end(Disposition.NONE_SEEN)
        for end in (none_seen, an_end(Disposition.NONE_SEEN, rang_at=NOW)):
            await end_call(ledger, number, end)
        before = await end_of(ledger, number)
        for told in (ANSWERED, an_end(Disposition.BUSY), none_seen):
            await end_call(ledger, number, told)

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
        end = an_end(Disposition.BUSY, call_id, pabx=pabx)
        await end_call(ledger, number, end)

        assert await end_of(ledger, 1) is None

    @pytest.mark.parametrize("state", ["pending", "claimed", "intent", "rejected"])
    async def test_what_was_not_taken(self, ledger: Ledger, state: str) -> None:
        """A contact whose call was not taken by the PABX gets no end."""
        await ledger.add(contacts(1))
        if state != "pending":
            await claim(ledger, 1)
        if state in ("intent", "rejected"):
            await intend(ledger, 1, "one", NOW)
        if state == "rejected":
            await settle(ledger, 1, Step.REJECT, "one", NOW)
        for call_id in (None, "1"):
            await end_call(ledger, 1, an_end(Disposition.BUSY, call_id))

        assert await end_of(ledger, 1) is None
        assert await states(ledger) == {1: State(state)}

    async def test_unknown(self, ledger: Ledger) -> None:
        """Of an unknown call nothing was seen, until it is settled and then told."""
        (number,) = await open_intents(ledger, 1)
        await lose(ledger, number)
        await end_call(ledger, number, an_end(Disposition.BUSY, "1"))
        await end_call(ledger, number, an_end(Disposition.NONE_SEEN, None))
        unknown = await entry_of(ledger, number)
        await ledger.ends.settle_seen(number, seen_call("1"), now=NOW)
        await end_call(ledger, number, an_end(Disposition.BUSY, "1"))

        assert unknown.state is State.UNKNOWN
        assert unknown.end == an_end(Disposition.NONE_SEEN, None)
        assert await end_of(ledger, number) == an_end(Disposition.BUSY, "1")

    async def test_many_at_once(self, ledger: Ledger) -> None:
        """Ends that come together are each written, bad ones beside them or not."""
        numbers = await accepted(ledger, 300)
        told = [
            *((n, an_end(Disposition.BUSY, str(n))) for n in numbers),
            *((n, an_end(Disposition.FAX, str(n))) for n in numbers),
            *((n, an_end(Disposition.FAX, "99")) for n in numbers[:9]),
        ]
        await asyncio.gather(*(end_call(ledger, n, end) for n, end in told))

        assert await ledger.ends.counts() == EndCounts({Disposition.BUSY: 300})

    async def test_in_one_commit_with_its_acceptance(self, ledger: Ledger) -> None:
        """An end is written after the outcome that was handed over before it."""
        (number,) = await open_intents(ledger, 1)
        settling = asyncio.ensure_future(
            settle(ledger, number, Step.ACCEPT, "one", NOW, call_id="1")
        )
        await asyncio.sleep(0)
        await end_call(ledger, number, ANSWERED)
        await settling

        assert await end_of(ledger, number) == ANSWERED

    async def test_odd_texts(self, ledger: Ledger) -> None:
        """A word that is no text or very long is kept as far as it can be."""
        (number,) = await accepted(ledger)
        end = an_end(
            Disposition.OTHER,
            word="\ud800" + "x" * 500,
            pabx_times={CallPhase.ENDED: "\udfff"},
        )
        await end_call(ledger, number, end)
        kept = await end_of(ledger, number)

        assert kept is not None
        assert kept.word == "\\ud800" + "x" * (LONGEST_WORD - 1)
        assert kept.pabx_times == {CallPhase.ENDED: "\\udfff"}

    async def test_odd_call_ids(self, ledger: Ledger) -> None:
        """A call id that is no text, or very long, is known again."""
        for number, call_id in zip(
            await open_intents(ledger, 2), ("\ud800", "x" * 500), strict=True
        ):
            await accept(ledger, number, call_id)
            end = an_end(Disposition.BUSY, call_id, key=number)
            await end_call(ledger, number, end)

        assert await ledger.ends.counts() == EndCounts({Disposition.BUSY: 2})

    async def test_not_open(self, shelf: Shelf) -> None:
        """A ledger that is not open takes no end."""
        ledger = shelf.ledger()
        told: list[Any] = []
        with pytest.raises(LedgerError):
            ledger.ends.record(1, ANSWERED, on_done=lambda *done: told.append(done))
        with pytest.raises(LedgerError):
            await ledger.ends.awaited()

        assert told == []


class TestAttempts:
    """An end belongs to one attempt."""

    async def test_next_attempt(self, ledger: Ledger) -> None:
        """A contact that is called again has no end until that call has one."""
        (number,) = await accepted(ledger)
        await end_call(ledger, number, ANSWERED)
        await ledger.doubt([number], "one", NOW)
        await ledger.reconcile(number, accepted=False, evidence="x", now=NOW + 9)
        await claim(ledger, 1)
        await intend(ledger, number, "one", NOW)
        await accept(ledger, number, "2")
        before = await end_of(ledger, number)
        await end_call(ledger, number, ANSWERED)
        late = await end_of(ledger, number)
        busy = an_end(Disposition.BUSY, "2", key=number)
        await end_call(ledger, number, busy)

        assert (before, late) == (None, None)
        assert await end_of(ledger, number) == busy

    async def test_attempt_after_an_unknown_one(self, ledger: Ledger) -> None:
        """What was seen of a call that was not placed is not told of the next one."""
        (number,) = await open_intents(ledger, 1)
        await lose(ledger, number)
        await end_call(ledger, number, an_end(Disposition.NONE_SEEN, None))
        await ledger.reconcile(number, accepted=False, evidence="x", now=NOW + 9)
        pending = await end_of(ledger, number)
        await claim(ledger, 1)
        await intend(ledger, number, "one", NOW)
        await lose(ledger, number)

        assert (pending, await end_of(ledger, number)) == (None, None)

    async def test_doubt(self, ledger: Ledger) -> None:
        """Where the answer may be another call's, so may be the end of that call."""
        (number,) = await accepted(ledger)
        await end_call(ledger, number, ANSWERED)
        await ledger.doubt([number], "one", NOW)
        await end_call(ledger, number, ANSWERED)
        doubted = await end_of(ledger, number)
        await ledger.ends.settle_seen(number, seen_call("7"), now=NOW)
        settled = await end_of(ledger, number)
        busy = an_end(Disposition.BUSY, "7", key=number)
        await end_call(ledger, number, busy)

        assert (doubted, settled) == (None, None)
        assert await end_of(ledger, number) == busy


class TestAwaited:
    """Calls whose end is to come."""

    async def test_of_who_listens(self, ledger: Ledger) -> None:
        """Calls of a run and a PABX that are heard await their ends, unknown too."""
        await ledger.ends.expect(OWNER, {"one": TIMEOUT, "three": 5.0})
        await open_intents(ledger, 5)
        await accept(ledger, 1, "1")
        await accept(ledger, 2, "2")
        await lose(ledger, 3)
        await settle(ledger, 4, Step.REJECT, "one", NOW)
        await end_call(ledger, 2, an_end(Disposition.BUSY, "2"))
        values: dict[str, Any] = {"pabx": "one", "timeout": TIMEOUT}

        assert await ledger.ends.awaited() == [
            AwaitedEnd(number=1, call_id="1", since=NOW + 1, **values),
            AwaitedEnd(number=3, call_id=None, since=NOW, **values),
        ]
        assert await ledger.ends.counts() == EndCounts({Disposition.BUSY: 1}, 2)

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
        await end_call(ledger, 2, an_end(Disposition.BUSY, "2"))
        await shelf.lose_owner(ledger)
        async with shelf.ledger() as again:
            early = await none_seen_by_deadline(again, NOW + TIMEOUT)
            late = await none_seen_by_deadline(again, NOW + 1 + TIMEOUT)
            counts = await again.ends.counts()

        assert (early, late) == ([], [1, 3])
        assert counts == EndCounts({Disposition.BUSY: 1, Disposition.NONE_SEEN: 2})

    def test_clock_set_back(self) -> None:
        """Nobody waits longer than the whole time where a clock was set back."""
        one = AwaitedEnd(number=1, pabx="one", call_id="1", since=NOW, timeout=TIMEOUT)

        assert one.seconds_left(NOW - 1e6) == TIMEOUT
        assert one.seconds_left(NOW + 100) == TIMEOUT - 100
        assert one.seconds_left(NOW + 1e6) < 0
