"""Does memory stay flat? A short and a long list are streamed, each in a new process.

Run as a module it is that process: its only argument is a ``MemoryJob`` as JSON.
"""

import asyncio
from typing import Any

import attrs

from benchmarks.machine import pin
from benchmarks.own import make_call, make_pabx
from benchmarks.processes import run_module, serving
from benchmarks.report import align
from benchmarks.work import (
    WrongRunError,
    current_mib,
    hand_in,
    peak_mib,
    read_job,
)
from digitro_async import DigitroClient

MOST_GROWTH = 60.0
"""MiB that the long list may take more than the short one."""

SAMPLES = 10
IN_FLIGHT = 100


@attrs.frozen(kw_only=True)
class MemoryJob:
    """A list to stream.

    Attributes:
        port: Port of the server on 127.0.0.1.
        contacts: Length of the list.
        core: Core to run on, None for any.
    """

    port: int
    contacts: int
    core: int | None = None


async def stream(job: MemoryJob) -> list[tuple[int, float]]:
    """Stream the list, keeping no result.

    Returns:
        Memory (RSS, MiB) along the way, each with the calls done by then.

    Raises:
        WrongRunError: If a call was not accepted.
    """
    step = max(1, job.contacts // SAMPLES)
    along = [(0, current_mib())]
    done = 0
    pabx = make_pabx(f"http://127.0.0.1:{job.port}", IN_FLIGHT)
    async with DigitroClient(pabx) as client:
        calls = (make_call(number) for number in range(job.contacts))
        async with client.dispatch(calls) as results:
            async for result in results:
                if not result.call_id:
                    raise WrongRunError(f"call {done + 1}: {result.error!r}")
                done += 1
                if done % step == 0:
                    along.append((done, current_mib()))
    if done != job.contacts:
        raise WrongRunError(f"{done} results of {job.contacts} calls")
    return along


def run_memory(
    sizes: list[int], client_core: int | None, server_core: int | None
) -> dict[str, Any]:
    """Stream a list of each size and return what memory they took.

    Raises:
        WrongRunError: If a call was not accepted.
    """
    runs: list[dict[str, Any]] = []
    with serving(0.0, server_core) as port:
        for size in sizes:
            print(f"memory: streaming {size:,} contacts", flush=True)
            job = MemoryJob(port=port, contacts=size, core=client_core)
            runs.append(run_module("memory", job))
    growth = runs[-1]["peak_mib"] - runs[0]["peak_mib"]
    return {"runs": runs, "growth_mib": growth, "within": growth <= MOST_GROWTH}


def memory_report(record: dict[str, Any]) -> str:
    """Return the memory along the way and the peaks, as text."""
    parts: list[str] = []
    for run in record["runs"]:
        rows = [("done", "RSS MiB")]
        rows += [(f"{done:,}", f"{rss:.1f}") for done, rss in run["along"]]
        head = f"memory: {run['contacts']:,} contacts, peak {run['peak_mib']:.1f} MiB"
        parts += [head, "", align(rows, left=0), ""]
    verdict = "within" if record["within"] else "MORE THAN"
    parts.append(
        f"the longest took {record['growth_mib']:+.1f} MiB more than the shortest: "
        f"{verdict} the {MOST_GROWTH:g} MiB aimed at"
    )
    return "\n".join(parts)


def main() -> None:
    """Read the job, do it, print the figures."""
    job = read_job(MemoryJob)
    pin(job.core)
    along = asyncio.run(stream(job))
    peak = max(peak_mib(), *(rss for _, rss in along))  # Linux counts both loosely
    hand_in({"contacts": job.contacts, "along": along, "peak_mib": peak})


if __name__ == "__main__":
    main()
