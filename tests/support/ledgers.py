"""Helpers of the tests of ledgers and campaigns."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers import everything_of, until
from places import TESTS

from digitro_async import CallEnd, CallSeen, Disposition, EndEvidence, LedgerError
from digitro_async.ledger import (
    ClaimedContact,
    ClaimOwner,
    ContactRecord,
    Ledger,
    LedgerReader,
    MemoryLedger,
    NewContact,
    PostgresLedger,
    PostgresLedgerReader,
    SQLiteLedger,
    State,
    Step,
    open_ledger_reader,
)
from digitro_async.privacy import Personal

NOW = 1_800_000_000.0
"""A Unix time."""

ENDS = ("", "-wal", "-shm")
"""The files of a SQLite database."""


def new_contact(number: int, **given: Any) -> NewContact:
    """Return the contact of line ``number``."""
    own_id = given.pop("id", f"C{number}")
    values: dict[str, Any] = {
        "line": number,
        "identity": Personal(f"id {own_id}"),
        "id": None if own_id is None else Personal(own_id),
        "destination": Personal(f"0483281{number:04d}"),
        **given,
    }
    return NewContact(**values)


def contacts(count: int) -> list[NewContact]:
    """Return ``count`` contacts."""
    return [new_contact(number) for number in range(1, count + 1)]


class Shelf:
    """Where the ledger of one test stands, of one kind.

    Args:
        folder: Where files may be made.
        clock: Tells the time by which leases end.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self.clock = clock

    def ledger(self) -> Ledger:
        """Return the ledger as it is now, not open."""
        raise NotImplementedError

    def reader(self) -> LedgerReader:
        """Return a reader of the ledger as it is now, not open."""
        raise NotImplementedError

    async def lose_owner(self, ledger: Ledger) -> None:
        """End the owner without a chance to say anything, as a killed process."""
        raise NotImplementedError


class MemoryShelf(Shelf):
    """A ledger in memory."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        super().__init__(folder, clock)
        self._ledger = MemoryLedger(clock=clock)

    def ledger(self) -> Ledger:
        """Return the ledger as it is now, not open."""
        return self._ledger

    def reader(self) -> LedgerReader:
        """Return a reader of the ledger as it is now, not open."""
        return self._ledger.reader()

    async def lose_owner(self, ledger: Ledger) -> None:
        """End the owner without a chance to say anything."""
        await ledger.__aexit__(None, None, None)


class SQLiteShelf(Shelf):
    """A ledger in a file. What a killed process leaves behind is a copy of its files.

    Args:
        folder: Where files may be made.
        clock: Tells the time by which leases end.
        synchronous: OFF is quicker, and shows the same to whoever reads.
    """

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], float] = time.time,
        *,
        synchronous: str = "OFF",
    ) -> None:
        super().__init__(folder, clock)
        self._synchronous = synchronous
        self._lives = 0

    @property
    def path(self) -> Path:
        """Where the file stands now."""
        return self.folder / f"ledger{self._lives}.db"

    def ledger(self) -> Ledger:
        """Return the ledger as it is now, not open."""
        return SQLiteLedger(self.path, synchronous=self._synchronous, clock=self.clock)

    def reader(self) -> LedgerReader:
        """Return a reader of the ledger as it is now, not open."""
        return open_ledger_reader(self.path)

    def ledger_at(self, path: Path) -> Ledger:
        """Return the ledger at another place, not open."""
        return SQLiteLedger(path, synchronous=self._synchronous, clock=self.clock)

    def move(self) -> Path:
        """Let the ledger stand at another place from now on; return that."""
        self._lives += 1
        return self.path

    async def lose_owner(self, ledger: Ledger) -> None:
        """End the owner without a chance to say anything."""
        old = self.path
        self._lives += 1
        for end in ENDS:
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(f"{old}{end}", f"{self.path}{end}")
        await ledger.__aexit__(None, None, None)
        for end in (*ENDS, ".lock"):
            Path(f"{old}{end}").unlink(missing_ok=True)  # noqa: ASYNC240 - it is small


class PostgresShelf(Shelf):
    """A campaign in a database of its own, which is deleted after the test.

    What a killed process leaves behind is a database in which nobody holds a lease.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        super().__init__(folder, clock)
        # Late: who runs no test of it needs neither the driver nor the server.
        from postgres_server import shared_server

        self.server = shared_server()
        self.name = self.server.create_database(for_test=True)

    @property
    def address(self) -> str:
        """Where the database is."""
        return self.server.address(self.name)

    def ledger(self) -> Ledger:
        """Return the ledger as it is now, not open."""
        clock = None if self.clock is time.time else self.clock
        return PostgresLedger(self.address, clock=clock)

    def reader(self) -> LedgerReader:
        """Return a reader of the ledger as it is now, not open."""
        return PostgresLedgerReader(self.address)

    async def lose_owner(self, ledger: Ledger) -> None:
        """End the owner without a chance to say anything."""
        assert isinstance(ledger, PostgresLedger)
        await ledger.abort()
        with self.server.connect(self.name) as connection:
            connection.execute("UPDATE digitro.owner SET lease_until = '-infinity'")


SHELVES: dict[str, type[Shelf]] = {
    "memory": MemoryShelf,
    "sqlite": SQLiteShelf,
    "postgres": PostgresShelf,
}
"""Kinds of ledgers to where the ledger of a test stands."""


OWNER = ClaimOwner("tests")
"""Who claims contacts where a test says nothing else."""

LEASE = 3600.0
"""Seconds of a lease that ends in no test."""


async def claim(
    ledger: Ledger, limit: int, owner: ClaimOwner = OWNER, **given: Any
) -> Sequence[ClaimedContact]:
    """Claim contacts under a long lease."""
    return await ledger.claim(limit, owner, given.pop("lease", LEASE), **given)


async def release(
    ledger: Ledger, numbers: Sequence[int] | None = None, owner: ClaimOwner = OWNER
) -> None:
    """Give claims back."""
    await ledger.release(owner, numbers)


async def invalidate(
    ledger: Ledger, number: int, reason: str, owner: ClaimOwner = OWNER
) -> None:
    """Record that a contact can't be called."""
    await ledger.invalidate(number, owner, reason)


def intend(
    ledger: Ledger, number: int, pabx: str, at: float, owner: ClaimOwner = OWNER
) -> Awaitable[None]:
    """Record that a contact is about to be called."""
    return ledger.intend(number, owner, pabx, at)


async def settle(
    ledger: Ledger,
    number: int,
    step: Step,
    pabx: str,
    at: float,
    **given: Any,
) -> State:
    """Record what a call came to, and return the state that it led to."""
    settled: asyncio.Future[State] = asyncio.get_running_loop().create_future()

    def on_done(error: BaseException | None, state: State | None) -> None:
        if settled.cancelled():
            return
        if error is not None:
            settled.set_exception(error)
        elif state is not None:
            settled.set_result(state)

    owner = given.pop("owner", OWNER)
    ledger.settle(number, owner, step, pabx, at, on_done=on_done, **given)
    return await settled


async def open_intents(
    ledger: Ledger, count: int, owner: ClaimOwner = OWNER
) -> list[int]:
    """Put contacts in and open their intents; return their numbers."""
    await ledger.add(contacts(count))
    numbers = [contact.number for contact in await claim(ledger, count, owner)]
    await asyncio.gather(
        *(intend(ledger, number, "one", NOW, owner) for number in numbers)
    )
    return numbers


async def accept(ledger: Ledger, number: int, call_id: str, **given: Any) -> State:
    """Record an acceptance."""
    at = given.pop("at", NOW + 1)
    pabx = given.pop("pabx", "one")
    return await settle(ledger, number, Step.ACCEPT, pabx, at, call_id=call_id, **given)


async def lose(ledger: Ledger, number: int, reason: str = "timeout") -> State:
    """Record that nobody knows what a call came to."""
    return await settle(
        ledger, number, Step.MARK_UNKNOWN, "one", NOW + 1, reason=reason
    )


def an_end(
    disposition: Disposition, call_id: str | None = "1", **given: Any
) -> CallEnd:
    """Return an end without times, of the contact whose number is the call id."""
    values: dict[str, Any] = {
        "pabx": "one",
        "evidence": EndEvidence.CALL_ID,
        "key": 1 if call_id is None else given.get("key") or int(call_id),
    }
    return CallEnd(disposition=disposition, call_id=call_id, **{**values, **given})


def seen_call(call_id: str = "7", **given: Any) -> CallSeen:
    """Return a call that an event showed."""
    values: dict[str, Any] = {"pabx": "one", "name": "DISCANDO", "seen_at": NOW + 2}
    return CallSeen(call_id=call_id, **{**values, **given})


async def end_call(ledger: Ledger, number: int, end: CallEnd) -> None:
    """Record the end of a call, and wait until that is durable."""
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_done(error: BaseException | None, _: object) -> None:
        if error is not None:
            ended.set_exception(error)
        else:
            ended.set_result(None)

    ledger.ends.record(number, end, on_done=on_done)
    await ended


async def states(ledger: Ledger) -> dict[int, State]:
    """Return where each contact is."""
    return {entry.number: entry.state async for entry in ledger.entries()}


async def entry_of(ledger: Ledger, number: int) -> ContactRecord:
    """Return one contact."""
    async for entry in ledger.entries():
        if entry.number == number:
            return entry
    raise LookupError(number)


def some(counts: Mapping[State, int]) -> dict[State, int]:
    """Return the counts that are not 0."""
    return {state: count for state, count in counts.items() if count}


def shown_by(error: BaseException) -> str:
    """Return all that logs can show of an error, but for the locals of the test."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(
        str(TESTS)
    ):
        trace = trace.tb_next
    return everything_of(error.with_traceback(trace))


def ledger_threads() -> list[threading.Thread]:
    """Return the writing threads that are alive."""
    return [one for one in threading.enumerate() if one.name.startswith("ledger ")]


needs_mounts = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="needs to mount disks"
)


@contextlib.contextmanager
def mounted(place: Path, *arguments: str) -> Iterator[None]:
    """Mount something while the block runs."""
    done = subprocess.run(
        ["mount", *arguments, str(place)], capture_output=True, check=False
    )
    if done.returncode == 0 and "--bind" in arguments:
        options = "remount,bind,ro"
        done = subprocess.run(["mount", "-o", options, str(place)], check=False)
    if done.returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


async def fails_to_open(path: Path, **given: Any) -> LedgerError:
    """Return the error that opening ends in, having looked at all that it shows."""
    with pytest.raises(LedgerError) as caught:
        await SQLiteLedger(path, **given).__aenter__()
    shown = shown_by(caught.value)

    assert caught.value.__context__ is None
    assert "unable to open" not in shown
    await until(lambda: not ledger_threads())
    return caught.value
