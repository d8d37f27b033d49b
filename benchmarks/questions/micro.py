"""The cost of single steps of a call, without any network.

The ledger is a real one on disk, written in batches like those of a campaign with
as many calls in flight. Its wall clock is mostly the disk's; the cost for the event
loop is the CPU of the loop's thread.

Run as a module it measures them; its only argument is a ``MicroJob`` as JSON.
"""

import asyncio
import itertools
import tempfile
import time
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

from benchmarks.contenders.digitro import make_call
from benchmarks.harness.machine import pin
from benchmarks.harness.processes import run_module
from benchmarks.harness.work import (
    Stopwatch,
    WrongRunError,
    destination,
    hand_in,
    read_job,
)
from benchmarks.reporting.tables import align
from digitro_async import RateLimit, load_event_preset, open_ledger
from digitro_async.dispatch._pacing import Pacer
from digitro_async.ledger import ClaimOwner, Ledger, NewContact, State, Step
from digitro_async.privacy import Personal
from digitro_async.protocol import (
    COMMANDS,
    EventParser,
    EventReading,
    Evidence,
    Failure,
    Observation,
    classify,
    decode_answer,
    encode_call,
)
from digitro_async.transport._evidence import EvidencePayload

ANSWER = b'{"ID_CHAMADA": "08/07/24 10:46:19 010A 0974/00"}'
ROW = COMMANDS["predictive_call"]
MAKE = "make a PredictiveCall of 13 fields"
ENCODE = "encode a call"
CLASSIFY = "classify an accepted call (decodes too)"
EVIDENCE = "evidence of a call: made, raised, classified"
PACE = "Pacer, 200/s: earliest + start + finish"
LEDGER = "ledger, claim + intent + outcome"
PARSE = "parse 100 server-sent events"
READ = "read one event about a call"
PARTS = (MAKE, ENCODE, CLASSIFY, EVIDENCE, PACE, f"{LEDGER}, CPU")
"""Validation, evidence, pacing and ledger: the promises by themselves."""

EVENTS = b"".join(
    b"event: EVENTO_DE_CHAMADA\n"
    b'data: {"ID_CHAMADA": "08/07/24 10:46:19 010A 0974/00", "ESTADO": "%d"}\n\n' % one
    for one in range(100)
)
EVENT = EventParser(1 << 20).feed(EVENTS)[0]
READING = EventReading(
    load_event_preset(
        "pabx",
        open="/eventos",
        call_phases={"EVENTO_DE_CHAMADA": "ended"},
        disposition_fields="ESTADO",
        dispositions={"0": "answered"},
    ),
    "bench",
)

OWNER = ClaimOwner("micro")
LEASE = 3_600.0
"""Seconds; no run takes as long."""

BATCH = 100
"""Calls in flight: as many intents, and then outcomes, are written together."""
LEDGER_RUNS = 3
"""Of which the fastest counts."""


@attrs.frozen(kw_only=True)
class MicroJob:
    """The extent of the measurement.

    Attributes:
        loops: Times a step is done in one go, and contacts of the ledger.
        best_of: Goes, of which the fastest counts: the least disturbed one.
        core: Core to run on, None for any.
    """

    loops: int
    best_of: int
    core: int | None = None


def paced_start(limit: RateLimit) -> Callable[[], object]:
    """Return a step that asks for a turn, takes it and gives it back.

    Time is counted, not read: every call starts as early as it may.
    """
    pacer = Pacer(limit)
    now = 0.0

    def step() -> None:
        nonlocal now
        now = max(now, pacer.earliest(now))
        pacer.start(now)
        pacer.finish(now)

    return step


class _Sink:
    """Stands for aiohttp's writer, and drops the bytes."""

    async def write(self, _: object) -> None:
        """Take them."""


def evidence_step(body: bytes) -> Callable[[], object]:
    """Return a step that writes a payload with evidence and classifies a loss."""
    sink: Any = _Sink()

    def step() -> object:
        evidence = Evidence()
        writing = EvidencePayload(body, evidence).write_with_length(sink, None)
        for _ in writing.__await__():  # it waits for nothing
            pass
        lost = Observation(evidence.request_started, failure=Failure.LOST)
        return classify(lost, ROW)

    return step


def accept(
    ledger: Ledger, number: int, at: float, call_id: str
) -> asyncio.Future[State]:
    """Record an acceptance; the future has the state that it led to."""
    settled: asyncio.Future[State] = asyncio.get_running_loop().create_future()

    def on_done(error: BaseException | None, state: State | None) -> None:
        if error is not None:
            settled.set_exception(error)
        elif state is not None:
            settled.set_result(state)

    ledger.settle(
        number, OWNER, Step.ACCEPT, "bench", at, call_id=call_id, on_done=on_done
    )
    return settled


async def write_calls(ledger: Ledger, calls: int) -> None:
    """Claim contacts a page at a time; write the intent and the outcome of each.

    Raises:
        WrongRunError: If a call is not recorded as accepted.
    """
    serial = itertools.count()
    done = 0
    while page := await ledger.claim(5 * BATCH, OWNER, LEASE):
        numbers = iter([contact.number for contact in page])
        while some := list(itertools.islice(numbers, BATCH)):
            now = time.time()
            await asyncio.gather(
                *(ledger.intend(one, OWNER, "bench", now) for one in some)
            )
            states = await asyncio.gather(
                *(accept(ledger, one, now, f"id {next(serial)}") for one in some)
            )
            done += states.count(State.ACCEPTED)
    if done != calls:
        raise WrongRunError(f"{done} of {calls} accepted by the ledger")


async def time_ledger(calls: int) -> dict[str, float]:
    """Return the us of a contact from claim to outcome, by who spends them."""
    contacts = [
        NewContact(
            identity=Personal(f"C{number}"),
            destination=Personal(destination(number)),
            line=number + 2,
        )
        for number in range(calls)
    ]
    with tempfile.TemporaryDirectory() as folder:
        async with open_ledger(Path(folder, "bench.db")) as ledger:
            await ledger.add(contacts)
            own = -time.thread_time()
            with Stopwatch() as watch:
                await write_calls(ledger, calls)
            own += time.thread_time()
    spent = {"wall": watch.wall, "CPU": watch.cpu, "CPU of the loop's thread": own}
    return {f"{LEDGER}, {name}": 1e6 * spent[name] / calls for name in spent}


def steps() -> dict[str, Callable[[], object]]:
    """Return every step under its name."""
    call = make_call(1)
    answered = Observation(request_started=True, status=200, body=ANSWER)
    numbers = itertools.count()
    return {
        MAKE: lambda: make_call(next(numbers)),
        PARSE: lambda: EventParser(1 << 20).feed(EVENTS),
        READ: lambda: READING.read(EVENT, 0.0),
        ENCODE: lambda: encode_call(call),
        "decode an answer": lambda: decode_answer(ANSWER),
        CLASSIFY: lambda: classify(answered, ROW),
        EVIDENCE: evidence_step(encode_call(call)),
        PACE: paced_start(RateLimit(200)),
    }


def run_micro(job: MicroJob) -> dict[str, Any]:
    """Return the microseconds of every step, measured in a new process."""
    print("micro: single steps", flush=True)
    return run_module("questions.micro", job)


def micro_report(record: dict[str, Any]) -> str:
    """Return the steps as a table."""
    rows = [("step", "us")]
    rows += [(name, f"{us:.2f}") for name, us in record["us"].items()]
    return f"micro: best of {record['best_of']}\n\n{align(rows)}"


def main() -> None:
    """Read the job, do it, print the figures."""
    job = read_job(MicroJob)
    pin(job.core)
    best = {
        name: min(timeit.repeat(step, number=job.loops, repeat=job.best_of))
        for name, step in steps().items()
    }
    figures = {name: 1e6 * seconds / job.loops for name, seconds in best.items()}
    ledgers = [asyncio.run(time_ledger(job.loops)) for _ in range(LEDGER_RUNS)]
    for name in ledgers[0]:
        figures[name] = min(one[name] for one in ledgers)
    hand_in({"us": figures, "loops": job.loops, "best_of": job.best_of})


if __name__ == "__main__":
    main()
