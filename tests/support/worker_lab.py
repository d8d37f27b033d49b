"""A campaign that worker processes dial together while they are killed and frozen."""

import asyncio
import collections
import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import attrs
import psycopg
from ledgers import new_contact
from mute_proxy import MuteProxy
from postgres_server import PostgresServer
from worker_child import run_worker

from digitro_async.ledger import PostgresLedger, State
from digitro_async.ledger._codes import STATES
from digitro_async.testing import FakePABX

__all__ = ["IN_FLIGHT", "Times", "WorkerLab", "WorkerProcess"]

IN_FLIGHT: Final = 16
"""Calls that one worker has on the wire at once."""

CAMPAIGN: Final = "lab"

LONGEST: Final = 300.0
"""Most seconds for one thing to come about, on a machine that is very slow."""

FORKS: Final = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["worker_child"])

_CONFIG: Final = """\
[[pabx]]
name = "simulator"
base_url = "{base_url}"
channel_id = 1
api_key = "demo-key"
max_in_flight = {in_flight}

[call]
device = "1125000"
device_password = "canary-4567"

[pause]
unknown_run = 1000000
unknown_budget = 1000000
not_sent_run = 1000000
"""

_STATES: Final = """
SELECT c.state, c.reason, o.label, p.destination
  FROM digitro.contact AS c
  JOIN digitro.person AS p USING (campaign, number)
  LEFT JOIN digitro.owner AS o ON o.number = c.owner"""

_HELD: Final = """
SELECT count(*) FROM digitro.owner AS o
 WHERE o.label LIKE %s
   AND (o.lease_until > clock_timestamp() OR EXISTS (
        SELECT 1 FROM digitro.contact AS c
         WHERE c.owner = o.number AND c.state IN (2, 3)))
"""

_CLAIMED: Final = """
SELECT count(*) FROM digitro.owner AS o
 WHERE o.label LIKE %s AND EXISTS (
        SELECT 1 FROM digitro.contact AS c WHERE c.owner = o.number)"""


@attrs.frozen(kw_only=True)
class Times:
    """The times of the workers of a lab, in seconds."""

    lease: float = 8.0
    beat: float = 2.0
    answer: float = 10.0
    misses: int = 100

    @property
    def options(self) -> list[str]:
        """The options of ``digitro worker``."""
        return [
            *("--lease", f"{self.lease:g}", "--beat", f"{self.beat:g}"),
            *("--answer", f"{self.answer:g}", "--misses", str(self.misses)),
            *("--cap-lease", f"{2 * (self.beat + self.answer):g}"),
            *("--slice-size", "20", "--slices", "3", "--look", "0.5"),
            *("--come-again", "1"),
        ]


@attrs.define(eq=False)
class WorkerProcess:
    """A process that runs ``digitro worker``."""

    process: BaseProcess
    is_crashed: bool = False

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self.process.pid or 0

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.process.exitcode is None

    @property
    def is_free(self) -> bool:
        """Whether nothing happened to it so far."""
        return self.is_running and not self.is_crashed

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self.is_running:
            os.kill(self.pid, number)

    async def end(self) -> int:
        """Wait for its end, and return its exit code."""
        async with asyncio.timeout(LONGEST):
            while self.is_running:  # noqa: ASYNC110 - no loop hears of it
                await asyncio.sleep(0.02)
        return self.process.exitcode or 0


@attrs.define
class Verdict:
    """What the ledger and the simulator say at the end.

    Attributes:
        states: How many contacts are in each state.
        twice: How many were placed more than once.
        forgotten: Placed calls of which the ledger says that they were not.
        invented: Accepted calls that were not placed.
        unexplained: Unknown contacts whose last owner did not crash, and why each is.
    """

    states: collections.Counter[State]
    twice: int
    forgotten: int
    invented: int
    unexplained: list[tuple[str, str]]


class WorkerLab:
    """A simulator, a database, a list, and workers.

    Args:
        folder: Where files may be made.
        contacts: How many there are.
        times: The times of workers.
        latency: Seconds of each answer.
    """

    def __init__(
        self,
        folder: Path,
        contacts: int,
        *,
        times: Times | None = None,
        latency: float = 0.2,
    ) -> None:
        self.contacts = contacts
        self.workers: list[WorkerProcess] = []
        self.pabx = FakePABX(latency=latency)
        self.times = times or Times()
        self._folder = folder
        self._config = folder / "digitro.toml"

    async def __aenter__(self) -> Self:
        # Of its own: it is crashed.
        self.server = await asyncio.to_thread(PostgresServer)
        self.database = await asyncio.to_thread(self.server.create_database)
        self.url = self.server.address(self.database)
        await self.pabx.__aenter__()
        self._config.write_text(
            _CONFIG.format(base_url=self.pabx.base_url, in_flight=IN_FLIGHT)
        )
        self._config.chmod(0o600)
        numbers = range(1, self.contacts + 1)
        async with PostgresLedger(self.url, CAMPAIGN) as ledger:
            for first in range(0, self.contacts, 1000):
                page = numbers[first : first + 1000]
                await ledger.add([new_contact(number) for number in page])
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for worker in self.workers:
            if worker.is_running:
                worker.send(signal.SIGKILL)
                await worker.end()
        await self.pabx.__aexit__(None, None, None)
        await asyncio.to_thread(self.server.remove)

    @property
    def received(self) -> int:
        """How many calls the simulator received."""
        return len(self.pabx.calls)

    def running(self) -> Sequence[WorkerProcess]:
        """Return the workers that neither ended nor are frozen."""
        return [one for one in self.workers if one.is_running]

    async def start(
        self,
        *options: str,
        through: MuteProxy | None = None,
        times: Times | None = None,
    ) -> WorkerProcess:
        """Start a worker.

        Args:
            options: More options.
            through: The way to the database; None for the direct one.
            times: Its times.
        """
        url = self.url
        if through is not None:
            url = url.replace(f":{self.server.port}/", f":{through.port}/")
        words = [
            *("worker", "--ledger", url, "--campaign", CAMPAIGN),
            *("--config", str(self._config), *(times or self.times).options),
            *options,
        ]
        log = str(self._folder / "workers.log")
        process = FORKS.Process(target=run_worker, args=(words, log), daemon=True)
        process.start()
        worker = WorkerProcess(process)
        self.workers.append(worker)
        return worker

    async def reach(self, calls: int) -> None:
        """Wait until the simulator received so many calls."""
        await self._until(lambda: self.received >= min(calls, self.contacts))

    async def heard_of(self, worker: WorkerProcess) -> None:
        """Wait until the ledger knows a worker that has contacts."""
        await self._until(lambda: self._count(_CLAIMED, worker))

    async def kill(self, worker: WorkerProcess) -> None:
        """End a worker without a chance to say anything."""
        worker.is_crashed = True
        worker.send(signal.SIGKILL)
        await worker.end()

    async def freeze(self, worker: WorkerProcess) -> None:
        """Stop a worker until others have all that it held, and let it go on then."""
        worker.is_crashed = True
        worker.send(signal.SIGSTOP)
        try:
            await self._until(lambda: not self._count(_HELD, worker))
        finally:
            worker.send(signal.SIGCONT)

    async def finish(self) -> None:
        """Let one more worker dial what is left, and end all."""
        last = await self.start("--until-done")
        await last.end()
        for worker in self.workers:
            worker.send(signal.SIGCONT)
            worker.send(signal.SIGTERM)
        for worker in self.workers:
            await worker.end()
        if any(code in (1, 2, 3) for code, *_ in self._rows()):  # of those that ended
            await (await self.start("--until-done")).end()

    def judge(self) -> Verdict:
        """Hold the ledger against the simulator's record."""
        placed = collections.Counter(
            one.destination for one in self.pabx.calls if one.placed
        )
        crashed = {str(one.pid) for one in self.workers if one.is_crashed}
        verdict = Verdict(collections.Counter(), 0, 0, 0, [])
        verdict.twice = sum(count > 1 for count in placed.values())
        for code, reason, label, destination in self._rows():
            state = STATES[code]
            verdict.states[state] += 1
            is_placed = placed[destination] > 0
            if is_placed and state not in (State.ACCEPTED, State.UNKNOWN):
                verdict.forgotten += 1
            if state is State.ACCEPTED and not is_placed:
                verdict.invented += 1
            owner = str(label).rpartition(":")[2]
            if state is State.UNKNOWN and owner not in crashed:
                verdict.unexplained.append((str(label), str(reason)))
        return verdict

    def log(self) -> str:
        """Return what the workers printed."""
        return (self._folder / "workers.log").read_text(errors="replace")

    async def _until(self, condition: Callable[[], object]) -> None:
        """Wait until something is so that no event tells."""
        async with asyncio.timeout(LONGEST):
            while not await asyncio.to_thread(condition):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    def _rows(self) -> Sequence[tuple[int, str, str, str]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(_STATES.encode()).fetchall()

    def _count(self, question: str, worker: WorkerProcess) -> int:
        with (
            contextlib.suppress(psycopg.OperationalError),
            psycopg.connect(self.url) as connection,
        ):
            found = connection.execute(question.encode(), (f"%:{worker.pid}",))
            return int((found.fetchone() or (0,))[0])
        return 1 if question == _HELD else 0
