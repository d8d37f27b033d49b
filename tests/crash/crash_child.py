"""Dials what a ledger holds: the process that the crash checker kills.

With ``--bug`` one mistake is put into this process and nowhere else: the checker must
see each of them. ``synchronous=NORMAL`` is none of these: what was written and not
synced outlives a killed process, only not a power cut. ``test_fsync_order.py`` sees it.
"""

import argparse
import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, Final

import attrs

if __name__ == "__main__":  # pytest finds what several folders share by itself
    sys.path.append(str(Path(__file__).parents[1] / "support"))

from planting import (
    CLAIMS_RECOVERED,
    INTENT_RECORDED,
    INTENTS_WRITTEN,
    OBSERVATIONS_CLASSIFIED,
    OUTCOME_RECORDED,
    SLOTS_KEPT,
)

from digitro_async import (
    PABX,
    DigitroClient,
    Outcome,
    PauseSettings,
    RateLimit,
    RetrySettings,
    SessionManager,
    TimeoutSettings,
)
from digitro_async.campaign import Campaign
from digitro_async.contacts import ContactRow, open_contacts
from digitro_async.ledger import SQLiteLedger
from digitro_async.protocol import AttemptResult, Failure, Observation

CALL: Final = {"device": "1125000", "device_password": "4567"}
API_KEY: Final = "demo-key"
DIALLING: Final = "dialling"
"""Printed when the run begins."""
NEVER: Final = PauseSettings(
    unknown_run=10**9, unknown_budget=10**9, not_sent_run=10**9, rejected_run=10**9
)
RETRY: Final = RetrySettings(base_delay=0.02, max_delay=0.1, quota=10**6)
TIMEOUTS: Final = TimeoutSettings(total=2.0)

Say = Callable[[str], object]


@attrs.frozen(kw_only=True)
class Job:
    """The work of a child.

    Attributes:
        ledger: The ledger's file.
        base_url: Where the simulator is.
        in_flight: Most calls on the wire at once.
        rate: The cap.
        bug: A mistake to put in.
        synchronous: Of the ledger.
        marks: Whether what the ledger writes is marked for a trace of system calls.
        public: Whether calls are sent by aiohttp's sessions.
    """

    ledger: Path
    base_url: str = "http://127.0.0.1:9"
    in_flight: int = 24
    rate: RateLimit | None = None
    bug: str | None = None
    synchronous: str = "FULL"
    marks: bool = False
    public: bool = False

    def client(self) -> DigitroClient:
        """Return a client that goes on whatever the simulator does."""
        pabx = PABX(
            "simulator",
            self.base_url,
            1,
            API_KEY,
            rate=self.rate,
            max_in_flight=self.in_flight,
            timeouts=TIMEOUTS,
        )
        sessions = SessionManager(public=self.public)
        return DigitroClient(pabx, retry=RETRY, pause=NEVER, transport=sessions)


async def put_in(job: Job, contacts: Path, say: Say) -> None:
    """Put the contacts of a file into the ledger."""
    async with SQLiteLedger(job.ledger) as ledger, job.client() as client:
        say(DIALLING)
        with open_contacts(contacts, defaults=CALL) as rows:
            good = (row for row in rows if isinstance(row, ContactRow))
            await Campaign(ledger, client, call=CALL).add(good)


async def dial(job: Job, say: Say) -> None:
    """Dial what is left; SIGTERM drains."""
    if job.bug is not None:
        BUGS[job.bug]()
    if job.marks:
        mark_intents()
    ledger = SQLiteLedger(job.ledger, synchronous=job.synchronous)
    async with ledger, job.client() as client:
        run = Campaign(ledger, client, call=CALL).run()
        async with run:
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGTERM, run.drain)
            say(DIALLING)
            async for _ in run:
                pass


def mark_intents() -> None:
    """Write a line to the null device for each intent whose SQL has run.

    It is written in the thread and the transaction of the intent, before its commit.
    """
    null = os.open(os.devnull, os.O_WRONLY)

    def marking(write: Any) -> Any:
        def marked(connection: sqlite3.Connection, jobs: list[Any]) -> None:
            write(connection, jobs)
            for job in jobs:
                os.write(null, b"intent %d\n" % job.row[0])

        return marked

    INTENTS_WRITTEN.replace(marking)


def _intent_after_send() -> None:
    """Write the intent only when the answer is there."""
    intend = INTENT_RECORDED.original()
    tasks: set[Any] = set()

    async def nothing(_: Any, __: Hashable, ___: str) -> None:
        pass

    def late(settle: Any) -> Any:
        def both(self: Any, key: Hashable, pabx: str, *settled: Any) -> None:
            async def both_in_turn() -> None:
                await intend(self, key, pabx)
                settle(self, key, pabx, *settled)

            tasks.add(asyncio.ensure_future(both_in_turn()))

        return both

    INTENT_RECORDED.replace(lambda _: nothing)
    OUTCOME_RECORDED.replace(late)


def _intent_not_awaited() -> None:
    """Hand the intent over to be written, and send without waiting."""
    tasks = []

    def hasty(intend: Any) -> Any:
        async def later(self: Any, key: Hashable, pabx: str) -> None:
            tasks.append(asyncio.ensure_future(intend(self, key, pabx)))
            await asyncio.sleep(0)

        return later

    INTENT_RECORDED.replace(hasty)


def recovery_requeues() -> None:
    """Take an intent that nobody owns for one that may be called."""
    requeue_where("state = 3")


def requeue_where(condition: str, *parameters: Callable[[], object]) -> None:
    """Let contacts be called again, where a process that is gone owned them.

    Args:
        condition: Which, in the words of SQL.
        parameters: Give the values in it.
    """

    def spoilt(recover: Any) -> Any:
        def requeue(connection: sqlite3.Connection, *given: Any) -> Any:
            connection.execute(
                f"UPDATE contact SET state = 1 WHERE {condition}",
                [value() for value in parameters],
            )
            return recover(connection, *given)

        return requeue

    CLAIMS_RECOVERED.replace(spoilt)


def _retry_on_any_exception() -> None:
    """Take a call without an answer for one that was not sent."""

    def forget(seen: Observation, settled: AttemptResult) -> AttemptResult:
        return _as_not_sent(settled) if seen.failure is not None else settled

    _change_results(forget)


def _retry_on_5xx() -> None:
    """Take a call that ended in a server's fault for one that was not placed."""

    def forget(seen: Observation, settled: AttemptResult) -> AttemptResult:
        return _as_not_sent(settled) if (seen.status or 0) >= 500 else settled

    _change_results(forget)


def _outcome_forgotten() -> None:
    """Don't write that a call was accepted."""

    def forgetful(settle: Any) -> Any:
        def forget(
            self: Any, key: Hashable, pabx: str, settled: AttemptResult, then: Any
        ) -> None:
            if settled.accepted is not None:
                then(settled)
            else:
                settle(self, key, pabx, settled, then)

        return forget

    OUTCOME_RECORDED.replace(forgetful)


def _status_of_exception_trusted() -> None:
    """Believe the 400 that aiohttp gives to an answer that it can't read."""

    def trusting(classify: Any) -> Any:
        def trust(seen: Observation, *given: Any, **more: Any) -> AttemptResult:
            if seen.failure is Failure.MALFORMED:
                seen = Observation(request_started=True, status=400)
            result: AttemptResult = classify(seen, *given, **more)
            return result

        return trust

    OBSERVATIONS_CLASSIFIED.replace(trusting)


def slots_forgotten() -> None:
    """Begin as if no earlier run had made a call."""

    async def nothing(*_: Any) -> None:
        pass

    SLOTS_KEPT.replace(lambda _: nothing)


def _change_results(
    change: Callable[[Observation, AttemptResult], AttemptResult],
) -> None:

    def changing(classify: Any) -> Any:
        def changed(seen: Observation, *given: Any, **more: Any) -> AttemptResult:
            return change(seen, classify(seen, *given, **more))

        return changed

    OBSERVATIONS_CLASSIFIED.replace(changing)


def _as_not_sent(settled: AttemptResult) -> AttemptResult:
    if settled.classification.outcome is not Outcome.UNKNOWN:
        return settled
    classification = attrs.evolve(settled.classification, outcome=Outcome.NOT_SENT)
    return attrs.evolve(settled, classification=classification)


BUGS: Final[dict[str, Callable[[], None]]] = {
    "intent-after-send": _intent_after_send,
    "intent-not-awaited": _intent_not_awaited,
    "recovery-requeues": recovery_requeues,
    "retry-on-any-exception": _retry_on_any_exception,
    "retry-on-5xx": _retry_on_5xx,
    "outcome-forgotten": _outcome_forgotten,
    "status-of-exception-trusted": _status_of_exception_trusted,
    "slots-forgotten": slots_forgotten,
}
"""The mistakes that the checker must find."""


def say(line: str) -> None:
    """Write a line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Dial, told by the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ledger", type=Path)
    parser.add_argument("base_url")
    parser.add_argument("--in-flight", type=int, default=24)
    parser.add_argument("--bug", choices=BUGS)
    parser.add_argument("--synchronous", default="FULL")
    parser.add_argument("--marks", action="store_true")
    parser.add_argument("--contacts", type=Path)
    given = vars(parser.parse_args())
    contacts = given.pop("contacts")
    job = Job(**given)
    if contacts is not None:
        asyncio.run(put_in(job, contacts, str))
    asyncio.run(dial(job, say))


if __name__ == "__main__":
    main()
