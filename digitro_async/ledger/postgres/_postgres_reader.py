"""PostgresLedgerReader: reads a campaign in a database, also while others dial it."""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import psycopg

from digitro_async.errors import DigitroError, LedgerError
from digitro_async.ledger._call_ends_port import EndCounts
from digitro_async.ledger._codes import STEPS
from digitro_async.ledger._history_records import (
    EndRecord,
    ListedContact,
    RecordFence,
    StepRecord,
)
from digitro_async.ledger._ledger_clock import CLOCK, latest_by
from digitro_async.ledger._machine_clock import read_clock
from digitro_async.ledger._occupied_slots import OccupiedSlots, occupied_slots
from digitro_async.ledger._provenance import (
    PROVENANCE,
    Provenance,
    why_not_dialled,
)
from digitro_async.ledger._records import ContactRecord, Import
from digitro_async.ledger._schedule_records import WaitCounts
from digitro_async.ledger._state import State
from digitro_async.ledger.postgres._history_in_postgres import (
    contacts_query,
    ends_query,
    read_fence,
    steps_query,
    told_query,
    waiting_contacts_query,
)
from digitro_async.ledger.postgres._postgres_errors import no_server, problem_of
from digitro_async.ledger.postgres._postgres_migrations import check_version
from digitro_async.ledger.postgres._postgres_queries import (
    EVENTS,
    Query,
    count_ends_query,
    count_exhausted_query,
    count_query,
    imports_query,
    page_query,
    setting_query,
)
from digitro_async.ledger.postgres._postgres_session import (
    STANDING,
    Row,
    backend_of,
    cut_off,
    session_query,
)
from digitro_async.ledger.postgres._server_address import server_address, shown_name
from digitro_async.ledger.postgres._waiting_query import waiting_query
from digitro_async.privacy import Secret
from digitro_async.settings import RateLimit

__all__ = ["PostgresLedgerReader"]

_Answer = TypeVar("_Answer")

_LIMIT: Final = 60.0
"""Seconds for the answer to one query: a report may look at a million contacts."""

_EVENTS_AT_ONCE: Final = 500


class PostgresLedgerReader:
    """Reads one campaign in a PostgreSQL database; changes nothing.

    Args:
        url: As for ``PostgresLedger``.
        campaign: Name of the campaign.
        timeout: Seconds within which the server must answer.

    Raises:
        ConfigurationError: If the address means no database.
        LedgerError: On entering, if there is no such campaign, or the server can't be
            used.
        SchemaMismatchError: On entering, if a newer version made the schema.
    """

    def __init__(
        self, url: str | Secret, campaign: str = "default", *, timeout: float = _LIMIT
    ) -> None:
        given = url if isinstance(url, Secret) else Secret(url)
        del url  # tools show the locals of an error's frames
        self._address = server_address(given, campaign)
        self._limit = timeout
        self._connection: psycopg.Connection[Row] | None = None
        self._campaign = 0

    def __repr__(self) -> str:
        return f"<PostgresLedgerReader {shown_name(self)}>"

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        """Whether it can be asked."""
        connection = self._connection
        return connection is not None and not connection.closed

    def close(self) -> None:
        """Close it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def why_not_dialled(self) -> str:
        """Return why it may not be dialled; else no text."""
        provenance = Provenance.of_setting(self.ask(setting_query(PROVENANCE)))
        return why_not_dialled(provenance, self._address.name)

    def counts(self) -> Mapping[State, int]:
        """Return how many contacts are in each state."""
        return self.ask(count_query())

    def count_exhausted(self, max_attempts: int) -> int:
        """Return how many pending contacts are out of attempts."""
        return self.ask(count_exhausted_query(max_attempts))

    def count_ends(self) -> EndCounts:
        """Return how many calls ended how."""
        return self.ask(count_ends_query())

    def waiting(self, now: float, max_attempts: int | None = None) -> WaitCounts:
        """Return how many pending contacts wait, and until when."""
        return self.ask(waiting_query(now, max_attempts))

    def imports(self) -> Sequence[Import]:
        """Return every import that was begun, in order."""
        return self.ask(imports_query())

    def entries(self) -> Iterator[ContactRecord]:
        """Yield every contact, in the order of import."""
        last = 0
        while page := self.ask(page_query(last)):
            yield from page
            last = page[-1].number

    def steps(self, after: int = 0) -> Iterator[StepRecord]:
        """Yield every step that was recorded, in order.

        While others dial, a step may be there later than one with a higher number.
        """
        while page := self.ask(steps_query(after)):
            yield from page
            after = page[-1].sequence

    def ends(self, after: tuple[int, int] = (0, 0)) -> Iterator[EndRecord]:
        """Yield the end of every call that has one, in the order of their places.

        While others dial, an end may be there later than one that is behind it.
        """
        while page := self.ask(ends_query(after)):
            yield from page
            after = page[-1].told, page[-1].intent

    def count_told(self, until: int) -> int:
        """Return how many ends there are that were told at a place or before it."""
        return self.ask(told_query(until))

    def fence(self) -> RecordFence:
        """Return up to where all can be seen, once those who write now have ended."""
        return read_fence(self.ask)

    def list_contacts(
        self, states: Collection[State], limit: int
    ) -> Sequence[ListedContact]:
        """Return the first contacts that are in one of some states."""
        return self.ask(contacts_query(states, limit))

    def list_waiting(self, now: float, limit: int) -> Sequence[ListedContact]:
        """Return the pending contacts that wait, the first that is due first."""
        return self.ask(waiting_contacts_query(now, limit))

    def ask(self, query: Query[_Answer]) -> _Answer:
        """Return the answer to a query.

        Raises:
            LedgerError: If it can't be read.
        """
        values = {**query.values, "campaign": self._campaign}
        return query.read(self._rows(query.statement, values))

    def occupied_slots(
        self,
        *,
        limit: RateLimit,
        quarantine: float,
        now: float,
        elsewhere: Collection[str] = (),
    ) -> OccupiedSlots:
        """Return the rate slots that earlier calls of all campaigns hold.

        See ``Ledger``.
        """
        latest = latest_by(self.ask(setting_query(CLOCK)), now, read_clock())

        def read(connection: psycopg.Connection[Row]) -> OccupiedSlots:
            with (
                connection.transaction(),
                connection.cursor(name="events") as cursor,
            ):
                cursor.itersize = _EVENTS_AT_ONCE
                cursor.execute(EVENTS)
                return occupied_slots(
                    (
                        ((campaign << 64) | contact, STEPS[step], at, pabx, reason)
                        for campaign, contact, step, at, pabx, reason in cursor
                    ),
                    limit=limit,
                    quarantine=quarantine,
                    now=now,
                    elsewhere=elsewhere,
                    latest=latest,
                )

        return self._within_limit(read)

    def _rows(self, statement: str, values: Mapping[str, Any] | None) -> list[Row]:
        return self._within_limit(
            lambda connection: connection.execute(statement, values).fetchall()
        )

    def _within_limit(
        self, act: Callable[[psycopg.Connection[Row]], _Answer]
    ) -> _Answer:
        """Return what a function of the connection gives, within the time limit."""
        connection = self._connection
        if connection is None:
            raise LedgerError(
                f"{self._address.name} is not open: use its reader inside of its "
                '"with" block',
                reason="closed",
            )
        # The socket is shut then: nothing else ends a wait for a server that is mute.
        timer = threading.Timer(self._limit, cut_off, (connection,))
        timer.daemon = True
        timer.start()
        try:
            return act(connection)
        except DigitroError:
            raise
        except psycopg.Error as error:
            problem = problem_of(error)
        except (ValueError, LookupError) as error:  # its text or it may hold values
            problem = type(error).__name__
        finally:
            timer.cancel()
        raise LedgerError(
            f"{self._address.name} can't be read: {problem}", reason="unreadable"
        )

    def _open(self) -> None:
        address, problem = self._address, ""
        try:
            self._connection = psycopg.connect(
                address.conninfo.reveal(), autocommit=True
            )
        except psycopg.Error as error:
            problem = problem_of(error)
        if problem:
            raise no_server(address.name, problem)
        self._rows(*session_query(self._limit, writes=False))
        (row,) = self._rows(STANDING, None)
        backend_of(row, address.name, writes=False)
        self._check_there()

    def _check_there(self) -> None:
        name = self._address.name
        ((is_there,),) = self._rows(
            "SELECT to_regclass('digitro.schema_version') IS NOT NULL", None
        )
        rows: list[Row] = []
        if is_there:
            ((version,),) = self._rows(
                "SELECT version FROM digitro.schema_version", None
            )
            check_version(version)
            rows = self._rows(
                "SELECT number FROM digitro.campaign WHERE name = %(name)s",
                {"name": self._address.campaign},
            )
        if not rows:
            raise LedgerError(
                f"there is no {name}: name one that was dialled, or had a list put in",
                reason="no_ledger",
            )
        self._campaign = rows[0][0]
