# ruff: noqa: PT012
# A ledger's files are looked at between its steps, and errors come anywhere in a block.
"""Faults of the disk, and the thread that writes."""

import asyncio
import contextlib
import shutil
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from helpers import quiet_loop, until
from ledgers import (
    NOW,
    accept,
    contacts,
    entry_of,
    fails_to_open,
    ledger_threads,
    lose,
    mounted,
    needs_mounts,
    new_contact,
    open_intents,
    shown_by,
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
from digitro_async.privacy import Personal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the ledger of this test stands."""
    return tmp_path / "ledger.db"


class Faulty(sqlite3.Connection):
    """Fails where it is told to."""

    fails_at: str | None = None
    failures = 0

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Execute a statement or fail."""
        if Faulty.fails_at is not None and Faulty.fails_at in sql:
            Faulty.failures += 1
            error = sqlite3.OperationalError("disk I/O error near 04832817000")
            error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
            raise error
        return super().execute(sql, *values)


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> type[Faulty]:
    """Make ledgers use a connection that fails where it is told to."""
    real = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *a, **k: real(*a, **{"factory": Faulty, **k})
    )
    monkeypatch.setattr(Faulty, "fails_at", None)
    monkeypatch.setattr(Faulty, "failures", 0)
    return Faulty


class TestFaults:
    """When the disk fails, nothing is promised any more."""

    @pytest.mark.parametrize("at", ["COMMIT", "BEGIN", "UPDATE contact", "INTO event"])
    async def test_after_a_failed_write(
        self, path: Path, faulty: type[Faulty], at: str
    ) -> None:
        """After one failed write no other succeeds, though the disk would let it."""
        async with SQLiteLedger(path) as ledger:
            await ledger.add(contacts(5))
            await ledger.claim(5)
            await ledger.intend(1, "one", NOW)
            faulty.fails_at = at
            with pytest.raises(LedgerError) as caught:
                await ledger.intend(2, "one", NOW)
            faulty.fails_at = None
            later = await asyncio.gather(
                ledger.intend(3, "one", NOW),
                accept(ledger, 1, "1"),
                ledger.add(contacts(9)),
                ledger.claim(1),
                ledger.release(),
                return_exceptions=True,
            )
            counts = await ledger.counts()

        assert caught.value.reason == "write_failed"
        assert str(caught.value).startswith(
            "ledger.db can't be written: the disk failed (SQLITE_IOERR_FSYNC)"
        )
        assert "04832817000" not in shown_by(caught.value)
        assert {str(one) for one in later} == {str(caught.value)}
        assert some(counts) == {State.CLAIMED: 4, State.INTENT: 1}
        assert faulty.failures == 1

    async def test_whoever_shares_the_commit(
        self, path: Path, faulty: type[Faulty]
    ) -> None:
        """All that share a commit that fails are told so, and none is there later."""
        async with SQLiteLedger(path) as ledger:
            await ledger.add(contacts(50))
            await ledger.claim(50)
            faulty.fails_at = "COMMIT"
            results = await asyncio.gather(
                *(ledger.intend(number, "one", NOW) for number in range(1, 51)),
                return_exceptions=True,
            )
        faulty.fails_at = None
        async with SQLiteLedger(path) as again:
            counts = await again.counts()

        assert {type(one) for one in results} == {LedgerError}
        assert some(counts) == {State.PENDING: 50}

    async def test_a_call_that_fails(self, path: Path) -> None:
        """A call that can't be stored fails alone, and shows nothing."""
        async with SQLiteLedger(path) as ledger:
            await ledger.add(contacts(2))
            await ledger.claim(2)
            results = await asyncio.gather(
                ledger.add([new_contact(3, fields={"user_data": "canary"}), bad_one()]),
                ledger.intend(1, "one", NOW),
                ledger.set_setting("a", "\udc81 canary"),
                ledger.intend(2, "one \udc81 canary", NOW),
                ledger.set_setting("b", "1"),
                ledger.intend(2**70, "one", NOW),
                return_exceptions=True,
            )
            after = await ledger.counts()

            assert await ledger.get_setting("b") == "1"
        errors = [one for one in results if one is not None]

        assert [type(one) for one in results].count(type(None)) == 2
        assert [one.reason for one in errors if isinstance(one, LedgerError)] == [
            "bad_value"
        ] * 4
        assert not any("canary" in str(one) for one in errors)
        assert some(after) == {State.CLAIMED: 1, State.INTENT: 1}

    async def test_evidence_that_is_no_text(self, path: Path) -> None:
        """Evidence with half a character is refused, and the ledger goes on."""
        async with SQLiteLedger(path) as ledger:
            (number,) = await open_intents(ledger, 1)
            await lose(ledger, number)
            with pytest.raises(LedgerError) as caught:
                await ledger.reconcile("C1", accepted=True, evidence="\udc81", now=NOW)

            assert caught.value.reason == "bad_value"
            assert (await entry_of(ledger, number)).state is State.UNKNOWN

    async def test_a_bug_in_the_thread(self, path: Path) -> None:
        """Whatever goes wrong in the writing thread, nobody waits for ever."""

        def break_down(_: sqlite3.Connection) -> None:
            raise KeyError("canary")

        async with SQLiteLedger(path) as ledger:
            async with asyncio.timeout(10):
                with pytest.raises(LedgerError, match="KeyError") as caught:
                    await ledger._call(break_down)
                with pytest.raises(LedgerError):
                    await ledger.add(contacts(1))

        assert "canary" not in shown_by(caught.value)

    async def test_full(self, path: Path) -> None:
        """A ledger without space left ends with a clear error and stays whole."""
        async with SQLiteLedger(path) as ledger:

            def limit(connection: sqlite3.Connection) -> None:
                (pages,) = connection.execute("PRAGMA page_count").fetchone()
                connection.execute(f"PRAGMA max_page_count = {pages + 2}")

            await ledger.add(contacts(10))
            await ledger._call(limit)
            with pytest.raises(LedgerError, match=r"no space left \(SQLITE_FULL\)"):
                for start in range(100, 9_000, 100):
                    page = [new_contact(number) for number in range(start, start + 100)]
                    await ledger.add(page)
            with pytest.raises(LedgerError, match="no space left"):
                await ledger.claim(1)
        async with SQLiteLedger(path) as again:
            assert (await again.counts())[State.PENDING] % 10 == 0
            assert len(await again.claim(10)) == 10

    @needs_mounts
    async def test_full_disk(self, tmp_path: Path) -> None:
        """On a disk that is full nothing is half written."""
        place = tmp_path / "disk"
        place.mkdir()
        with mounted(place, "-t", "tmpfs", "-o", "size=1m", "none"):
            done = 0
            with pytest.raises(LedgerError, match=r"no space left|the disk failed"):
                async with SQLiteLedger(place / "ledger.db") as ledger:
                    for start in range(1, 99_000, 100):
                        numbers = range(start, start + 100)
                        await ledger.add([new_contact(number) for number in numbers])
                        done = start + 99
            for file in place.glob("ledger.db*"):
                shutil.copy(file, tmp_path)
        async with SQLiteLedger(tmp_path / "ledger.db") as ledger:
            counts = await ledger.counts()

        assert 100 <= counts[State.PENDING] <= done
        assert counts[State.PENDING] % 100 == 0

    async def test_another_writer(self, path: Path) -> None:
        """A program that writes to the file and does not end is said to be there."""
        async with SQLiteLedger(path, busy_timeout=0.1) as ledger:
            await ledger.add(contacts(1))
            with contextlib.closing(sqlite3.connect(path)) as other:
                other.execute("BEGIN IMMEDIATE")
                with pytest.raises(LedgerError, match="another program is writing"):
                    await ledger.claim(1)

    async def test_another_writer_that_ends(self, path: Path) -> None:
        """A program that writes to the file for a while is waited for."""
        async with SQLiteLedger(path, busy_timeout=20) as ledger:
            await ledger.add(contacts(1))
            with contextlib.closing(sqlite3.connect(path)) as other:
                other.execute("BEGIN IMMEDIATE")
                claiming = asyncio.ensure_future(ledger.claim(1))
                await asyncio.sleep(0.1)
                waited = not claiming.done()
                other.rollback()
                claimed = await claiming

        assert waited
        assert len(claimed) == 1

    async def test_another_writer_while_opening(self, path: Path) -> None:
        """A program that writes to the file keeps it from being opened."""
        async with SQLiteLedger(path):
            pass
        with contextlib.closing(sqlite3.connect(path)) as other:
            other.execute("BEGIN IMMEDIATE")
            error = await fails_to_open(path, busy_timeout=0.1)

        assert "another program is writing to it (SQLITE_BUSY" in str(error)


def bad_one() -> Any:
    """Return a contact that can't be stored."""
    return new_contact(4, destination=Personal("\udc81 canary"))


class TestThread:
    """The writing thread and those who wait for it."""

    async def test_cancelled_waiters(self, path: Path) -> None:
        """What is cancelled is written all the same, and nothing is logged."""
        async with quiet_loop(), SQLiteLedger(path) as ledger:
            await ledger.add(contacts(20))
            await ledger.claim(20)
            tasks = [
                asyncio.ensure_future(ledger.intend(number, "one", NOW))
                for number in range(1, 31)
            ]
            for task in tasks[::2]:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            adding = asyncio.ensure_future(ledger.add([new_contact(50)]))
            await asyncio.sleep(0)
            adding.cancel()
            counts = await ledger.claim(0), await ledger.counts()

        assert [type(one) for one in results[:20:2]] == [asyncio.CancelledError] * 10
        assert results[1:20:2] == [None] * 10
        assert {type(one) for one in results[21::2]} == {ClaimLostError}
        assert some(counts[1]) == {State.INTENT: 20, State.PENDING: 1}

    async def test_closing_with_jobs_waiting(self, path: Path) -> None:
        """What was handed over before closing is written before it closes."""
        ledger = SQLiteLedger(path)
        async with ledger:
            await ledger.add(contacts(500))
            await ledger.claim(500)
            waiting = [ledger.intend(number, "one", NOW) for number in range(1, 501)]
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
            going_on.wait(10)
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

    async def test_cancelled_while_closing(self, path: Path) -> None:
        """A closing that is cancelled goes on by itself."""
        ledger = SQLiteLedger(path)
        await ledger.__aenter__()
        going_on = threading.Event()
        waiting = ledger._call(lambda _: going_on.wait(10))
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
        ledger = SQLiteLedger(path)
        going_on = threading.Event()

        async def leave_it_open() -> None:
            await ledger.__aenter__()
            await ledger.add(contacts(3))
            assert ledger._writer is not None
            ledger._writer.write(2, _wait_for(going_on), None)

        asyncio.run(leave_it_open())
        going_on.set()
        for thread in ledger_threads():
            thread.join(10)

        async def open_again() -> int:
            async with SQLiteLedger(path) as again:
                return (await again.counts())[State.PENDING]

        assert ledger_threads() == []
        assert asyncio.run(open_again()) == 3

    async def test_one_commit_for_many(self, path: Path, monkeypatch: Any) -> None:
        """What waits at the same time shares a commit, and its statements."""
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
            await ledger.claim(1_000)
            commits.clear()
            await asyncio.gather(
                *(ledger.intend(number, "one", NOW) for number in range(1, 1_001))
            )

        assert sum(commits) == 1_000
        assert len(commits) <= 20
        assert len(alone) <= commits.count(1)

    async def test_order_in_one_commit(self, path: Path) -> None:
        """An intent, its end and the release may share a commit, in that order."""
        async with SQLiteLedger(path) as ledger:
            await ledger.add(contacts(2))
            await ledger.claim(2)
            busy = asyncio.ensure_future(ledger._call(lambda _: time.sleep(0.1)))
            await asyncio.sleep(0.05)  # what comes now waits until it is done
            giving_back = asyncio.ensure_future(ledger.release())
            await asyncio.sleep(0)
            returning = ledger.settle(
                1, Step.NOT_PLACED, "one", NOW, reason="cancelled"
            )
            intending = ledger.intend(1, "one", NOW)
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
                ledger.settle_and_tell(
                    *(number, Step.ACCEPT, "one", NOW),
                    call_id=str(number),
                    reason=None,
                    told=then,
                )
            waiting = accept(ledger, numbers[2], "c")
            async with asyncio.timeout(5):
                state = await waiting

        assert told == [(None, State.ACCEPTED)]
        assert state is State.ACCEPTED
        assert [type(one["exception"]) for one in logged] == [RuntimeError]

    async def test_telling_is_settling(self, path: Path) -> None:
        """Who is told hears what waiting would bring: a state, an error, or closed."""
        told: list[tuple[Any, Any]] = []

        def settle(number: int, step: Step, call_id: str | None) -> None:
            ledger.settle_and_tell(
                *(number, step, "one", NOW),
                call_id=call_id,
                reason=None,
                told=lambda error, state: told.append((type(error), state)),
            )

        async with SQLiteLedger(path) as ledger:
            one, two, three = await open_intents(ledger, 3)
            settle(one, Step.ACCEPT, "a")
            settle(two, Step.ACCEPT, "a")
            settle(three, Step.NOT_PLACED, None)
            settle(99, Step.MARK_UNKNOWN, None)
            settle(0, Step.MARK_UNKNOWN, None)
            with pytest.raises(IllegalTransitionError):
                settle(three, Step.CLAIM, None)
            await until(lambda: len(told) == 5)
            found = [entry async for entry in ledger.entries()]
        with pytest.raises(LedgerError, match="is not open"):
            settle(one, Step.MARK_UNKNOWN, None)

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
                await ledger.intend(0, "one", NOW)
            await ledger.add([new_contact(3)])
            await ledger.claim(1)
            shared = ledger.intend(3, "one", NOW), accept(ledger, 0, "c0")
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
                for statements in (_batch_sql._INTENTS, _batch_sql._OUTCOMES):
                    plan = connection.execute(
                        f"EXPLAIN QUERY PLAN {statements.change}", (1,)
                    ).fetchall()

                    assert [step[-1] for step in plan] == [
                        "SEARCH event USING INTEGER PRIMARY KEY (rowid>?)",
                        "SEARCH contact USING INTEGER PRIMARY KEY (rowid=?)",
                    ]

    async def test_reading_holds_up_no_writing(self, path: Path) -> None:
        """Counting and showing are done beside the writing thread."""
        async with SQLiteLedger(path) as ledger:
            await ledger.add(contacts(10))
            going_on = threading.Event()
            busy = asyncio.ensure_future(ledger._call(lambda _: going_on.wait(10)))
            await asyncio.sleep(0)
            async with asyncio.timeout(5):
                counts = await ledger.counts()
                shown = [entry async for entry in ledger.entries()]
            going_on.set()
            await busy

        assert (counts[State.PENDING], len(shown)) == (10, 10)


def _wait_for(event: threading.Event, seconds: float = 10) -> Any:
    def wait(_: sqlite3.Connection, __: list[Any]) -> None:
        event.wait(seconds)

    return wait
