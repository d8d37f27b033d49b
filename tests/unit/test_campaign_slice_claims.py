"""Slices whose contacts are claimed again before their results were taken."""

import asyncio
from typing import Any

from campaigns import CALL
from ledgers import LEASE, OWNER, contacts

from digitro_async import CallResult, PredictiveCall
from digitro_async.campaign import SliceClaims
from digitro_async.errors import Outcome
from digitro_async.ledger import ClaimedContact, MemoryLedger


def build(contact: ClaimedContact) -> PredictiveCall:
    """Make the call of a contact."""
    return PredictiveCall(destination=f"0483281{contact.number:04}", **CALL)


def claims_of(ledger: Any) -> SliceClaims:
    """Claim slices; the ledger in memory has all that is asked of it here."""
    return SliceClaims(ledger, OWNER, build, lease=LEASE, max_attempts=5, partial=True)


async def turns() -> None:
    """Let whoever can go on."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_slice_that_is_claimed_again_ends_twice() -> None:
    """Contacts that the ledger gives anew are waited for by the newer slice alone."""
    async with MemoryLedger() as ledger:
        await ledger.add(contacts(3))
        claims = claims_of(ledger)
        first = asyncio.ensure_future(claims.dial(range(1, 4), None))
        await turns()
        # Others close what a process had that stood still past its lease.
        await ledger.recover(OWNER)
        second = asyncio.ensure_future(claims.dial(range(1, 4), None))
        await turns()

        assert await first == 0
        assert not second.done()
        for number in (1, 2, 3):
            call = PredictiveCall(destination="0483281700", **CALL)
            claims.settle(CallResult(call=call, outcome=Outcome.ACCEPTED, key=number))
        assert await second == 0


async def test_a_contact_of_two_slices_is_left_to_the_newer() -> None:
    """A slice waits on for those of its contacts that no other slice has."""
    async with MemoryLedger() as ledger:
        await ledger.add(contacts(3))
        claims = claims_of(ledger)
        first = asyncio.ensure_future(claims.dial(range(1, 4), None))
        await turns()
        await ledger.release(OWNER, [2])
        second = asyncio.ensure_future(claims.dial(range(2, 3), None))
        await turns()
        call = PredictiveCall(destination="0483281700", **CALL)
        for number in (1, 3):
            claims.settle(CallResult(call=call, outcome=Outcome.NOT_SENT, key=number))

        assert await first == 2
        assert not second.done()
        claims.settle(CallResult(call=call, outcome=Outcome.ACCEPTED, key=2))
        assert await second == 0
