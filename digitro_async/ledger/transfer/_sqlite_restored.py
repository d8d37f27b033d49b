"""A SQLite ledger that came back from a backup, while it is settled."""

import contextlib
from collections.abc import Collection, Iterator
from pathlib import Path

from digitro_async.ledger._state import State
from digitro_async.ledger.sqlite._restore_sql import (
    accept_unknown,
    doubt_restored,
    finish_pending,
    is_same_contact,
)
from digitro_async.ledger.transfer._restored_ledger import LaterOutcome
from digitro_async.ledger.transfer._sqlite_copy import SQLiteEnd, opened_end
from digitro_async.privacy import Personal

__all__ = ["SQLiteRestored", "opened_restored"]


class SQLiteRestored:
    """A SQLite ledger that is being settled. See ``RestoredLedger``.

    Args:
        end: The ledger, open.
    """

    def __init__(self, end: SQLiteEnd) -> None:
        self._end = end

    def begin(self) -> None:
        """Begin the change. See ``RestoredLedger``."""
        self._end.ask(lambda c: c.execute("BEGIN IMMEDIATE"))

    def is_contact(self, number: int, own_id: Personal | None) -> bool:
        """Whether both are those of one contact. See ``RestoredLedger``."""
        return self._end.ask(lambda c: is_same_contact(c, number, own_id))

    def doubt_open(self, but: Collection[int], now: float) -> int:
        """Make contacts unknown that are not final. See ``RestoredLedger``."""
        return self._end.ask(lambda c: doubt_restored(c, but, now))

    def finish(self, number: int, reason: str, now: float) -> bool:
        """Make a pending contact invalid. See ``RestoredLedger``."""
        return self._end.ask(lambda c: finish_pending(c, number, reason, now))

    def accept(
        self, outcome: LaterOutcome, evidence: str, now: float
    ) -> tuple[State, str]:
        """Make a contact accepted, if it is unknown. See ``RestoredLedger``."""
        return self._end.ask(
            lambda c: accept_unknown(
                c,
                outcome.number,
                pabx=outcome.pabx,
                call_id=outcome.call_id,
                sent_at=outcome.sent_at,
                evidence=evidence,
                now=now,
            )
        )

    def commit(self) -> None:
        """Make the change durable. See ``RestoredLedger``."""
        self._end.commit(None, None)


@contextlib.contextmanager
def opened_restored(
    path: Path, *, any_file_system: bool = False
) -> Iterator[SQLiteRestored]:
    """Own a SQLite ledger that came back while the block runs.

    Raises:
        LedgerInUseError: If somebody owns it.
        LedgerError: If it can't be used.
    """
    with opened_end(
        path, any_file_system=any_file_system, accept_loss=True, is_there=True
    ) as end:
        yield SQLiteRestored(end)
