"""The two ends of a copy that are campaigns in PostgreSQL."""

import contextlib
import secrets
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus

from digitro_async.errors import LedgerError, LedgerInUseError
from digitro_async.ledger._codes import STATE_CODES, STEP_CODES
from digitro_async.ledger._provenance import PROVENANCE, Provenance, ProvenanceKind
from digitro_async.ledger._state import State, Step
from digitro_async.ledger.postgres._postgres_errors import problem_of
from digitro_async.ledger.postgres._postgres_session import cut_off
from digitro_async.ledger.postgres._server_address import ServerAddress
from digitro_async.ledger.transfer._copied_blocks import other_block_key
from digitro_async.ledger.transfer._copied_tables import (
    COPIED_FROM,
    NOT_CARRIED,
    PAGE,
    CopiedTable,
    Page,
)
from digitro_async.ledger.transfer._postgres_tables import (
    CHECK_BLOCKS,
    COLUMNS,
    COUNTERS,
    READ,
    READ_STAGED,
    RESERVE,
    STAGED,
)

__all__ = ["FIND_CAMPAIGN", "PostgresEnd", "Server"]

Server = psycopg.Connection[tuple[Any, ...]]
"""A connection to a database, in autocommit mode."""

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


_ANALYZE: Final = """
ANALYZE carried_contact, carried_person, carried_event, carried_wait, carried_attempt
"""

_ADD_CAMPAIGN: Final = """
INSERT INTO digitro.campaign (name, identity_key) VALUES (%(name)s, %(key)s)
ON CONFLICT (name) DO NOTHING
"""
FIND_CAMPAIGN: Final = "SELECT number FROM digitro.campaign WHERE name = %(name)s"
"""SQL: the number of a campaign."""


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
        connect: Callable[[], Server],
        connection: Server,
        campaign: int | None,
        place: ServerAddress,
    ) -> None:
        self.shown = shown
        self._connect = connect
        self._connection = connection
        self._place, self._name = place, place.name
        self._values: dict[str, Any] = {"c": campaign or 0, "offset": 0}
        self._values["left"] = list(NOT_CARRIED)
        self._is_staged = False

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

    def block_key(self) -> bytes | None:
        """Return what blocked numbers are hashed with here. See ``CopySource``."""
        rows = self.ask(
            "SELECT key FROM digitro.block_key WHERE EXISTS (SELECT FROM digitro.block)"
        )
        return bytes(rows[0][0]) if rows else None

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
        self.ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        self.ask("SELECT 1 FROM digitro.campaign LIMIT 1")

    def cut_off(self) -> None:
        """Shut its connection, also while another thread waits for an answer."""
        cut_off(self._connection)

    def pages(self, table: CopiedTable) -> Generator[Page]:
        """Yield a table's rows in order. See ``CopySource``."""
        name = f"rows_{secrets.token_hex(4)}"
        if self._connection.info.transaction_status == TransactionStatus.IDLE:
            self.ask("BEGIN")
        statement = READ[table.name]
        if self._is_staged:
            statement = READ_STAGED.get(table.name, statement)
        with self._wording(), self._connection.cursor(name) as cursor:
            cursor.execute(statement.encode(), self._values)
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
            [(self._values["c"],)] = self.ask(FIND_CAMPAIGN, named)
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
        self.ask(_ANALYZE)
        [(last,)] = self.ask("SELECT coalesce(max(sequence), 0) FROM carried_event")
        self._values["offset"] = self._reserve(int(last))
        self._check_blocks()
        for statement in STAGED.values():
            self.ask(statement)
        self._is_staged = True
        self.ask("SELECT set_config('digitro.copying', %(c)s::text, true)")
        self.ask(COUNTERS)

    def _check_blocks(self) -> None:
        """Refuse blocks that nobody would find here, as others came meanwhile.

        Raises:
            LedgerError: If the database has some that are hashed with another key.
        """
        self.ask("SELECT FROM digitro.block_key FOR NO KEY UPDATE")
        [(is_other,)] = self.ask(CHECK_BLOCKS)
        if is_other:
            raise other_block_key(self.shown)

    def close_open(self) -> None:
        """Close the claims and intents that the copy has. See ``CopyTarget``."""
        self.ask(_RECOVER)

    def commit(self, token: str | None, provenance: Provenance | None) -> None:
        """Make all that was written a ledger. See ``CopyTarget``."""
        if token is not None:
            self._write_setting(COPIED_FROM, token)
        self._write_provenance(provenance)
        self.ask("COMMIT")
        self._is_staged = False

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
