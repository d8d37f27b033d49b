# A ledger's files are looked at between its steps, and errors come anywhere in a block.
"""The thread that writes a ledger's file."""

import asyncio
import contextlib
import errno
import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from helpers import quiet_loop, until
from ledgers import (
    NOW,
    OWNER,
    accept,
    claim,
    contacts,
    intend,
    ledger_threads,
    new_contact,
    open_intents,
    release,
    settle,
    some,
)

from digitro_async import (
    ClaimLostError,
    IllegalTransitionError,
    LedgerError,
)
from digitro_async.ledger import SQLiteLedger, State, Step
from digitro_async.ledger.sqlite import _batch_sql, _database, _writer
from digitro_async.ledger.sqlite._connections import connect
from digitro_async.ledger.sqlite._jobs import commit
from digitro_async.ledger.sqlite._owner_lock import OwnerLock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the ledger of this test stands."""
    return tmp_path / "ledger.db"


class TestThread:
    """The writing thread and those who wait for it."""

    async def test_cancelled_waiters(self, path: Path) -> None:
        """A change that is cancelled is written all the same, and nothing is logged."""
        async with quiet_loop(), SQLiteLedger(path) as ledger:
            await ledger.add(contacts(20))
            await claim(ledger, 20)
            tasks = [
                asyncio.ensure_future(intend(ledger, number, "one", NOW))
                for number in range(1, 31)
            ]
            for task in tasks[::2]:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            adding = asyncio.ensure_future(ledger.add([new_contact(50)]))
            await asyncio.sleep(0)
            adding.cancel()
            counts = await claim(ledger, 0), await ledger.counts()

        assert [type(one) for one in results[:20:2]] == [asyncio.CancelledError] * 10
        assert results[1:20:2] == [None] * 10
        assert {type(one) for one in results[21::2]} == {ClaimLostError}
        assert some(counts[1]) == {State.INTENT: 20, State.PENDING: 1}

    async def test_closing_with_jobs_waiting(self, path: Path) -> None:
        """A change handed over before closing is written before it closes."""
        ledger = SQLiteLedger(path)
        async with ledger:
            await ledger.add(contacts(500))
            await claim(ledger, 500)
            waiting = [intend(ledger, number, "one", NOW) for number in range(1, 501)]
        results = await asyncio.gather(*waiting)
        async with SQLiteLedger(path) as again:
            recovered = again.recovered

        assert results == [None] * 500
        assert recovered == 500

    async def test_handing_over_while_closing(self, path: Path) -> None:
        """Once it is being closed nothing is taken any more, and nobody waits."""
        ledger = SQLiteLedger(path)
        await ledger.__aenter__()
        closing = asyncio.ensure_future(ledger.__aexit__(None, None, None))
        await asyncio.sleep(0)
        with pytest.raises(LedgerError) as caught:
            await ledger.add(contacts(1))
        await closing

        assert caught.value.reason == "closed"

    async def test_cancelled_while_opening(self, path: Path, monkeypatch: Any) -> None:
        """An opening that is cancelled leaves no thread, connection or lock."""
        going_on = threading.Event()

        def slow(*given: Any) -> sqlite3.Connection:
            going_on.wait(60)
            return connect(*given)

        monkeypatch.setattr(_database, "connect", slow)
        async with quiet_loop():
            opening = asyncio.ensure_future(SQLiteLedger(path).__aenter__())
            await asyncio.sleep(0.05)
            opening.cancel()
            going_on.set()
            with pytest.raises(asyncio.CancelledError):
                await opening
        async with SQLiteLedger(path):
            pass

        await until(lambda: not ledger_threads())

    async def test_a_file_that_can_not_be_closed(
        self, path: Path, monkeypatch: Any
    ) -> None:
        """Whoever closes a ledger hears that its file can't be closed, and is free."""
        release = OwnerLock.release

        def failing(lock: Any) -> None:
            release(lock)
            raise OSError(errno.EIO, os.strerror(errno.EIO), "/canary")

        ledger = SQLiteLedger(path)
        await ledger.__aenter__()
        await ledger.add(contacts(1))
        with monkeypatch.context() as patch:
            patch.setattr(OwnerLock, "release", failing)
            async with asyncio.timeout(60):
                with pytest.raises(LedgerError, match="can't be closed") as raised:
                    await ledger.__aexit__(None, None, None)
        async with SQLiteLedger(path) as again:
            counts = await again.counts()

        assert "canary" not in str(raised.value)
        assert sum(counts.values()) == 1
        await until(lambda: not ledger_threads())

    async def test_cancelled_while_closing(self, path: Path) -> None:
        """A closing that is cancelled goes on by itself."""
        ledger = SQLiteLedger(path)
        await ledger.__aenter__()
        going_on = threading.Event()
        waiting = ledger._call(lambda _: going_on.wait(60))
        task = asyncio.ensure_future(waiting)
        closing = asyncio.ensure_future(ledger.__aexit__(None, None, None))
        await asyncio.sleep(0.01)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        going_on.set()
        await task
        await until(lambda: not ledger_threads())
        async with SQLiteLedger(path):
            pass

    def test_closed_loop(self, path: Path) -> None:
        """When the loop is closed before the answer, the file is closed too."""
        going_on = threading.Event()

        async def leave_it_open() -> None:
            ledger = SQLiteLedger(path)
            await ledger.__aenter__()
            await ledger.add(contacts(3))
            assert ledger._writer is not None
            ledger._writer.write(2, _wait_for(going_on), None)

        with pytest.warns(ResourceWarning, match=r"unclosed <SQLiteLedger ledger\.db>"):
            asyncio.run(leave_it_open())
        going_on.set()
        for thread in ledger_threads():
            thread.join(60)

        async def open_again() -> int:
            async with SQLiteLedger(path) as again:
                return (await again.counts())[State.PENDING]

        assert ledger_threads() == []
        assert asyncio.run(open_again()) == 3

    async def test_one_commit_for_many(self, path: Path, monkeypatch: Any) -> None:
        """Changes that wait at the same time share a commit, and its statements."""
        commits = []
        alone = []
        write_intent = _batch_sql._write_intent

        def counted_alone(connection: sqlite3.Connection, job: Any) -> Any:
            alone.append(job)
            return write_intent(connection, job)

        monkeypatch.setattr(_batch_sql, "_write_intent", counted_alone)

        def counted(connection: sqlite3.Connection, jobs: list[Any]) -> None:
            commits.append(sum(map(len, jobs)))
            commit(connection, jobs)

        monkeypatch.setattr(_writer, "commit", counted)
        async with SQLiteLedger(path) as ledger:
            await ledger.add(contacts(1_000))
            await claim(ledger, 1_000)
            commits.clear()
            await asyncio.gather(
                *(intend(ledger, number, "one", NOW) for number in range(1, 1_001))
            )

        assert sum(commits) == 1_000
        assert len(commits) <= 20
        assert len(alone) <= commits.count(1)

    async def test_order_in_one_commit(self, path: Path) -> None:
        """An intent, its end and the release may share a commit, in that order."""
        async with SQLiteLedger(path) as ledger:
            await ledger.add(contacts(2))
            await claim(ledger, 2)
            busy = asyncio.ensure_future(ledger._call(lambda _: time.sleep(0.1)))
            await asyncio.sleep(0.05)  # what comes now waits until it is done
            giving_back = asyncio.ensure_future(release(ledger))
            await asyncio.sleep(0)
            returning = settle(
                ledger, 1, Step.NOT_PLACED, "one", NOW, reason="cancelled"
            )
            intending = intend(ledger, 1, "one", NOW)
            await asyncio.gather(busy, giving_back, returning, intending)

            assert some(await ledger.counts()) == {State.PENDING: 2}

    async def test_whoever_is_told_and_fails(self, path: Path) -> None:
        """An answer that breaks whoever is told it keeps nobody else from theirs."""
        told: list[tuple[Any, Any]] = []
        logged: list[Any] = []

        def break_down(*_: Any) -> None:
            raise RuntimeError("canary")

        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: logged.append(context))
        async with SQLiteLedger(path) as ledger:
            numbers = await open_intents(ledger, 3)
            for number, then in zip(
                numbers, (break_down, lambda *answer: told.append(answer)), strict=False
            ):
                ledger.settle(
                    *(number, OWNER, Step.ACCEPT, "one", NOW),
                    call_id=str(number),
                    on_done=then,
                )
            waiting = accept(ledger, numbers[2], "c")
            async with asyncio.timeout(60):
                state = await waiting

        assert told == [(None, State.ACCEPTED)]
        assert state is State.ACCEPTED
        assert [type(one["exception"]) for one in logged] == [RuntimeError]

    async def test_what_is_told_of_an_outcome(self, path: Path) -> None:
        """Each outcome is told as a state or an error, and none once it is closed."""
        told: list[tuple[Any, Any]] = []

        def record(number: int, step: Step, call_id: str | None) -> None:
            ledger.settle(
                *(number, OWNER, step, "one", NOW),
                call_id=call_id,
                on_done=lambda error, state: told.append((type(error), state)),
            )

        async with SQLiteLedger(path) as ledger:
            one, two, three = await open_intents(ledger, 3)
            record(one, Step.ACCEPT, "a")
            record(two, Step.ACCEPT, "a")
            record(three, Step.NOT_PLACED, None)
            record(99, Step.MARK_UNKNOWN, None)
            record(0, Step.MARK_UNKNOWN, None)
            with pytest.raises(IllegalTransitionError):
                record(three, Step.CLAIM, None)
            await until(lambda: len(told) == 5)
            found = [entry async for entry in ledger.entries()]
        with pytest.raises(LedgerError, match="is not open"):
            record(one, Step.MARK_UNKNOWN, None)

        assert told == [
            (type(None), State.ACCEPTED),
            (type(None), State.UNKNOWN),
            (type(None), State.CLAIMED),
            (IllegalTransitionError, None),
            (IllegalTransitionError, None),
        ]
        assert [entry.reason for entry in found] == [None, "repeated_call_id", None]
        assert [entry.call_id for entry in found] == ["a", None, None]

    async def test_steps_that_can_not_be_taken_leave_no_event(self, path: Path) -> None:
        """Neither alone nor among others does a refused step stay in the record."""
        async with SQLiteLedger(path) as ledger:
            numbers = await open_intents(ledger, 2)
            for rows in ([99], [numbers[0], 0, 98], [numbers[1], numbers[1]]):
                await asyncio.gather(
                    *(accept(ledger, number, f"c{number}") for number in rows),
                    return_exceptions=True,
                )
            with pytest.raises(ClaimLostError):
                await intend(ledger, 0, "one", NOW)
            await ledger.add([new_contact(3)])
            await claim(ledger, 1)
            shared = intend(ledger, 3, "one", NOW), accept(ledger, 0, "c0")
            results = await asyncio.gather(*shared, return_exceptions=True)
        with contextlib.closing(sqlite3.connect(path)) as connection:
            events = connection.execute(
                "SELECT contact, step FROM event ORDER BY sequence"
            ).fetchall()

        assert events == [(1, 3), (2, 3), (1, 4), (2, 4), (3, 3)]
        assert [type(one) for one in results] == [type(None), IllegalTransitionError]

    async def test_contacts_are_found_by_their_events(self, path: Path) -> None:
        """However long the record is, only the new events are looked at."""
        async with SQLiteLedger(path) as ledger:
            await open_intents(ledger, 50)
        with contextlib.closing(sqlite3.connect(path)) as connection:
            for before in ("SELECT 1", "ANALYZE"):
                connection.execute(before)
                for statements in (
                    _batch_sql._INTENTS,
                    _batch_sql._ACCEPTANCES,
                    _batch_sql._OUTCOMES,
                ):
                    plan = connection.execute(
                        f"EXPLAIN QUERY PLAN {statements.update_contacts}", (1,)
                    ).fetchall()

                    assert [step[-1] for step in plan] == [
                        "SEARCH event USING INTEGER PRIMARY KEY (rowid>?)",
                    ]

    async def test_reading_holds_up_no_writing(self, path: Path) -> None:
        """Counting and showing are done beside the writing thread."""
        async with SQLiteLedger(path) as ledger:
            await ledger.add(contacts(10))
            going_on = threading.Event()
            busy = asyncio.ensure_future(ledger._call(lambda _: going_on.wait(60)))
            await asyncio.sleep(0)
            async with asyncio.timeout(60):
                counts = await ledger.counts()
                shown = [entry async for entry in ledger.entries()]
            going_on.set()
            await busy

        assert (counts[State.PENDING], len(shown)) == (10, 10)


def _wait_for(event: threading.Event, seconds: float = 60) -> Any:
    def wait(_: sqlite3.Connection, __: list[Any]) -> None:
        event.wait(seconds)

    return wait
