r"""Stops a real PABX process, lets it go on, and counts what it reads in a window.

The simulator here counts every request that it reads, also of connections that were
reset while it stood still. It is a program::

    python tests/faults/standstill.py --cap 3 5 50 --stop 5 13 100 \
        --way default lenient killed

Every case runs in processes of its own, all at once, and prints one line. Exit code 0:
no window held more than its cap and every call was made, 1: one did, or some were not.
"""

import argparse
import asyncio
import itertools
import json
import os
import signal
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import attrs

if __name__ == "__main__":  # pytest finds what several folders share by itself
    sys.path.append(str(Path(__file__).parents[1] / "support"))

from helpers import CALL_ID

from digitro_async import (
    PABX,
    Campaign,
    DigitroClient,
    PauseSettings,
    RateLimit,
    TimeoutSettings,
    open_ledger,
)
from digitro_async.contacts import ContactRow

CALL: Final = {"device": "1125000", "device_password": "4567"}
NEVER: Final = 10**9
LENIENT: Final = PauseSettings(
    unknown_run=NEVER, unknown_budget=NEVER, not_sent_run=NEVER, rejected_run=NEVER
)
LATENCY: Final = 0.02
BEFORE: Final = 4.0
"""Seconds that are dialled before it stops."""
SHORT: Final = 5.0
"""Seconds of a stop in which the dialling process is killed once, not twice."""
END_OF_HEAD: Final = b"\r\n\r\n"


@attrs.frozen(kw_only=True)
class Case:
    """The settings of one trial.

    Attributes:
        cap: Calls in a second.
        stop: Seconds that the PABX stands still.
        way: Default pauses, lenient ones, or these and a kill -9 while it stands.
        total: Most seconds of one attempt.
        first_pause: Seconds of the first pause.
    """

    cap: int
    stop: float
    way: str = "default"
    total: float = 30.0
    first_pause: float = 5.0

    @property
    def calls(self) -> int:
        """Calls to make: for the seconds before, and as many after."""
        return int(self.cap * BEFORE * 3) + 10


class Simulator(asyncio.Protocol):
    """Counts what it reads, and answers a little later."""

    read: Final[list[float]] = []
    ids: Final = itertools.count(1)

    def __init__(self) -> None:
        self._buffer = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note where answers go."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Count each whole request."""
        self._buffer += data
        while END_OF_HEAD in self._buffer:
            head, _, rest = self._buffer.partition(END_OF_HEAD)
            (length,) = (
                int(line.partition(b":")[2])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            )
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            self.read.append(time.monotonic())
            asyncio.get_running_loop().call_later(LATENCY, self._answer)

    def _answer(self) -> None:
        body = json.dumps({CALL_ID: f"{os.getpid()} {next(self.ids)}"}).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
        if not self._transport.is_closing():
            self._transport.write(head.encode() + body)


async def simulate() -> None:
    """Be the PABX until SIGTERM; print the port first and the figures last."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Simulator, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - a program
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    print(json.dumps(Simulator.read), flush=True)  # noqa: T201 - same


async def dial(ledger: Path, port: int, case: Case) -> None:
    """Dial what is left of the ledger."""
    pause = PauseSettings() if case.way == "default" else LENIENT
    pabx = PABX(
        "one",
        f"http://127.0.0.1:{port}",
        1,
        "key",
        rate=RateLimit(case.cap),
        timeouts=TimeoutSettings(total=case.total),
    )
    pause = attrs.evolve(pause, first_pause=case.first_pause)
    async with (
        open_ledger(ledger) as opened,
        DigitroClient(pabx, pause=pause) as client,
    ):
        campaign = Campaign(opened, client, call=CALL)
        await campaign.add(
            ContactRow(line=line, id=f"C{line}", destination=f"0483280{line:04d}")
            for line in range(1, case.calls + 1)
        )
        async with campaign.run() as results:
            async for _ in results:
                pass
        counts = await opened.counts()
    print(json.dumps(counts), flush=True)  # noqa: T201 - a program


def most_in_a_window(read: Iterable[float], window: float = 1.0) -> int:
    """Return the most requests that were read within a window."""
    most, recent = 0, deque[float]()
    for moment in sorted(read):
        recent.append(moment)
        while recent[0] <= moment - window:
            recent.popleft()
        most = max(most, len(recent))
    return most


@asynccontextmanager
async def process(*arguments: object) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run this program with other arguments; it does not outlive the block."""
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        *map(str, arguments),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield started
    finally:
        for number in (signal.SIGCONT, signal.SIGKILL):
            with suppress(ProcessLookupError):
                started.send_signal(number)
        await started.wait()


async def line_of(started: asyncio.subprocess.Process) -> Any:
    """Return the next line that a process prints, as JSON."""
    assert started.stdout is not None
    parts: list[bytes] = []
    while not (parts and parts[-1].endswith(b"\n")):
        part = await started.stdout.read(2**16)
        assert part, "it ended early"
        parts.append(part)
    return json.loads(b"".join(parts))


async def figures_of(case: Case) -> dict[str, Any]:
    """Try one case and return what was seen."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        async with process("simulate") as pabx:
            told = json.dumps(attrs.asdict(case))
            arguments = ("dial", path, await line_of(pabx), told)
            kills = [1.0, case.stop / 2] if case.stop > SHORT else [1.0]
            if case.way != "killed":
                kills = []
            counts = await _dial_through(pabx, case, kills, arguments)
            pabx.send_signal(signal.SIGTERM)
            read = await line_of(pabx)
    return {
        **attrs.asdict(case),
        "most": most_in_a_window(read),
        "read": len(read),
        "calls": case.calls,
        "unknown": counts.get("unknown", 0),
        "accepted": counts.get("accepted", 0),
        "seconds": round(time.monotonic() - began, 1),
    }


async def _dial_through(
    pabx: asyncio.subprocess.Process,
    case: Case,
    kills: list[float],
    arguments: tuple[object, ...],
) -> Any:
    """Dial while the PABX is stopped and goes on; return what the ledger counts."""
    goes_on = asyncio.ensure_future(_stop(pabx, case.stop))
    stopped_at = time.monotonic() + BEFORE
    for kill in kills:
        async with process(*arguments):
            await asyncio.sleep(max(0.0, stopped_at + kill - time.monotonic()))
    async with process(*arguments) as dialling:
        counts = await line_of(dialling)
    await goes_on
    return counts


async def _stop(pabx: asyncio.subprocess.Process, seconds: float) -> None:
    await asyncio.sleep(BEFORE)
    pabx.send_signal(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    pabx.send_signal(signal.SIGCONT)


async def check(cases: Iterable[Case]) -> bool:
    """Try all cases at once; print a line for each."""
    is_well = True
    for trying in asyncio.as_completed([figures_of(case) for case in cases]):
        figures = await trying
        print(json.dumps(figures), flush=True)  # noqa: T201 - a program
        is_well &= figures["most"] <= figures["cap"]
        is_well &= figures["unknown"] + figures["accepted"] == figures["calls"]
    return is_well


def main() -> int:
    """Do what the command line says."""
    if sys.argv[1:2] == ["simulate"]:
        asyncio.run(simulate())
        return 0
    if sys.argv[1:2] == ["dial"]:
        ledger, port, case = sys.argv[2:]
        asyncio.run(dial(Path(ledger), int(port), Case(**json.loads(case))))
        return 0
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cap", type=int, nargs="+", default=[3, 5, 50])
    parser.add_argument("--stop", type=float, nargs="+", default=[5, 13, 100])
    parser.add_argument("--way", nargs="+", default=["default", "lenient", "killed"])
    parser.add_argument("--total", type=float, nargs="+", default=[30.0])
    given = parser.parse_args()
    cases = [
        Case(cap=cap, stop=stop, way=way, total=total)
        for cap, stop, way, total in itertools.product(
            given.cap, given.stop, given.way, given.total
        )
    ]
    return 0 if asyncio.run(check(cases)) else 1


if __name__ == "__main__":
    sys.exit(main())
