"""Writes a ledger in one thread: all jobs that wait when it wakes share one commit.

A commit with its sync costs about the same for one row as for a hundred. The thread
has the file from opening to closing, so a task that waits for it may be cancelled at
any moment: the file is closed and its lock given back all the same.
"""

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from digitro_async.errors import DigitroError, LedgerError
from digitro_async.ledger._write_jobs import (
    ACCEPTANCES,
    OUTCOMES,
    AwaitedJob,
    Job,
    Write,
    answer_all,
    by_phase,
)
from digitro_async.ledger.sqlite._connections import problem_of, write_failed
from digitro_async.ledger.sqlite._jobs import commit, roll_back

__all__ = ["LedgerFile", "Writer"]

LOOK_SECONDS = 0.000_5
MOST_LOOKS = 8
ENOUGH_JOBS = 60
"""A first job waits for others to share its commit: for two looks at the queue, then
while more of them come, until they are enough; 4 ms at most. Once all who send wait for
their record nobody else comes, and a longer wait would only keep them."""

MOST_JOBS = 2_000
"""Jobs of one commit."""

WATCH_SECONDS = 0.5
"""Seconds between two looks at the file while there is nothing to write."""


class LedgerFile(Protocol):
    """The file that the thread opens and closes. Only the thread touches it."""

    @property
    def name(self) -> str:
        """Its name, for error texts."""
        ...

    def open(self) -> sqlite3.Connection:
        """Open it, in autocommit mode."""
        ...

    def look(self) -> None:
        """Look for the file, and raise ``LedgerError`` where it is gone."""
        ...

    def committed(self) -> None:
        """Note a commit, and look for the file."""
        ...

    @property
    def copy(self) -> sqlite3.Connection | None:
        """The copy that takes outcomes once the file is gone."""
        ...

    def close(self, *, whole: bool) -> None:
        """Close the file and all that was opened with it."""
        ...


class Writer:
    """The writing thread of one file.

    Args:
        file: The file.

    Attributes:
        on_loss: Called in the loop where the file is found to be gone.
    """

    def __init__(self, file: LedgerFile) -> None:
        self.on_loss: Callable[[LedgerError], None] | None = None
        self._file = file
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._broken: LedgerError | None = None
        self._closing = False

    @property
    def is_open(self) -> bool:
        """Whether jobs are taken."""
        return not self._closing

    async def open(self) -> None:
        """Start the thread and return when the file is open.

        Raises:
            LedgerError: If it can't be opened.
        """
        name = f"ledger {self._file.name}"
        threading.Thread(target=self._run, name=name, daemon=True).start()
        try:
            await self._opened
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Write the waiting jobs, close the file and end the thread.

        Raises:
            LedgerError: If the file can't be closed; all that was told is in it.
        """
        if not self._closing:
            self._closing = True
            self._jobs.put(None)
        await asyncio.shield(self._ended)

    def write(self, phase: int, write: Write, row: Any) -> asyncio.Future[Any]:
        """Hand a job over; the future is set once it is durable.

        It is written whether or not somebody still waits for the future.

        Raises:
            LedgerError: If it is closed; through the future, if it can't be written.
        """
        done = self._loop.create_future()
        self.put(Job(phase, write, row, done))
        return done

    def write_awaited(self, phase: int, write: Write, row: Any) -> AwaitedJob:
        """Hand a job over that one task awaits, as ``write`` does.

        Raises:
            LedgerError: If it is closed; to who awaits it, if it can't be written.
        """
        job = AwaitedJob(phase, write, row, self._loop)
        self.put(job)
        return job

    def put(self, job: Job) -> None:
        """Hand a job over, as ``write`` does.

        Raises:
            LedgerError: If it is closed.
        """
        if self._closing:
            raise LedgerError(f"{self._file.name} is not open", reason="closed")
        self._jobs.put(job)

    def _run(self) -> None:
        try:
            connection = self._begin()
            while connection is not None and self._take_turn(connection):
                pass
        finally:
            self._tell(self._end, self._close_file())

    def _close_file(self) -> LedgerError | None:
        """Close the file; return why that failed: nobody may wait for it for ever."""
        try:
            self._file.close(whole=self._broken is None)
        except Exception as error:  # noqa: BLE001 - its text may hold anything
            text = f"{self._file.name} can't be closed: {_named(error)}"
            return LedgerError(text, reason="unusable")
        return None

    def _begin(self) -> sqlite3.Connection | None:
        failure: DigitroError
        try:
            connection = self._file.open()
        except DigitroError as error:
            failure = error.with_traceback(None)
        except sqlite3.Error as error:
            problem = problem_of(error)
            failure = LedgerError(
                f"{self._file.name} can't be used as a ledger: {problem}",
                reason="unusable",
            )
        except Exception as error:  # noqa: BLE001 - its text may hold anything
            problem = _named(error)
            failure = LedgerError(
                f"{self._file.name} can't be opened: {problem}", reason="unusable"
            )
        else:
            self._tell(_set, self._opened)
            return connection
        self._tell(_set, self._opened, failure)
        return None

    def _take_turn(self, connection: sqlite3.Connection) -> bool:
        """Write the waiting jobs; False where those were the last."""
        try:
            batch = [self._jobs.get(timeout=WATCH_SECONDS)]
        except queue.Empty:
            self._look()
            return not self._loop.is_closed()
        self._wait_for_others()
        # Nobody else takes from it, so at least as many are there.
        batch += [self._jobs.get() for _ in range(min(self._jobs.qsize(), MOST_JOBS))]
        jobs = [job for job in batch if job is not None]
        if jobs:
            self._write(connection, jobs)
        return self._tell(answer_all, jobs) and len(jobs) == len(batch)

    def _wait_for_others(self) -> None:
        waiting = -1
        for _ in range(MOST_LOOKS):
            time.sleep(LOOK_SECONDS)
            before, waiting = waiting, self._jobs.qsize()
            if waiting == before or waiting >= ENOUGH_JOBS:
                return

    def _write(self, connection: sqlite3.Connection, jobs: list[Job]) -> None:
        self._look()
        if self._broken is None:
            try:
                commit(connection, by_phase(jobs))
                self._file.committed()
            except DigitroError as error:
                self._lose(error)
            except sqlite3.Error as error:
                self._fail(connection, problem_of(error))
            except Exception as error:  # noqa: BLE001 - nobody may wait for ever
                self._fail(connection, _named(error))
        else:
            self._write_to_copy(jobs)
        # After a failed sync a later success proves nothing: no more writes.
        if self._broken is not None:
            for job in jobs:
                job.error = self._failure()

    def _look(self) -> None:
        if self._broken is None:
            try:
                self._file.look()
            except DigitroError as error:
                self._lose(error)

    def _lose(self, error: DigitroError) -> None:
        """Write no more: the file is gone."""
        self._broken = LedgerError(str(error.args[0]), reason=error.reason)
        self._tell(self._tell_of_loss)

    def _fail(self, connection: sqlite3.Connection, problem: str) -> None:
        """Write no more: a write failed, which may be so because the file is gone."""
        roll_back(connection)
        self._look()
        if self._broken is None:
            self._broken = write_failed(self._file.name, problem)

    def _write_to_copy(self, jobs: list[Job]) -> None:
        """Keep the outcomes of calls that are on the wire, if there is a copy."""
        outcomes = [job for job in jobs if job.phase in (ACCEPTANCES, OUTCOMES)]
        copy = self._file.copy
        if copy is None or not outcomes:
            return
        try:
            commit(copy, by_phase(outcomes))
        except Exception:  # noqa: BLE001 - they are told as not recorded anyway
            roll_back(copy)

    def _failure(self) -> LedgerError:
        """Return the error that every write of a broken ledger ends in."""
        text, reason = "", ""
        if self._broken is not None:
            text, reason = str(self._broken.args[0]), self._broken.reason
        return LedgerError(text, reason=reason)

    def _tell_of_loss(self) -> None:
        if self.on_loss is not None:
            self.on_loss(self._failure())

    def _end(self, failure: LedgerError | None) -> None:
        """Take no jobs any more and answer those that came too late, in the loop."""
        self._closing = True
        while not self._jobs.empty():
            job = self._jobs.get_nowait()
            if job is not None:
                job.error = write_failed(self._file.name, "it is closed")
                answer_all([job])
        _set(self._ended, failure)

    def _tell(self, act: Callable[..., None], *values: Any) -> bool:
        """Call a function in the loop; False where it is closed: nobody waits then."""
        try:
            self._loop.call_soon_threadsafe(act, *values)
        except RuntimeError:
            return False
        return True


def _named(error: Exception) -> str:
    """Return an error in words that hold no values."""
    return getattr(error, "strerror", None) or type(error).__name__


def _set(future: asyncio.Future[None], error: DigitroError | None = None) -> None:
    if future.done():  # whoever waited was cancelled
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
