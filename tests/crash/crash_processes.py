"""The processes of the crash checker: a simulator, and children that are forked."""

import asyncio
import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final

from crash_child import Say

from digitro_async.testing import (
    FakePABX,
    Fault,
    FaultKind,
    FaultPlan,
)

DEFINITE: Final = {FaultKind.STATUS, FaultKind.THROTTLE_429, FaultKind.SLOW_ANSWER}
"""Faults after which it is known what became of the call."""

FAULTS: Final = FaultPlan(
    [
        Fault(FaultKind.LOSE_ANSWER, probability=0.03),
        Fault(FaultKind.ERROR_500_AFTER_PLACING, probability=0.02),
        Fault(FaultKind.RESET_AFTER_READING, probability=0.02),
        Fault(FaultKind.NOT_HTTP, placed=True, probability=0.01),
        Fault(FaultKind.GARBAGE_200, probability=0.01),
        Fault(FaultKind.HALF_ANSWER, probability=0.01),
        Fault(FaultKind.ERROR_503, probability=0.005),
        Fault(FaultKind.HTML_200, probability=0.005),
        Fault(FaultKind.NULL_CALL_ID, probability=0.005),
        Fault(FaultKind.REPEATED_CALL_ID, probability=0.005),
        Fault(FaultKind.ANSWER_TWICE, probability=0.005),
        Fault(FaultKind.STALL, probability=0.002),
        Fault(FaultKind.RESET_BEFORE_READING, probability=0.005),
        Fault(FaultKind.RESET_ON_CONNECT, probability=0.01),
        Fault(FaultKind.STATUS, status=400, probability=0.01),
        Fault(FaultKind.THROTTLE_429, retry_after=0, probability=0.01),
        Fault(FaultKind.SLOW_ANSWER, probability=0.01),
    ],
    seed=1,
)
"""About 15 in 100 calls go wrong."""

LATENCY: Final = (0.02, 0.14)
"""Least and most seconds of an answer: about 24 in flight at 300 a second."""


async def simulate(
    record: Path, faults: FaultPlan | None, seed: int, say: Say, *, first_id: int = 0
) -> None:
    """Run the simulator until SIGTERM, or until whoever started it is gone.

    Args:
        record: File of its record.
        faults: What goes wrong.
        seed: Of everything random.
        say: Says its address and, at its end, how many faults were ambiguous.
        first_id: What its call ids count from: two simulators must have different ones.
    """
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    parent = os.getppid()
    pabx = FakePABX(
        record_path=record,
        keep_record=False,
        latency=lambda chance: chance.uniform(*LATENCY),
        faults=faults,
        seed=seed,
    )
    pabx._handler._ids._count = first_id
    async with pabx:
        say(pabx.base_url)
        while not stop.is_set() and os.getppid() == parent:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await stop.wait()
        by_fault = pabx.summary().by_fault
        ambiguous = sum(n for kind, n in by_fault.items() if kind not in DEFINITE)
        say(str(ambiguous))


class Child:
    """A forked process that runs one coroutine and says lines.

    Args:
        main: Returns the coroutine; given a function that says a line.
    """

    def __init__(self, main: Any) -> None:
        reading, writing = os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if not self.pid:
            os.close(reading)
            _run(main(lambda line: os.write(writing, f"{line}\n".encode())))
        os.close(writing)
        self._lines = os.fdopen(reading, encoding="utf-8")

    def hear(self) -> str:
        """Return the next line; empty where it ended before."""
        return self._lines.readline().rstrip("\n")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Wait for its end and return its exit code, below zero for a signal."""
        status = os.waitpid(self.pid, 0)[1]
        self._lines.close()
        return os.waitstatus_to_exitcode(status)


def _run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run it and end the process, whatever happens."""
    code = 1
    try:
        asyncio.run(coroutine)
        code = 0
    except BaseException:  # noqa: BLE001 - the process ends here
        traceback.print_exc()
    finally:
        os._exit(code)
