"""Does memory stay flat? A short and a long list, each in a new process, in two forms.

``dispatch`` streams calls that are made as they are read. ``campaign`` does the whole
of a user's day: it reads a CSV file, puts it into a ledger on disk and dials from
there. Run as a module it is one such process: its only argument is a ``MemoryJob``.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterable, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import attrs

from benchmarks.contenders.digitro import make_call, make_pabx
from benchmarks.harness.machine import pin
from benchmarks.harness.processes import LONGEST_RUN, run_module, serving
from benchmarks.harness.work import (
    Stopwatch,
    WrongRunError,
    current_mib,
    destination,
    hand_in,
    peak_mib,
    read_job,
)
from benchmarks.reporting.tables import align
from digitro_async import Campaign, DigitroClient, PredictiveCall, open_ledger
from digitro_async.contacts import ContactRow, RejectedRow, open_contacts
from digitro_async.models import CallResult

MOST_GROWTH = 16.0
"""MiB that the long list may take more than the short one."""

SQLITE_CACHE = 32.0
"""MiB of the ledger that SQLite keeps in memory; a short list never fills that."""

LIMITS = {"dispatch": MOST_GROWTH, "campaign": MOST_GROWTH + SQLITE_CACHE}
"""The forms, and the most that each may grow by."""

LONGEST_LIST = 4 * LONGEST_RUN
"""Most seconds that a list may take."""

SAMPLES = 10
IN_FLIGHT = 100


@attrs.frozen(kw_only=True)
class MemoryJob:
    """A list to dial.

    Attributes:
        form: How: one of ``LIMITS``.
        port: Port of the server on 127.0.0.1.
        contacts: Length of the list.
        core: Core to run on, None for any.
    """

    form: str
    port: int
    contacts: int
    core: int | None = None


class Gauge:
    """Looks at the memory (RSS, MiB) of this process along the way.

    Args:
        contacts: Length of the list.

    Attributes:
        along: Step, contacts done in it and the memory then.
        seconds: Duration of each step.
    """

    def __init__(self, contacts: int) -> None:
        self._contacts = contacts
        self._every = max(1, contacts // SAMPLES)
        self._done = 0
        self.along: list[tuple[str, int, float]] = []
        self.seconds: dict[str, float] = {}

    async def watch(self, step: str, act: Callable[[], Awaitable[None]]) -> None:
        """Do a step that counts every contact.

        Raises:
            WrongRunError: If it counted more or fewer.
        """
        self._done, self._step = 0, step
        self._look()
        with Stopwatch() as watch:
            await act()
        self.seconds[step] = watch.wall
        if self._done != self._contacts:
            raise WrongRunError(f"{step}: {self._done} of {self._contacts}")

    def count(self) -> None:
        """Count a contact that is done."""
        self._done += 1
        if self._done % self._every == 0:
            self._look()

    def _look(self) -> None:
        self.along.append((self._step, self._done, current_mib()))


async def _count_results(results: AsyncIterable[CallResult], gauge: Gauge) -> None:
    async for result in results:
        if not result.call_id:
            raise WrongRunError(f"not accepted: {result.error!r}")
        gauge.count()


async def stream(job: MemoryJob, gauge: Gauge) -> None:
    """Stream calls that are made as they are read, keeping no result."""
    pabx = make_pabx(f"http://127.0.0.1:{job.port}", IN_FLIGHT)

    async def dial() -> None:
        calls = (make_call(number) for number in range(job.contacts))
        async with client.dispatch(calls) as results:
            await _count_results(results, gauge)

    async with DigitroClient(pabx) as client:
        await gauge.watch("dial", dial)


async def import_and_dial(job: MemoryJob, gauge: Gauge) -> None:
    """Read a CSV file, import it and dial it, keeping no result."""
    pabx = make_pabx(f"http://127.0.0.1:{job.port}", IN_FLIGHT)
    defaults = call_defaults()

    def contacts() -> Iterator[ContactRow | RejectedRow]:
        with open_contacts(csv, defaults=defaults) as rows:
            for row in rows:
                gauge.count()
                yield row

    async def read() -> None:
        for row in contacts():
            if not isinstance(row, ContactRow):
                raise WrongRunError(f"line {row.line}: {row.reason}")

    async def add() -> None:
        if (await campaign.add(contacts())).new != job.contacts:
            raise WrongRunError("not every contact is new")

    async def dial() -> None:
        async with campaign.run() as results:
            await _count_results(results, gauge)

    with tempfile.TemporaryDirectory() as folder:
        csv = Path(folder, "contacts.csv")
        write_csv(csv, job.contacts)
        await gauge.watch("read", read)
        ledger_path = Path(folder, "ledger.db")
        async with open_ledger(ledger_path) as ledger, DigitroClient(pabx) as client:
            campaign = Campaign(ledger, client, call=defaults)
            await gauge.watch("import", add)
            await gauge.watch("dial", dial)


def call_defaults() -> dict[str, Any]:
    """Return what all calls have in common: every field but the destination."""
    call = make_call(0)
    names = [field.name for field in attrs.fields(PredictiveCall)]
    return {name: getattr(call, name) for name in names if name != "destination"}


def write_csv(path: Path, contacts: int) -> None:
    """Write a contact file, a row at a time."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("id;destination\r\n")
        for number in range(contacts):
            file.write(f"C{number};{destination(number)}\r\n")


def run_memory(
    sizes: list[int],
    client_core: int | None,
    server_core: int | None,
    forms: tuple[str, ...] = tuple(LIMITS),
) -> dict[str, Any]:
    """Dial a list of each size in each form and return what memory that took.

    Raises:
        WrongRunError: If a contact was rejected, lost or not accepted.
    """
    runs: list[dict[str, Any]] = []
    with serving(0.0, server_core) as port:
        for form in forms:
            for size in sizes:
                print(f"memory: {form}, {size:,} contacts", flush=True)
                job = MemoryJob(form=form, port=port, contacts=size, core=client_core)
                figures = run_module("questions.memory", job, seconds=LONGEST_LIST)
                runs.append(figures)
    growth = {
        form: peaks[-1] - peaks[0]
        for form in forms
        if (peaks := [run["peak_mib"] for run in runs if run["form"] == form])
    }
    within = all(growth[form] <= LIMITS[form] for form in forms)
    return {"runs": runs, "growth_mib": growth, "within": within}


def memory_report(record: dict[str, Any]) -> str:
    """Return the memory along the way and the peaks, as text."""
    parts: list[str] = []
    for run in record["runs"]:
        rows = [("step", "done", "RSS MiB")]
        rows += [(step, f"{done:,}", f"{rss:.1f}") for step, done, rss in run["along"]]
        took = ", ".join(
            f"{step} {took:.1f} s" for step, took in run["seconds"].items()
        )
        head = f"memory: {run['form']}, {run['contacts']:,} contacts: {took}"
        parts += [f"{head}; peak {run['peak_mib']:.1f} MiB", "", align(rows), ""]
    for form, growth in record["growth_mib"].items():
        verdict = "within" if growth <= LIMITS[form] else "MORE THAN"
        parts.append(
            f"{form}: the longest took {growth:+.1f} MiB more than the shortest: "
            f"{verdict} the {LIMITS[form]:g} MiB allowed"
        )
    return "\n".join(parts)


def main() -> None:
    """Read the job, do it, print the figures."""
    job = read_job(MemoryJob)
    pin(job.core)
    gauge = Gauge(job.contacts)
    act = stream if job.form == "dispatch" else import_and_dial
    asyncio.run(act(job, gauge))
    # Linux counts both loosely.
    peak = max(peak_mib(), *(rss for _, _, rss in gauge.along))
    figures = {"form": job.form, "contacts": job.contacts, "seconds": gauge.seconds}
    hand_in({**figures, "along": gauge.along, "peak_mib": peak})


if __name__ == "__main__":
    main()
