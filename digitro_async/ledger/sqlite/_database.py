"""A ledger's file with its locks, connections, marks and key."""

import contextlib
import secrets
import sqlite3
from collections.abc import Callable
from pathlib import Path

import attrs

from digitro_async._common.text import printable, words_of_os_error
from digitro_async.errors import LedgerError, LedgerInUseError
from digitro_async.ledger._provenance import PROVENANCE, Provenance, check_provenance
from digitro_async.ledger.sqlite._attempts_sql import watch_call_ids
from digitro_async.ledger.sqlite._blocks_sql import block_key, count_block_changes
from digitro_async.ledger.sqlite._connections import connect, connect_to_read
from digitro_async.ledger.sqlite._descriptors import (
    Descriptor,
    Identity,
    hold,
    identity_of,
)
from digitro_async.ledger.sqlite._ledger_files import (
    beside,
    check_links,
    check_local,
    check_names,
    check_own,
    create_private,
    has_log,
    is_local,
)
from digitro_async.ledger.sqlite._migrations import migrate
from digitro_async.ledger.sqlite._owner_lock import Mark, OwnerLock
from digitro_async.ledger.sqlite._queries import read_setting
from digitro_async.ledger.sqlite._rescue import rescue
from digitro_async.ledger.sqlite._watch import Loss, Watch
from digitro_async.ledger.sqlite._wholeness import (
    check_there,
    check_whole,
    latest,
    mark_closed,
    mark_of,
    mark_open,
)

__all__ = ["LedgerDatabase", "Opening"]


@attrs.frozen(kw_only=True)
class Opening:
    """The settings by which a ledger's file is opened.

    Attributes:
        synchronous: The way in which commits are synced.
        busy_timeout: Seconds to wait for another program that is writing to it.
        any_file_system: Whether it may stand on a file system that is not known.
        accept_loss: Whether it is opened though something of its record is missing.
        any_provenance: Whether it is opened though it may not be dialled: to be copied,
            or settled.
    """

    synchronous: str
    busy_timeout: float
    any_file_system: bool = False
    accept_loss: bool = False
    any_provenance: bool = False


class LedgerDatabase:
    """A ledger's file, with its locks: the writing thread opens, uses and closes it.

    Args:
        path: The file; made if it isn't there.
        opening: The settings by which it is opened.
        prepare: Called first of all: closes the contacts that the last owner left open,
            and returns their number.

    Attributes:
        path: The file itself, once it is open, and not a link to it.
        name: Its name, fit for texts.
        key: The key with which contacts are hashed.
        block_key: The key with which blocked numbers are hashed.
        block_changes: How often blocks were changed, durably.
        recovered: Open intents that were found.
        rescued: The file that its content was saved in, once it is gone.
    """

    def __init__(
        self,
        path: Path,
        opening: Opening,
        prepare: Callable[[sqlite3.Connection], int],
    ) -> None:
        self.path: Path = path
        self.name: str = printable(path.name)
        self.key: bytes = b""
        self.block_key: bytes = b""
        self.block_changes: int = 0
        self._latest_changes = 0
        self.recovered: int = 0
        self.rescued: Path | None = None
        self._opening = opening
        self._prepare = prepare
        self._lock: OwnerLock | None = None
        self._descriptor: Descriptor | None = None
        self._connection: sqlite3.Connection | None = None
        self._guard: sqlite3.Connection | None = None
        self._copy: sqlite3.Connection | None = None
        self._watch: Watch | None = None
        self._ledger = ""
        self._folder: Identity = (0, 0)

    def open(self) -> sqlite3.Connection:
        """Open it as its one owner.

        Raises:
            LedgerInUseError: If somebody has it.
            LedgerError: If it can't be used.
            sqlite3.Error: If SQLite says so.
        """
        check_links(self.path)
        # Two names of one file must not have two locks.
        self.path = self.path.resolve()
        check_names(self.path)
        check_own(self.path)
        if not self._opening.any_file_system:
            check_local(self.path)
        self._lock = OwnerLock(self.path)
        self._lock.acquire()
        mark = None if self._opening.accept_loss else self._lock.read()
        if not self._opening.accept_loss:
            check_there(self.path, mark)
        create_private(self.path)
        self._own_file()
        connection = self._connect(mark)
        self.recovered = self._prepare(connection)
        mark_open(connection)
        self._begin_to_watch(connection)
        return connection

    def committed(self) -> None:
        """Note how far the record has come, and look for the file.

        Raises:
            LedgerError: If it is not: the last commits are not in the ledger.
            sqlite3.Error: If SQLite says so.
            OSError: If it can't be noted.
        """
        self.look()
        self.block_changes = self._latest_changes
        if self._connection is not None and self._lock is not None:
            events, contacts = latest(self._connection)
            self._lock.write(Mark(self._ledger, events, contacts, self._latest_changes))

    def note_block_changes(self, changes: int) -> None:
        """Take how often blocks were changed, with the commit that comes.

        Args:
            changes: How often.
        """
        self._latest_changes = changes

    def look(self) -> None:
        """Look whether the ledger's name still leads to the open file.

        Raises:
            LedgerError: If it does not. Its content is saved then, if that can be.
        """
        loss = None if self._watch is None else self._watch.look()
        if loss is not None:
            self._rescue(loss)
            raise self._gone(loss)

    @property
    def copy(self) -> sqlite3.Connection | None:
        """The copy that takes the outcomes of a ledger that is gone."""
        return self._copy

    def close(self, *, whole: bool = True) -> None:
        """Close all that is open.

        Args:
            whole: Whether all that was to be written is.
        """
        try:
            if self._copy is not None:
                with contextlib.suppress(sqlite3.Error):
                    mark_closed(self._copy)
                self._copy.close()
                self._copy = None
            # What was not opened is left as it is, with its log.
            was_open = self._watch is not None
            self._retire(deletes_log=was_open, whole=whole and was_open)
            self._watch = None
        finally:
            self._let_go()

    def _let_go(self) -> None:
        """Give the locks back, whatever could not be closed."""
        try:
            if self._descriptor is not None:
                self._descriptor.disown()
                self._descriptor.let_go()
                self._descriptor = None
        finally:
            if self._lock is not None:
                self._lock.release()
                self._lock = None

    def _own_file(self) -> None:
        try:
            self._descriptor = hold(self.path)
        except OSError as error:
            problem = error.strerror
        else:
            # Elsewhere such a lock may be one of the kind that SQLite takes itself.
            descriptor = self._descriptor if is_local(self.path) else None
            if descriptor is not None and not descriptor.own():
                raise LedgerInUseError(
                    f"{self.name} is open already under another name, here or in "
                    "another process: let that end, or stop it, before it is opened "
                    "again",
                    reason="in_use",
                )
            return
        raise LedgerError(f"{self.name} can't be opened: {problem}", reason="no_access")

    def _connect(self, mark: Mark | None) -> sqlite3.Connection:
        opening = self._opening
        had_log = has_log(self.path)
        connection = connect(self.path, opening.synchronous, opening.busy_timeout)
        self._connection = connection
        self._guard = connect_to_read(self.path)
        if not opening.accept_loss:
            check_whole(connection, self.path, mark, had_log=had_log)
        migrate(connection)
        if not opening.any_provenance:
            setting = read_setting(connection, PROVENANCE)
            check_provenance(Provenance.of_setting(setting), self.name)
        self.key = _key_of(connection)
        self.block_key = block_key(connection)
        self._latest_changes = count_block_changes(connection)
        watch_call_ids(connection)
        return connection

    def _begin_to_watch(self, connection: sqlite3.Connection) -> None:
        found = mark_of(connection)
        assert found is not None  # noqa: S101 - for the type checker: it has its key
        self._ledger = found.ledger
        problem = "it was replaced meanwhile; open it again"
        try:
            self._folder = identity_of(self.path.parent.stat())
            self._watch = Watch(self.path)
            self.committed()
        except OSError as error:
            problem = words_of_os_error(error)
        else:
            held = self._descriptor
            if held is None or held.identity == identity_of(self.path.lstat()):
                return
        raise LedgerError(f"{self.name} can't be opened: {problem}", reason="no_access")

    def _rescue(self, loss: Loss) -> None:
        """Save the content of the open file, and write to it no more."""
        watch, self._watch = self._watch, None
        if self._connection is None or watch is None:
            return
        if not loss.is_cut:
            saved = rescue(self._connection, self.path, self._folder, self._descriptor)
            if saved is not None:
                self._copy, self.rescued = saved
            self._clear_log(self._connection, watch)
        deletes_log = watch.has_own("-wal") and not loss.is_cut
        self._retire(deletes_log=deletes_log, whole=False)

    def _clear_log(self, connection: sqlite3.Connection, watch: Watch) -> None:
        """Put all that is in the log into its own file, wherever that is now.

        A log that is left would be taken for that of whatever file comes into the
        ledger's place, and spoil it: a copy, or what is saved here. So would one that
        came into the log's own place; that is put aside, if it is nobody else's.
        """
        with contextlib.suppress(sqlite3.Error):
            mark_closed(connection)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        log, aside = (beside(self.path, end) for end in ("-wal", "-wal.stray"))
        with contextlib.suppress(OSError):
            is_others = self.path.exists() and not watch.has_own("")
            if not is_others and not watch.has_own("-wal") and not aside.exists():
                log.rename(aside)

    def _retire(self, *, deletes_log: bool, whole: bool) -> None:
        """Close the connections.

        SQLite deletes the log under its name when the last connection is closed. Where
        ours stands there, that is right, also where the ledger is gone: it must not be
        taken for that of a copy that came into its place. Where another file stands
        there, a connection that only reads is closed last, and SQLite leaves the log
        alone.
        """
        if whole and deletes_log and self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                mark_closed(self._connection)
        one, other = self._guard, self._connection
        for connection in (one, other) if deletes_log else (other, one):
            if connection is not None:
                connection.close()
        self._guard = self._connection = None

    def _gone(self, loss: Loss) -> LedgerError:
        what = f"{self.name}{loss.end} {loss.how} while it was open"
        if self.rescued is None:
            saved = "what it held could not be saved: look for it where it went"
        else:
            saved = (
                f"what it held is saved in {printable(self.rescued.name)}: put that in "
                f"its place, and no {self.name}-wal beside it, before you go on"
            )
        return LedgerError(
            f"{what}, so nothing more is recorded in it and nobody is called; {saved}",
            reason="ledger_gone",
        )


def _key_of(connection: sqlite3.Connection) -> bytes:
    """Return the key that contacts of this ledger are hashed with."""
    connection.execute(
        "INSERT INTO identity_key (single, key) VALUES (1, ?)"
        " ON CONFLICT (single) DO NOTHING",
        (secrets.token_bytes(32),),
    )
    (key,) = connection.execute("SELECT key FROM identity_key").fetchone()
    return bytes(key)
