"""``digitro simulate``: a PABX that rings nobody."""

import asyncio
import contextlib
import errno
import os
import sys
import threading
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from digitro_async._common.text import words_of_os_error
from digitro_async.cli._arguments import WHOLE, Switch
from digitro_async.cli._command_loop import on_interrupt, run_tuned
from digitro_async.cli._exit import Exit
from digitro_async.cli._output import print_error, print_line
from digitro_async.cli._simulate_events import (
    NO_EVENTS,
    SimulateEvents,
    say_events,
)
from digitro_async.errors import ConfigurationError
from digitro_async.settings import RateLimit
from digitro_async.testing import FakePABX, FaultPlan, SimulatedEvents

__all__ = ["simulate"]

_Port = Annotated[int, WHOLE, Parameter(validator=Number(gte=0, lte=65535))]
_Channel = Annotated[int, WHOLE, Parameter(validator=Number(gte=0))]
_Seconds = Annotated[float, Parameter(validator=Number(gte=0))]
_Calls = Annotated[int | None, WHOLE, Parameter(validator=Number(gte=1))]


def simulate(
    *,
    host: str = "127.0.0.1",
    port: _Port = 8089,
    channel_id: _Channel = 1,
    api_key: str = "demo-key",
    latency: _Seconds = 0.0,
    rate: _Calls = None,
    per: Annotated[float, Parameter(validator=Number(gt=0))] = 1.0,
    throttle: Switch = False,
    faults: Path | None = None,
    record: Path | None = None,
    seed: Annotated[int, WHOLE] = 0,
    event_options: SimulateEvents = NO_EVENTS,
    while_stdin: Annotated[bool, Parameter(negative="", show=False)] = False,
) -> Exit:
    """Run a simulated PABX until Ctrl-C.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        channel_id: Id of the event channel that is open; with ``--events`` the id of
            the first one that is opened.
        api_key: The valid API key. It is no secret: no phone rings.
        latency: Seconds that every answer takes.
        rate: Cap on calls that is checked, in calls per ``--per`` seconds.
        per: Seconds of the cap's window.
        throttle: Answer 429 above the cap, instead of only counting.
        faults: TOML file with faults to produce.
        record: File that gets one line of JSON for every call received.
        seed: Seed of everything random.
        event_options: The event channel, and what becomes of calls.
        while_stdin: End with stdin, and so with the process that holds it.
    """
    pabx = FakePABX(
        host=host,
        port=port,
        channel_id=channel_id,
        api_key=api_key,
        latency=latency,
        rate=None if rate is None else RateLimit(rate, per),
        throttle=throttle,
        faults=None if faults is None else FaultPlan.load(faults),
        record_path=record,
        keep_record=False,
        seed=seed,
        **event_options.settings(seed),
    )
    events = None if event_options.events is None else pabx.event_side
    return run_tuned(_serve(pabx, events, while_stdin=while_stdin))


async def _serve(
    pabx: FakePABX, events: SimulatedEvents | None, *, while_stdin: bool
) -> Exit:
    stop = asyncio.Event()
    with on_interrupt(stop.set):
        await _start(pabx)
        if while_stdin:
            _stop_with_stdin(stop)
        print_line(f"listening on {pabx.base_url} (Ctrl-C ends it)")
        try:
            await stop.wait()
        finally:
            await pabx.aclose()
    summary = pabx.summary()
    print_line(
        f"received {summary.received}, accepted {summary.accepted}, "
        f"would have rung {summary.placed}, connections {summary.connections}"
    )
    window = f"{pabx.rate.per:g} s" if pabx.rate else "1 s"
    print_line(
        f"most in any {window}: {summary.worst_window}, over cap: {summary.over_cap}"
    )
    if events is not None:
        say_events(events)
    for fault, count in summary.by_fault.items():
        print_line(f"fault {fault}: {count}")
    if pabx.record_problem:
        print_error(
            f"digitro: the record can't be written: {pabx.record_problem}; it lacks "
            "the last calls"
        )
        return Exit.PAUSED
    return Exit.DONE


async def _start(pabx: FakePABX) -> None:
    try:
        await pabx.start()
    except OSError as error:
        what = "write the record" if error.filename else f"listen on {pabx.base_url}"
        problem = f"can't {what}: {words_of_os_error(error)}"
        if error.errno == errno.EADDRINUSE:
            problem += "; --port 0 takes a free port"
    except ConfigurationError:
        raise
    except ValueError:
        problem = "can't listen: --host is no address"
    else:
        return
    raise ConfigurationError(f"the simulator {problem}")


def _stop_with_stdin(stop: asyncio.Event) -> None:
    """Set the event when stdin ends, also because its writer was killed."""
    loop = asyncio.get_running_loop()
    descriptor = sys.stdin.fileno()

    def wait() -> None:
        while os.read(descriptor, 1024):
            pass
        with contextlib.suppress(RuntimeError):  # it has ended already
            loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait, daemon=True).start()
