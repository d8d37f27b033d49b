"""Helpers of the tests of slots of earlier runs."""

import time
from typing import Any

from helpers import ScriptedTransport, make_pabx
from ledgers import (
    accept,
    claim,
    contacts,
    intend,
    settle,
)

from digitro_async import (
    PABX,
    Campaign,
    DigitroClient,
    Dispatcher,
    PauseSettings,
    RateLimit,
    RetrySettings,
)
from digitro_async.dispatch._pacing import Pacer
from digitro_async.ledger import Ledger, Step

CALL = {"device": "1125000", "device_password": "canary-4567"}
NEVER = PauseSettings(
    unknown_run=10**9, unknown_budget=10**9, not_sent_run=10**9, rejected_run=10**9
)


def client_of(transport: Any, *pabx: PABX) -> DigitroClient:
    """Return a client over that transport."""
    client = DigitroClient(pabx)
    client._dispatcher = Dispatcher(
        pabx, transport, retry=RetrySettings(max_attempts=1), pause=NEVER
    )
    return client


def pacer_of(client: DigitroClient, name: str = "one") -> Pacer:
    """Return what paces the calls to a PABX."""
    pacer = client.dispatcher._router.admissions[name].standing.pacer
    assert isinstance(pacer, Pacer)
    return pacer


def taken(client: DigitroClient, name: str = "one") -> tuple[int, int]:
    """Return how many slots are cooling and how many lost."""
    pacer = pacer_of(client, name)
    return len(pacer._cooling), len(pacer._lost)


def slow(name: str = "one", base_url: str = "http://127.0.0.1:9") -> PABX:
    """Return a PABX with a cap of 6 in an hour and a half."""
    return make_pabx(name, base_url, rate=RateLimit(6, 5400.0))


async def begin(ledger: Ledger, *pabx: PABX) -> DigitroClient:
    """Begin a run that has nothing to dial, and return its client."""
    client = client_of(ScriptedTransport(), *(pabx or [slow()]))
    async with Campaign(ledger, client, call=CALL).run():
        pass
    return client


async def lose_some(ledger: Ledger, name: str = "one") -> None:
    """Lose two calls now, and have one accepted after that was made before."""
    await ledger.add(contacts(3))
    numbers = [one.number for one in await claim(ledger, 3)]
    for number in numbers:
        await intend(ledger, number, name, time.time())
    for number in numbers[:2]:
        await settle(
            ledger, number, Step.MARK_UNKNOWN, name, time.time(), reason="timeout"
        )
    await accept(ledger, numbers[2], "1", at=time.time(), pabx=name)
