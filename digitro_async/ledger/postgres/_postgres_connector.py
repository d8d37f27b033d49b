"""Connects to a ledger's database, and once more where a connection is lost."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Final

import attrs
import psycopg

from digitro_async.errors import DigitroError, LedgerError, LedgerInUseError
from digitro_async.ledger._provenance import PROVENANCE, Provenance, check_provenance
from digitro_async.ledger.postgres._postgres_errors import no_server, problem_of
from digitro_async.ledger.postgres._postgres_migrations import migrate
from digitro_async.ledger.postgres._postgres_session import (
    PostgresSession,
    SessionLostError,
)
from digitro_async.ledger.postgres._server_address import ServerAddress

__all__ = ["OpenCampaign", "PostgresConnector"]

_PAUSES: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds before each new try to connect; the last one is repeated."""

_MIGRATION_SECONDS: Final = 600.0

_FIND_CAMPAIGN: Final = """
SELECT number, identity_key FROM digitro.campaign WHERE name = %s
"""
_ADD_CAMPAIGN: Final = """
INSERT INTO digitro.campaign (name, identity_key) VALUES (%s, %s)
ON CONFLICT (name) DO NOTHING
"""

_PROVENANCE: Final = """
SELECT value FROM digitro.setting WHERE campaign = %s AND name = %s
"""

_END_BACKEND: Final = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE pid = %s AND backend_start = %s
"""

_DIALLING: Final = 0x44474C32
"""The advisory lock of who dials: "DGL2". Those who share caps hold it together."""

_LOCKS: Final = ("pg_try_advisory_lock", "pg_advisory_unlock")
_SHARED_LOCKS: Final = ("pg_try_advisory_lock_shared", "pg_advisory_unlock_shared")


@attrs.frozen
class OpenCampaign:
    """A campaign as the database knows it.

    Attributes:
        number: The database's number of it.
        key: The key with which its contacts are hashed.
    """

    number: int
    key: bytes


class PostgresConnector:
    """Makes the connection that writes, and others in its place.

    Args:
        address: The address.
        limit: Most seconds of a statement.
        patience: Seconds for which another connection is tried for.
        shares_caps: Whether who dials shares the caps of each PABX with others.

    Attributes:
        holds_lock: Whether the lock of who dials is kept by the connection.
    """

    def __init__(
        self,
        address: ServerAddress,
        *,
        limit: float,
        patience: float,
        shares_caps: bool,
    ) -> None:
        self._address = address
        self._limit = limit
        self._patience = patience
        self._campaign: OpenCampaign | None = None
        self._shares_caps = shares_caps
        self._take, self._give_back = _SHARED_LOCKS if shares_caps else _LOCKS
        self.holds_lock: bool = False

    @property
    def campaign(self) -> int:
        """The database's number of the campaign, once it is open."""
        return self._campaign.number if self._campaign is not None else 0

    async def open(self) -> tuple[PostgresSession, OpenCampaign, bytes]:
        """Connect, bring the schema up to date, and find or make the campaign.

        Returns:
            The connection, the campaign, and the key of blocked numbers.

        Raises:
            LedgerError: If that can't be done.
        """
        problem = "it does not answer in time"
        try:
            session = await PostgresSession.open(
                self._address, self._limit, writes=True
            )
            try:
                return session, *await self._prepare(session)
            except BaseException:
                await session.close()
                raise
        except (TimeoutError, SessionLostError):
            pass
        except psycopg.Error as error:
            problem = problem_of(error)
        raise no_server(self._address.name, problem)

    async def reopen(self, lost: PostgresSession) -> PostgresSession:
        """Return another connection once nothing of the lost one can happen any more.

        Raises:
            LedgerError: If there is none in time, or it is another ledger's.
        """
        until = time.monotonic() + self._patience
        problem, tries = "the connection was lost", 0
        await lost.close()
        while time.monotonic() < until:
            try:
                session = await self._try_again(lost)
            except DigitroError as error:
                raise error.with_traceback(None) from None
            except (TimeoutError, SessionLostError):
                problem = "it does not answer in time"
            except psycopg.Error as error:
                problem = problem_of(error)
            else:
                return session
            await asyncio.sleep(_PAUSES[min(tries, len(_PAUSES) - 1)])
            tries += 1
        raise LedgerError(
            f"{self._address.name} was lost, and {self._patience:.0f} s were not "
            f"enough to reach it again: {problem}",
            reason="ledger_gone",
        )

    async def take_lock(self, session: PostgresSession) -> None:
        """Take the lock of who dials, once: it may be run twice.

        Raises:
            LedgerInUseError: If somebody has it with whom it can't be shared.
        """
        if not self.holds_lock:
            await self._lock(session)
            self.holds_lock = True

    async def give_lock_back(self, session: PostgresSession) -> None:
        """Give the lock of who dials back, if it was taken."""
        if self.holds_lock:
            self.holds_lock = False
            await session.execute(f"SELECT {self._give_back}(%s)", (_DIALLING,))

    async def _lock(self, session: PostgresSession) -> None:
        ((is_taken,),) = await session.execute(f"SELECT {self._take}(%s)", (_DIALLING,))
        if is_taken:
            return
        way_out = "let it end, or start workers, which share them"
        if self._shares_caps:
            way_out = "let it end, or dial by workers alone, which share them"
        raise LedgerInUseError(
            "the ledger is being dialled by another process, and their caps are not "
            f"shared: {way_out}",
            reason="running",
        )

    async def _prepare(self, session: PostgresSession) -> tuple[OpenCampaign, bytes]:
        await self._without_limit(session, lambda: migrate(session.connection))
        name = self._address.campaign
        rows = await session.run(_FIND_CAMPAIGN, (name,))
        if not rows:
            await session.run(_ADD_CAMPAIGN, (name, secrets.token_bytes(32)))
            rows = await session.run(_FIND_CAMPAIGN, (name,))
        ((number, key),) = rows
        await self._check_provenance(session, number)
        self._campaign = OpenCampaign(number, bytes(key))
        ((block_key,),) = await session.run("SELECT key FROM digitro.block_key")
        return self._campaign, bytes(block_key)

    async def _without_limit(
        self, session: PostgresSession, act: Callable[[], Awaitable[None]]
    ) -> None:
        """Let something take long that is done once."""

        async def run() -> None:
            await session.execute("SET statement_timeout = 0")
            await act()

        ((limit,),) = await session.run("SHOW statement_timeout")
        await session.within(run(), _MIGRATION_SECONDS)
        await session.run("SELECT set_config('statement_timeout', %s, false)", (limit,))

    async def _try_again(self, lost: PostgresSession) -> PostgresSession:
        session = await PostgresSession.open(self._address, self._limit, writes=True)
        try:
            await self._end(lost, session)
            rows = await session.run(_FIND_CAMPAIGN, (self._address.campaign,))
            known = [OpenCampaign(number, bytes(key)) for number, key in rows]
            self._check_same(known)
            await self._check_provenance(session, known[0].number)
            if self.holds_lock:
                await session.within(self._lock(session))
        except BaseException:
            await session.close()
            raise
        return session

    def _check_same(self, found: list[OpenCampaign]) -> None:
        if found != [self._campaign]:
            raise LedgerError(
                f"{self._address.name} is another ledger now than the one that was "
                "opened: nothing more is recorded in it",
                reason="ledger_gone",
            )

    async def _check_provenance(self, session: PostgresSession, number: int) -> None:
        """Refuse a campaign that may not be dialled.

        Raises:
            LedgerError: If it has moved, or its database came back from a backup.
        """
        await session.run("SELECT digitro.check_home()")
        rows = await session.run(_PROVENANCE, (number, PROVENANCE))
        found = Provenance.of_setting(rows[0][0] if rows else None)
        check_provenance(found, self._address.name)

    async def _end(self, lost: PostgresSession, session: PostgresSession) -> None:
        """Wait until the server's side of a lost connection is gone.

        What was sent on it might be done later otherwise.
        """
        backend = lost.backend
        values = (backend.process, backend.began_at)
        until = time.monotonic() + self._limit
        while await session.run(_END_BACKEND, values):
            if time.monotonic() > until:
                raise TimeoutError
            await asyncio.sleep(_PAUSES[0])
