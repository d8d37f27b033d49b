"""Prints who dials a ledger, with what holds each of them back."""

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from digitro_async._common.text import iso_time
from digitro_async.cli._output import print_line
from digitro_async.control import PABXState, WorkerStatus, find_socket
from digitro_async.errors import DigitroError
from digitro_async.ledger import LedgerAddress
from digitro_async.ledger._ledger_address import DEFAULT_CAMPAIGN

if TYPE_CHECKING:
    from digitro_async.control import Control

__all__ = ["print_who_dials", "worker_lines"]

SHOWN_SECONDS = 300.0
"""Seconds since its last sign of life for which a process that is gone is shown."""


def print_who_dials(address: LedgerAddress) -> None:
    """Print the processes that dial a ledger, and the PABX that they dial through.

    Nothing is printed of a file that nobody dials.
    """
    if address.path is not None and find_socket(address.path) is None:
        return
    import asyncio  # noqa: PLC0415 - who looks at a file that nobody dials needs none

    for line in asyncio.run(_lines(address)):
        print_line(line)


async def _lines(address: LedgerAddress) -> list[str]:
    from digitro_async.cli._given_orders import control_of  # noqa: PLC0415

    try:
        async with control_of(address) as control:
            return [*await _told_by(control), *await _pauses(control, address)]
    except DigitroError as error:
        if address.path is not None:  # it has ended meanwhile, or did not answer
            return []
        return [f"workers: {error.args[0]}"]


async def _told_by(control: "Control") -> list[str]:
    workers, pabx = await control.workers(), await control.pabx()
    alive = sum(one.is_alive for one in workers)
    return [
        f"dialled by {alive} {'process' if alive == 1 else 'processes'}",
        *worker_lines(workers, time.time()),
        *map(_of_pabx, pabx),
    ]


async def _pauses(control: "Control", address: LedgerAddress) -> list[str]:
    """Return a line where the campaign itself is paused, which no PABX tells of."""
    if address.server is None:
        return []
    name = address.campaign or DEFAULT_CAMPAIGN
    return [
        f"  campaign {name} is paused ({one.paused}): digitro resume --campaign {name}"
        for one in await control.campaigns()
        if one.name == name and one.paused
    ]


def worker_lines(workers: Iterable[WorkerStatus], now: float) -> Iterator[str]:
    """Yield the lines about processes; a database knows of ended ones for a day.

    Args:
        workers: The processes.
        now: The time, in seconds since the epoch.
    """
    hidden = 0
    for one in workers:
        if not one.is_alive and now - one.heard_at > SHOWN_SECONDS:
            hidden += 1
            continue
        told = [f"  {one.name}", f"since {iso_time(one.since)}"]
        if one.calls is not None:
            told.append(f"{one.calls:,} calls begun")
        if one.in_flight is not None:
            told.append(f"{one.in_flight} on the wire")
        if not one.is_alive:
            seconds = f"{max(0.0, now - one.heard_at):.0f} s"
            ended, lost = f"ended {seconds} ago", f"not heard of for {seconds}"
            told.append(ended if one.has_ended else lost)
        yield ", ".join(told)
        for name, limit in one.limits.items():
            yield f"    {name}: {limit}"
    if hidden:
        yield f"  {hidden} more ended, or fell silent, more than 5 minutes ago"


def _of_pabx(one: PABXState) -> str:
    told = [f"  PABX {one.name} at {one.address}"]
    if one.calls is not None:
        ordered = ", ordered" if one.is_ordered else ""
        told.append(f"cap {one.calls:,} in {one.per:g} s{ordered}")
    if one.code:
        ago = "" if one.seconds is None else f" for {one.seconds:.0f} s"
        told.append(f"paused{ago} ({one.code}): {one.words}")
    return ", ".join(told)
