"""Attempts that count against a contact: those that failed for no fault of the PABX."""

import contextlib
import itertools
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from campaigns import contacts as rows
from campaigns import outcomes, run, scripted
from helpers import NOT_SENT, ScriptedTransport, answered
from ledgers import (
    NOW,
    OWNER,
    Shelf,
    claim,
    contacts,
    entry_of,
    intend,
    release,
    settle,
)

from digitro_async import Outcome, PauseSettings
from digitro_async._common.reasons import PABX_REASONS
from digitro_async.ledger import Ledger, SQLiteLedger, SQLiteLedgerReader
from digitro_async.ledger._state import Step
from digitro_async.ledger.sqlite import _migrations

OWN = "unexpected_error"


@pytest.fixture
async def ledger(shelf: Shelf) -> AsyncIterator[Ledger]:
    """Open a ledger with one contact."""
    async with shelf.ledger() as opened:
        await opened.add(contacts(1))
        yield opened


async def fail(ledger: Ledger, *reasons: str | None) -> None:
    """Let an attempt fail for each of the reasons."""
    for reason in reasons:
        await claim(ledger, 1)
        await intend(ledger, 1, "one", NOW)
        await settle(ledger, 1, Step.NOT_PLACED, "one", NOW, reason=reason)
        await release(ledger, [1])


class TestCounting:
    """``max_attempts`` and ``count_exhausted``, of every ledger."""

    @pytest.mark.parametrize("reason", sorted(PABX_REASONS))
    async def test_never_counted(self, ledger: Ledger, reason: str) -> None:
        """A reason of the PABX or the way to it counts never, whatever came before."""
        await fail(ledger, reason, OWN, reason, reason)

        assert await ledger.count_exhausted(2) == 0
        assert [one.attempts for one in await claim(ledger, 1, max_attempts=2)] == [4]

    @pytest.mark.parametrize("order", [*itertools.permutations((OWN, OWN, "x", "y"))])
    async def test_counted(self, ledger: Ledger, order: tuple[str, ...]) -> None:
        """Those that were the contact's own add up, whichever of them came last."""
        named = {"x": "connect_failed", "y": "throttled"}
        await fail(ledger, *(named.get(reason, reason) for reason in order))

        assert await ledger.count_exhausted(3) == 0
        assert await ledger.count_exhausted(2) == 1
        assert not await claim(ledger, 1, max_attempts=2)

    async def test_without_a_reason(self, ledger: Ledger) -> None:
        """An attempt that failed for no reason that is known counts."""
        await fail(ledger, None)

        assert await ledger.count_exhausted(1) == 1

    async def test_reconciled(self, ledger: Ledger) -> None:
        """A contact that provably was not called begins anew."""
        await fail(ledger, OWN)
        await claim(ledger, 1)
        await intend(ledger, 1, "one", NOW)
        await settle(ledger, 1, Step.MARK_UNKNOWN, "one", NOW, reason="timeout")
        await ledger.reconcile("#1", accepted=False, evidence="x", now=NOW + 1e6)

        assert await ledger.count_exhausted(1) == 0
        assert (await entry_of(ledger, 1)).attempts == 0


@pytest.mark.parametrize("seen", [NOT_SENT, answered(429), answered(401)])
async def test_pabx_that_is_down_for_runs(shelf: Shelf, seen: Any) -> None:
    """A PABX that takes no call for many runs uses up no contact."""
    down = [True]
    transport = ScriptedTransport(decide=lambda _: seen if down[0] else None)
    pause = PauseSettings(not_sent_run=10**9)
    async with shelf.ledger() as ledger:
        for number in range(4):
            campaign, client = scripted(ledger, transport, max_attempts=1, pause=pause)
            if number == 0:
                await campaign.add(rows(3))
            with contextlib.suppress(Exception):
                await run(campaign)
            assert await ledger.count_exhausted(1) == 0
            await client.aclose()
        down[0] = False
        campaign, _ = scripted(ledger, transport, max_attempts=1)
        results = await run(campaign)

    assert outcomes(results) == {Outcome.ACCEPTED: 3}


@pytest.mark.parametrize("version", [2, 3, 4])
async def test_older_ledger(tmp_path: Path, monkeypatch: Any, version: int) -> None:
    """In a ledger of before, the reason of the last attempt tells for all of them."""
    path, every = tmp_path / "old.db", _migrations._migrations()
    async with SQLiteLedger(path) as ledger:
        await ledger.add(contacts(3))
    path.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(_migrations, "_migrations", lambda: every[:version])
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.isolation_level = None
            _migrations.migrate(connection)
            connection.execute("INSERT INTO identity_key VALUES (1, zeroblob(32))")
            for number, reason in enumerate(("connect_failed", OWN, None), 1):
                connection.execute(
                    "INSERT INTO contact (number, hash, line, attempts, reason)"
                    " VALUES (?, zeroblob(?), ?, ?, ?)",
                    (number, number, number, 4 * (number < 3), reason),
                )
                connection.execute(
                    "INSERT INTO person (number, destination) VALUES (?, '0')",
                    (number,),
                )
    for end in ("", ".lock"):
        (tmp_path / f"old.db{end}").chmod(0o600)
    with SQLiteLedgerReader(path, accept_loss=True) as reader:
        read = [reader.count_exhausted(most) for most in (4, 5)]
    async with SQLiteLedger(path, accept_loss=True) as ledger:
        counted = [await ledger.count_exhausted(most) for most in (4, 5)]
        claimed = await ledger.claim(9, OWNER, 60.0, max_attempts=4)

    assert read == counted == [1, 0]
    assert [one.number for one in claimed] == [1, 3]
