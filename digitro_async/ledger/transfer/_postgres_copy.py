"""The two ends of a copy that are campaigns in PostgreSQL."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import attrs
import psycopg
from psycopg.pq import TransactionStatus

from digitro_async.errors import LedgerError, LedgerInUseError
from digitro_async.ledger._codes import STATE_CODES, STEP_CODES
from digitro_async.ledger._ledger_address import DEFAULT_CAMPAIGN, LedgerAddress
from digitro_async.ledger._provenance import PROVENANCE, Provenance, ProvenanceKind
from digitro_async.ledger._state import State, Step
from digitro_async.ledger.postgres._postgres_errors import no_server, problem_of
from digitro_async.ledger.postgres._postgres_migrations import migrate
from digitro_async.ledger.postgres._postgres_session import STANDING, backend_of
from digitro_async.ledger.postgres._server_address import ServerAddress, server_address
from digitro_async.ledger.transfer._copied_tables import (
    COPIED_FROM,
    NOT_CARRIED,
    PAGE,
    CopiedTable,
    Page,
)
from digitro_async.ledger.transfer._postgres_tables import (
    COLUMNS,
    COUNTERS,
    READ,
    RESERVE,
    STAGED,
)

__all__ = ["PostgresEnd", "opened_campaign"]

_Connection = psycopg.Connection[tuple[Any, ...]]

_CLAIMED, _INTENT = STATE_CODES[State.CLAIMED], STATE_CODES[State.INTENT]

_HELD: Final = """
SELECT count(*) FROM digitro.contact JOIN digitro.owner ON owner.number = contact.owner
 WHERE campaign = %(c)s AND state IN (2, 3) AND lease_until > clock_timestamp()
"""

_RECOVER: Final = f"""
WITH found AS (
    SELECT number, owner, pabx, state FROM digitro.contact
     WHERE campaign = %(c)s AND state IN ({_CLAIMED}, {_INTENT})
), noted AS (
    INSERT INTO digitro.event (campaign, contact, owner, step, at, pabx, reason)
    SELECT %(c)s, number, owner, {STEP_CODES[Step.RECOVER]},
           extract(epoch FROM clock_timestamp()), pabx, 'owner_gone'
      FROM found WHERE state = {_INTENT} ORDER BY number
)
UPDATE digitro.contact
   SET state = CASE state WHEN {_INTENT} THEN {STATE_CODES[State.UNKNOWN]}
                          ELSE {STATE_CODES[State.PENDING]} END,
       reason = CASE state WHEN {_INTENT} THEN 'owner_gone' ELSE reason END,
       settled_at = CASE state WHEN {_INTENT}
                    THEN extract(epoch FROM clock_timestamp()) ELSE settled_at END
 WHERE campaign = %(c)s AND state IN ({_CLAIMED}, {_INTENT})
"""  # noqa: S608 - numbers of our own


_ADD_CAMPAIGN: Final = """
INSERT INTO digitro.campaign (name, identity_key) VALUES (%(name)s, %(key)s)
ON CONFLICT (name) DO NOTHING
"""
_FIND_CAMPAIGN: Final = "SELECT number FROM digitro.campaign WHERE name = %(name)s"


class PostgresEnd:
    """A campaign in PostgreSQL as the source or the target of a copy.

    Args:
        shown: Its address, as people may see it.
        connect: Makes a connection to the database.
        connection: To the database, in autocommit mode.
        campaign: Number of the campaign; None before there is one.
        place: Where it is.
    """

    def __init__(
        self,
        shown: str,
        connect: Callable[[], _Connection],
        connection: _Connection,
        campaign: int | None,
        place: ServerAddress,
    ) -> None:
        self.shown = shown
        self._connect = connect
        self._connection = connection
        self._place, self._name = place, place.name
        self._values: dict[str, Any] = {"c": campaign or 0, "offset": 0}
        self._values["left"] = list(NOT_CARRIED)

    def provenance(self) -> Provenance | None:
        """Return why it may not be dialled. See ``CopySource``."""
        return Provenance.of_setting(self._setting(PROVENANCE))

    def copied_from(self) -> str | None:
        """Return the token of the move that made it. See ``CopyTarget``."""
        return self._setting(COPIED_FROM)

    def rows_before(self) -> int:
        """Return how many contacts and imports it has. See ``CopyTarget``."""
        rows = self.ask(
            "SELECT contacts + imports FROM digitro.campaign WHERE number = %(c)s"
        )
        return int(rows[0][0]) if rows else 0

    def check_free(self) -> None:
        """Refuse one that is dialled now. See ``CopySource``.

        Raises:
            LedgerInUseError: If somebody dials it.
        """
        [(held,)] = self.ask(_HELD)
        if held:
            raise LedgerInUseError(
                f"{self._name} is being dialled ({held} contacts are claimed): end its "
                "workers with SIGTERM, or wait for the end of their leases",
                reason="in_use",
            )

    def hold(self, provenance: Provenance) -> None:
        """Keep everybody from dialling it. See ``CopySource``.

        Raises:
            LedgerInUseError: If somebody dials it.
        """
        with self.changing():
            self._exclude()
            self._write_provenance(provenance)
        self.snapshot()

    def begin_settling(self) -> None:
        """Keep everybody from dialling it, and begin a change.

        Raises:
            LedgerInUseError: If somebody dials it.
        """
        with self.changing():
            self._exclude()
            if self.provenance() is None:
                restored = Provenance(ProvenanceKind.RESTORED, "", time.time())
                self._write_provenance(restored)
        # By now nobody dials it: other campaigns don't wait for what follows.
        self.ask("BEGIN")

    def _exclude(self) -> None:
        # Whoever claims at this moment is waited for, and whoever does so later finds
        # what this transaction notes.
        self.ask("LOCK TABLE digitro.contact IN SHARE ROW EXCLUSIVE MODE")
        self.check_free()
        self.ask(_RECOVER)

    def let_go(self) -> None:
        """Let it be dialled again. See ``CopySource``."""
        with contextlib.suppress(psycopg.Error):
            self._connection.rollback()
        self.set_provenance(None)

    def snapshot(self) -> None:
        """Show one moment of it from now on."""
        self.ask("BEGIN ISOLATION LEVEL REPEATABLE READ")
        self.ask("SELECT 1 FROM digitro.campaign LIMIT 1")

    def pages(self, table: CopiedTable) -> Generator[Page]:
        """Yield a table's rows in order. See ``CopySource``."""
        name = f"rows_{secrets.token_hex(4)}"
        if self._connection.info.transaction_status == TransactionStatus.IDLE:
            self.ask("BEGIN")
        with self._wording(), self._connection.cursor(name) as cursor:
            cursor.execute(READ[table.name].encode(), self._values)
            while page := cursor.fetchmany(PAGE):
                yield page

    def set_provenance(self, provenance: Provenance | None) -> None:
        """Note durably whether it may be dialled. See ``CopySource``."""
        with contextlib.suppress(psycopg.Error):
            self._connection.rollback()  # what was read stood in a transaction
        with self.changing():
            self._write_provenance(provenance)

    def begin(self, provenance: Provenance) -> None:
        """Note durably that it is no ledger yet. See ``CopyTarget``."""
        with self.changing():
            # Only here: nothing of a copy that is refused before is left.
            named = {"name": self._place.campaign, "key": secrets.token_bytes(32)}
            self.ask(_ADD_CAMPAIGN, named)
            [(self._values["c"],)] = self.ask(_FIND_CAMPAIGN, named)
            self._write_provenance(provenance)
        self.ask("BEGIN")
        self.ask(
            "DELETE FROM digitro.setting"
            " WHERE campaign = %(c)s AND name <> ALL(%(left)s)"
        )

    def write(self, table: CopiedTable, pages: Iterable[Page]) -> None:
        """Take a table's rows. See ``CopyTarget``."""
        carried = f"carried_{table.name}"
        self.ask(
            f"CREATE TEMPORARY TABLE {carried} ({COLUMNS[table.name]}) ON COMMIT DROP"
        )
        with (
            self._wording(),
            self._connection.cursor() as cursor,
            cursor.copy(f"COPY {carried} FROM STDIN".encode()) as copy,
        ):
            for page in pages:
                for row in page:
                    copy.write_row(row)

    def finish(self) -> None:
        """Put all that was taken where it belongs. See ``CopyTarget``."""
        self.ask("ANALYZE carried_contact, carried_person, carried_event")
        [(last,)] = self.ask("SELECT coalesce(max(sequence), 0) FROM carried_event")
        self._values["offset"] = self._reserve(int(last))
        for statement in STAGED.values():
            self.ask(statement)
        self.ask("SELECT set_config('digitro.copying', %(c)s::text, true)")
        self.ask(COUNTERS)

    def close_open(self) -> None:
        """Close the claims and intents that the copy has. See ``CopyTarget``."""
        self.ask(_RECOVER)

    def commit(self, token: str | None, provenance: Provenance | None) -> None:
        """Make all that was written a ledger. See ``CopyTarget``."""
        if token is not None:
            self._write_setting(COPIED_FROM, token)
        self._write_provenance(provenance)
        self.ask("COMMIT")

    def ask(
        self, statement: str, values: Mapping[str, Any] | None = None
    ) -> list[tuple[Any, ...]]:
        """Return the rows of a statement.

        Raises:
            LedgerError: If PostgreSQL refuses it.
        """
        with self._wording():
            cursor = self._connection.execute(
                statement.encode(), {**self._values, **(values or {})}
            )
            return [] if cursor.description is None else cursor.fetchall()

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Change something in one transaction.

        Raises:
            LedgerError: If PostgreSQL refuses it.
        """
        with self._wording(), self._connection.transaction():
            yield

    def _reserve(self, events: int) -> int:
        """Keep numbers for events, and return the one before the first of them."""
        # In a moment of its own: nobody else's events wait for the end of a copy.
        with self._wording(), self._connect() as other, other.transaction():
            other.execute("LOCK TABLE digitro.event IN SHARE ROW EXCLUSIVE MODE")
            row = other.execute(RESERVE, {"events": events}).fetchone()
        return int(row[0]) if row else 0

    def _setting(self, name: str) -> str | None:
        rows = self.ask(
            "SELECT value FROM digitro.setting"
            " WHERE campaign = %(c)s AND name = %(name)s",
            {"name": name},
        )
        return str(rows[0][0]) if rows else None

    def _write_provenance(self, provenance: Provenance | None) -> None:
        if provenance is None:
            self.ask(
                "DELETE FROM digitro.setting"
                " WHERE campaign = %(c)s AND name = %(name)s",
                {"name": PROVENANCE},
            )
        else:
            self._write_setting(PROVENANCE, provenance.as_setting())

    def _write_setting(self, name: str, value: str) -> None:
        self.ask(
            "INSERT INTO digitro.setting (campaign, name, value)"
            " VALUES (%(c)s, %(name)s, %(value)s)"
            " ON CONFLICT (campaign, name) DO UPDATE SET value = excluded.value",
            {"name": name, "value": value},
        )

    @contextlib.contextmanager
    def _wording(self) -> Iterator[None]:
        """Word the errors of PostgreSQL: its own texts may hold values."""
        try:
            yield
        except (psycopg.Error, UnicodeEncodeError) as error:
            problem = problem_of(error)
        else:
            return
        raise LedgerError(
            f"{self._name} can't be read or written: {problem}", reason="copy_failed"
        )


@contextlib.contextmanager
def opened_campaign(
    address: LedgerAddress, *, is_there: bool = False
) -> Iterator[PostgresEnd]:
    """Open a campaign in PostgreSQL, or the place for one, while the block runs.

    Args:
        address: Where it is.
        is_there: Whether it must be there already.

    Raises:
        LedgerError: If it can't be used.
    """
    assert address.server is not None  # noqa: S101 - for the type checker
    campaign = address.campaign or DEFAULT_CAMPAIGN
    place = server_address(address.server, campaign)
    with contextlib.closing(_connected(place)) as connection:
        number = _campaign_number(connection, place, is_there=is_there)
        shown = attrs.evolve(address, campaign=campaign).shown
        yield PostgresEnd(shown, lambda: _connected(place), connection, number, place)


def _connected(place: ServerAddress) -> _Connection:
    """Return a connection in autocommit mode.

    Raises:
        LedgerError: If there is none to be had.
    """
    try:
        connection = psycopg.connect(place.conninfo.reveal(), autocommit=True)
        # One end rests while the other one is compared, however long that takes.
        connection.execute("SET idle_in_transaction_session_timeout = 0")
        connection.execute("SET statement_timeout = 0")
    except psycopg.Error as error:
        problem = problem_of(error)
    else:
        return connection
    raise no_server(place.name, problem)


def _campaign_number(
    connection: _Connection, place: ServerAddress, *, is_there: bool
) -> int | None:
    """Return the number of a campaign in a database of the latest schema.

    Raises:
        LedgerError: If the server can't keep a ledger as it is set, or there is no such
            campaign and must be one.
    """
    try:
        standing = connection.execute(STANDING).fetchone()
        # Before anything is changed there.
        backend_of(standing or (), place.name, writes=True)
        _bring_up_to_date(place)
        connection.execute("SELECT digitro.check_home()")
        found = connection.execute(_FIND_CAMPAIGN, {"name": place.campaign})
        row = found.fetchone()
    except psycopg.Error as error:
        problem = problem_of(error)
    else:
        if row is None and is_there:
            raise LedgerError(
                f"there is no {place.name}: name a campaign that was dialled",
                reason="no_ledger",
            )
        return None if row is None else int(row[0])
    raise no_server(place.name, problem)


def _bring_up_to_date(place: ServerAddress) -> None:
    async def bring() -> None:
        opening = psycopg.AsyncConnection.connect(
            place.conninfo.reveal(), autocommit=True
        )
        async with await opening as connection:
            await migrate(connection)

    # Also where a loop runs in this thread already.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(bring())).result()
