"""The contract of a ledger about calls of unknown outcome that an event shows."""

import pytest
from ledgers import (
    NOW,
    OWNER,
    accept,
    an_end,
    end_call,
    entry_of,
    lose,
    open_intents,
    seen_call,
    settle,
    states,
)

from digitro_async import (
    CallSeen,
    Disposition,
    IllegalTransitionError,
    LedgerError,
)
from digitro_async.ledger import Ledger, State, Step
from digitro_async.ledger._reconciliation import QUARANTINE

TIMEOUT = 300.0


class TestSeen:
    """A call that was seen settles the unknown contact that it is of."""

    async def test_settled(self, ledger: Ledger) -> None:
        """It is accepted with the call id and the evidence of the event, at once."""
        await ledger.set_setting(QUARANTINE, "120")
        (number,) = await open_intents(ledger, 1)
        await lose(ledger, number)
        seen = seen_call("7", at="10:00\n")
        done = await ledger.ends.settle_seen(number, seen, now=NOW + 3)
        entry = await entry_of(ledger, number)
        busy = an_end(Disposition.BUSY, "7", key=number)
        await end_call(ledger, number, busy)

        assert (done.number, done.state) == (number, State.ACCEPTED)
        assert (entry.state, entry.reason) == (State.ACCEPTED, "reconciled")
        assert (entry.call_id, entry.settled_at) == ("7", NOW + 3)
        assert entry.attempts == 1
        assert entry.evidence == (
            "event DISCANDO of call 7 at 2027-01-15T08:00:02.000Z, PABX time 10:00\\n"
        )
        assert (await entry_of(ledger, number)).end == busy

    async def test_it_awaits_its_end(self, ledger: Ledger) -> None:
        """A call that was seen gets an end like any other one."""
        await ledger.ends.expect(OWNER, {"one": TIMEOUT})
        (number,) = await open_intents(ledger, 1)
        await lose(ledger, number)
        await ledger.ends.settle_seen(number, seen_call("7"), now=NOW + 5)
        (awaited,) = await ledger.ends.awaited()

        assert (awaited.number, awaited.call_id) == (number, "7")
        assert awaited.since == NOW + 5

    @pytest.mark.parametrize(
        ("seen", "reason"),
        [
            (seen_call("7", pabx="two"), "other_pabx"),
            (seen_call("2"), "known_call"),
        ],
    )
    async def test_not_its_call(
        self, ledger: Ledger, seen: CallSeen, reason: str
    ) -> None:
        """What can't be the contact's call settles nothing."""
        await open_intents(ledger, 2)
        await lose(ledger, 1)
        await accept(ledger, 2, "2")
        with pytest.raises(LedgerError) as caught:
            await ledger.ends.settle_seen(1, seen, now=NOW)

        assert caught.value.reason == reason
        assert await states(ledger) == {1: State.UNKNOWN, 2: State.ACCEPTED}

    async def test_what_is_not_unknown(self, ledger: Ledger) -> None:
        """Only an unknown contact is settled."""
        await open_intents(ledger, 3)
        await accept(ledger, 1, "1")
        await settle(ledger, 2, Step.NOT_PLACED, "one", NOW)
        for number in (1, 2, 3):
            with pytest.raises(IllegalTransitionError):
                await ledger.ends.settle_seen(number, seen_call(), now=NOW)
        with pytest.raises(LedgerError) as caught:
            await ledger.ends.settle_seen(9, seen_call(), now=NOW)

        assert caught.value.reason == "no_such_contact"

    async def test_no_doubt_about_it(self, ledger: Ledger) -> None:
        """A doubt about answers is none about what was seen."""
        (number,) = await open_intents(ledger, 1)
        await lose(ledger, number)
        await ledger.ends.settle_seen(number, seen_call(), now=NOW)

        assert await ledger.doubt([number], "one", NOW) == 0

    async def test_long_texts(self, ledger: Ledger) -> None:
        """Texts of an event of any length and kind are evidence."""
        (number,) = await open_intents(ledger, 1)
        await lose(ledger, number)
        long = "\ud800\x1b" * 5000
        seen = seen_call(long, name=long, at=long)
        await ledger.ends.settle_seen(number, seen, now=NOW)
        entry = await entry_of(ledger, number)

        assert entry.evidence is not None
        assert entry.evidence.isprintable()
