"""Campaigns over scripted transports, and the contacts that they dial."""

import collections
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from helpers import ScriptedTransport, make_pabx, take_into
from ledgers import SHELVES, Shelf

from digitro_async import (
    CallResult,
    Campaign,
    DigitroClient,
    Outcome,
    PauseSettings,
    RetrySettings,
)
from digitro_async.contacts import ContactRow
from digitro_async.ledger import Ledger

__all__ = [
    "CALL",
    "NEVER",
    "ONCE",
    "ScriptedClient",
    "contact",
    "contacts",
    "number_of",
    "outcomes",
    "run",
    "scripted",
    "shelf",
]

CALL = {"device": "1125000", "device_password": "canary-4567"}
NEVER = PauseSettings(
    unknown_run=10**9, unknown_budget=10**9, not_sent_run=10**9, rejected_run=10**9
)
ONCE = RetrySettings(max_attempts=1)


class ScriptedClient(DigitroClient):
    """A client over a transport that sees what its script says."""

    def __init__(
        self, transport: Any, pabx: Any = None, *, pause: PauseSettings = NEVER
    ) -> None:
        pabx = pabx or make_pabx(max_in_flight=10)
        super().__init__(pabx, transport=transport, retry=ONCE, pause=pause)


def number_of(line: int) -> str:
    """Return the number that stands in a line."""
    return f"0483280{line:04d}"


def contact(line: int, **given: Any) -> ContactRow:
    """Return the contact of a line, with fields of its own only where given."""
    fields = dict(given.pop("fields", {}))
    number = fields.pop("destination", number_of(line))
    values: dict[str, Any] = {"id": f"C{line}", **given}
    return ContactRow(line=line, destination=number, fields=fields, **values)


def contacts(count: int) -> Iterable[ContactRow]:
    """Make ``count`` contacts, one by one."""
    return (contact(line) for line in range(1, count + 1))


async def run(campaign: Campaign) -> list[CallResult]:
    """Dial to the end."""
    taken: list[CallResult] = []
    async with campaign.run() as results:
        await take_into(taken, results)
    return taken


def outcomes(results: Iterable[CallResult]) -> collections.Counter[Outcome]:
    """Count the outcomes."""
    return collections.Counter(result.outcome for result in results)


def scripted(
    ledger: Ledger, transport: ScriptedTransport, **given: Any
) -> tuple[Campaign, DigitroClient]:
    """Return a campaign over a scripted transport, and its client."""
    settings = {name: given.pop(name) for name in ("pabx", "pause") if name in given}
    client = ScriptedClient(transport, **settings)
    return Campaign(ledger, client, call=CALL, **given), client


@pytest.fixture(params=SHELVES)
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    """Return where the ledger of this test stands."""
    return SHELVES[request.param](tmp_path)
