"""PostgresControl: orders to all workers that share a database."""

import os
import socket
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

import attrs
import psycopg

from digitro_async._common.text import printable
from digitro_async._common.waiting import within
from digitro_async.control._control_port import (
    AddList,
    CampaignStatus,
    PABXState,
    WorkerStatus,
)
from digitro_async.control._schedule_orders import (
    block_in_ledger,
    call_back_in_ledger,
    unblock_in_ledger,
)
from digitro_async.dispatch import ORDERED
from digitro_async.errors import ConfigurationError, LedgerError
from digitro_async.ledger import LedgerAddress, State, open_ledger
from digitro_async.ledger._ledger_address import DEFAULT_CAMPAIGN
from digitro_async.ledger.postgres._postgres_errors import problem_of
from digitro_async.privacy import Personal

__all__ = ["PostgresControl"]

_SECONDS: Final = 10.0
"""Most seconds of one statement, the connecting included."""

_OURS: Final = "DG"
"""Begins the codes of errors whose texts are ours, and safe to show."""

_WORKERS: Final = (
    "SELECT name, extract(epoch FROM since)::float8,"
    " extract(epoch FROM heard_at)::float8, is_alive,"
    " coalesce(lease_ends = heard_at, false), about FROM digitro.workers()"
)
_PABX: Final = (
    "SELECT address, names, coalesce(code, ''), coalesce(words, ''),"
    " coalesce(by_whom, ''),"
    " extract(epoch FROM clock_timestamp() - since)::float8, caps"
    " FROM digitro.pabx_states()"
)
_ORDERS: Final = {
    "pause": ("text", "text", "text"),
    "resume": ("text", "text"),
    "pause_campaign": ("text", "text", "text"),
    "resume_campaign": ("text", "text"),
    "set_rate": ("text", "integer", "float8", "text"),
    "set_weight": ("text", "float8"),
}
"""The functions that give orders, and the types of their values."""

_CAMPAIGNS: Final = (
    "SELECT c.name, c.weight::float8, coalesce(c.paused_reason, ''), to_jsonb(t)"
    "  FROM digitro.campaign AS c LEFT JOIN LATERAL ("
    "       SELECT sum(pending) AS pending, sum(claimed) AS claimed,"
    "              sum(intent) AS intent, sum(accepted) AS accepted,"
    "              sum(rejected) AS rejected, sum(unknown) AS unknown,"
    "              sum(invalid) AS invalid, sum(skipped) AS skipped,"
    "              sum(withheld) AS withheld"
    "         FROM digitro.tally WHERE campaign = c.number) AS t ON true"
    " ORDER BY c.number"
)

_Connection = psycopg.AsyncConnection[tuple[Any, ...]]


class PostgresControl:
    """Gives orders by the functions of a database's schema. See ``Control``.

    Workers learn them within a second or two, at their next sign of life.

    Args:
        address: Where the ledger is: in a database.
        add: Adds a list to the ledger; None where that is done in another way.
        by_whom: Name of who gives the orders, shown to others; nothing private.
    """

    def __init__(
        self,
        address: LedgerAddress,
        add: AddList | None = None,
        *,
        by_whom: str | None = None,
    ) -> None:
        if address.server is None:
            raise ConfigurationError("orders to workers go through a database")
        self._address, self._url, self._add = address, address.server, add
        self._by_whom = by_whom or f"{socket.gethostname()}:{os.getpid()}"
        self._connection: _Connection | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._ask("SELECT 1 FROM digitro.schema_version")
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._close()

    async def workers(self) -> Sequence[WorkerStatus]:
        """Return the workers, dead ones too. See ``Control``."""
        return [
            WorkerStatus(
                name=name,
                since=since,
                heard_at=heard_at or since,
                is_alive=is_alive,
                has_ended=has_ended,  # it gave its lease back
                calls=_whole(about, "calls"),
                in_flight=_whole(about, "in_flight"),
                limits=_texts(about, "limits"),
            )
            for name, since, heard_at, is_alive, has_ended, about in await self._ask(
                _WORKERS
            )
        ]

    async def pabx(self) -> Sequence[PABXState]:
        """Return the PABX of all workers. See ``Control``."""
        states = []
        for address, names, code, words, who, seconds, caps in await self._ask(_PABX):
            said = f"{words} ({who})" if words and who else words
            rates = [one for one in caps if one["per"] > 0]
            state = PABXState(
                name=", ".join(names),
                address=address,
                code=code,
                words=said,
                seconds=seconds if code else None,
            )
            for one in rates[:1]:
                state = attrs.evolve(
                    state,
                    calls=one["ordered"] or one["configured"],
                    per=one["per"],
                    is_ordered=one["ordered"] is not None,
                )
            states.append(state)
        return states

    async def campaigns(self) -> Sequence[CampaignStatus]:
        """Return the campaigns of the database. See ``Control``."""
        return [
            CampaignStatus(
                name=name,
                weight=weight,
                paused=paused,
                counts={state: int(count) for state, count in counts.items() if count},
            )
            for name, weight, paused, counts in await self._ask(_CAMPAIGNS)
        ]

    async def pause(
        self, *, pabx: str | None = None, campaign: str | None = None
    ) -> int:
        """Begin no call any more. See ``Control``."""
        if campaign is not None:
            return await self._order("pause_campaign", campaign, ORDERED, self._by_whom)
        return await self._order("pause", pabx, ORDERED, self._by_whom)

    async def resume(
        self, *, pabx: str | None = None, campaign: str | None = None
    ) -> int:
        """Begin calls again. See ``Control``."""
        if campaign is not None:
            return await self._order("resume_campaign", campaign, self._by_whom)
        return await self._order("resume", pabx, self._by_whom)

    async def set_rate(
        self, calls: int | None, per: float, *, pabx: str | None = None
    ) -> None:
        """Keep another cap. See ``Control``."""
        await self._order("set_rate", pabx, calls, per, self._by_whom)

    async def set_weight(self, campaign: str, weight: float) -> None:
        """Give a campaign another share of the calls. See ``Control``."""
        await self._order("set_weight", campaign, weight)

    async def withdraw(self, contact: str | int | Personal) -> State:
        """Let nobody begin the call of a contact any more. See ``Control``."""
        name = self._address.campaign or DEFAULT_CAMPAIGN
        found = "SELECT 1 FROM digitro.campaign WHERE name = %s"
        if not await self._ask(found, (name,)):  # opening it would make it
            raise LedgerError(
                f"there is no campaign {printable(name)}: name one that was dialled, "
                "or had a list put in",
                reason="no_ledger",
            )
        async with open_ledger(self._address) as ledger:
            now = time.time()
            return await ledger.withdraw(contact, reason="withdrawn", now=now)

    async def block(
        self, number: Personal, *, reason: str, until: float | None
    ) -> bool:
        """Let nobody call a number any more. See ``Control``."""
        async with open_ledger(self._address) as ledger:
            await block_in_ledger(ledger, number, reason=reason, until=until)
        return True

    async def unblock(self, number: Personal) -> bool:
        """Take a number off again. See ``Control``."""
        async with open_ledger(self._address) as ledger:
            return await unblock_in_ledger(ledger, number)

    async def call_back(
        self, contact: str | int | Personal, *, at: float, place: int | None = None
    ) -> State:
        """Let a contact wait for a call that was agreed on. See ``Control``."""
        async with open_ledger(self._address) as ledger:
            return await call_back_in_ledger(ledger, contact, at=at, place=place)

    async def add(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Add a list that workers dial at once. See ``Control``."""
        if self._add is None:
            raise ConfigurationError("lists are added to the ledger in the database")
        return await self._add(values)

    async def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _order(self, function: str, *values: object) -> int:
        """Call a function that gives an order, and return its number."""
        places = ", ".join(f"%s::{kind}" for kind in _ORDERS[function])
        rows = await self._ask(f"SELECT digitro.{function}({places})", values)
        return int(rows[0][0] or 0)

    async def _ask(
        self, statement: str, values: tuple[object, ...] = ()
    ) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows.

        Raises:
            ConfigurationError: If the order can't be obeyed.
            LedgerError: If the database does not answer.
        """
        problem, reason = "the database does not answer in time", "no_answer"
        is_refused = False
        try:
            return await within(_SECONDS, self._run(statement, values))
        except TimeoutError:
            pass
        except psycopg.Error as error:  # its text may hold the address
            code = error.sqlstate or ""
            if code.startswith(_OURS):
                problem, is_refused = error.diag.message_primary or "", True
            elif code in {"3F000", "42P01", "42883"}:
                problem = "the database holds no ledger, or one of another version"
                reason = "no_ledger"
            else:
                problem = problem_of(error)
        if is_refused:
            raise ConfigurationError(problem)
        raise LedgerError(f"{self._address}: {problem}", reason=reason)

    async def _run(
        self, statement: str, values: tuple[object, ...]
    ) -> list[tuple[Any, ...]]:
        if self._connection is None:
            self._connection = await psycopg.AsyncConnection.connect(
                self._url.reveal(), autocommit=True
            )
        cursor = await self._connection.execute(statement.encode(), values)
        return await cursor.fetchall()


def _whole(about: Mapping[str, Any], name: str) -> int | None:
    """Return a number that a worker tells of itself, None where it tells none."""
    found = about.get(name)
    return found if type(found) is int else None


def _texts(about: Mapping[str, Any], name: str) -> Mapping[str, str]:
    """Return texts that a worker tells of itself."""
    found = about.get(name)
    items = found.items() if isinstance(found, dict) else ()
    return {str(key): str(value) for key, value in items}
