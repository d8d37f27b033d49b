"""What the simulator received, and what can be read from that."""

import asyncio
import json
import os
from array import array
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import attrs

from digitro_async._common.private_files import BeforehandError, open_own
from digitro_async.errors import ConfigurationError
from digitro_async.privacy import MASK
from digitro_async.protocol._names import WIRE_NAMES
from digitro_async.settings import RateLimit
from digitro_async.testing.simulator._fault_kinds import FaultKind

__all__ = ["OverCap", "ReceivedCall", "Record", "Summary"]

_PASSWORDS = (WIRE_NAMES["device_password"], WIRE_NAMES["account_password"])
_WHOLE = {
    None,
    FaultKind.SLOW_ANSWER,
    FaultKind.ANSWER_TWICE,
    FaultKind.DUPLICATE_ANSWER,
    FaultKind.STRAY_ANSWER,
}


@attrs.frozen(kw_only=True)
class ReceivedCall:
    """One POST that was received whole.

    Attributes:
        ordinal: Its number among all requests that began to arrive, from 1.
        at: When it was received, in seconds of ``time.monotonic()``: on Linux the
            same clock in every process.
        wall: The same moment in seconds of ``time.time()``.
        connection: Number of the TCP connection it came on, from 1.
        channel: Channel of its path, None where the path has none.
        destination: Number to dial, None where the body could not be read.
        fields: The body under its wire names, empty where it could not be read.
        status: HTTP status it was to be answered with, None for none.
        call_id: The call id that was made for it, if any.
        fault: The fault that befell it, if any.
        placed: Whether the phone would have rung.
    """

    ordinal: int
    at: float
    wall: float
    connection: int
    channel: int | None
    destination: str | None = attrs.field(repr=False)
    fields: Mapping[str, str | None] = attrs.field(repr=False)
    status: int | None
    call_id: str | None
    fault: FaultKind | None
    placed: bool

    def as_line(self) -> bytes:
        """Write it as a line of JSON; passwords are masked."""
        values = attrs.asdict(self, recurse=False)
        values["fields"] = {
            name: MASK if name in _PASSWORDS and value else value
            for name, value in self.fields.items()
        }
        return json.dumps(values).encode() + b"\n"


@attrs.frozen
class OverCap:
    """A POST that came while the cap was used up.

    Attributes:
        at: When it was received, in seconds of ``time.monotonic()``.
        calls: POSTs in the window that ends with it, itself included.
    """

    at: float
    calls: int


@attrs.frozen(kw_only=True)
class Summary:
    """Counts of one simulator.

    Attributes:
        received: POSTs received whole.
        accepted: Of them, answered with a whole and true 200.
        placed: Of them, those whose phone would have rung.
        by_status: POSTs by status, None for those that got none.
        by_fault: Connections and POSTs by the fault that befell them.
        connections: TCP connections accepted.
        worst_window: Most POSTs in any window of the cap's length, or of a second.
        over_cap: POSTs that came while the cap was used up.
    """

    received: int
    accepted: int
    placed: int
    by_status: Mapping[int | None, int]
    by_fault: Mapping[FaultKind, int]
    connections: int
    worst_window: int
    over_cap: int


class Record:
    """Append-only: counts every POST, and keeps or writes each if asked to."""

    def __init__(self, *, keep: bool, path: Path | None) -> None:
        self.calls: list[ReceivedCall] = []
        self.times = array("d")
        self.accepted = 0
        self.placed = 0
        self.by_status: Counter[int | None] = Counter()
        self.by_fault: Counter[FaultKind] = Counter()
        self.keep = keep
        self._path = path
        self._file: int | None = None
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    def open(self) -> None:
        """Open the file, readable by its owner only.

        Raises:
            ConfigurationError: If what is there is no file of ours.
            OSError: If it can't be opened.
        """
        if self._path is None or self._file is not None:
            return
        flags = os.O_WRONLY | os.O_APPEND
        flags |= getattr(os, "O_BINARY", 0)  # Windows would change line ends
        try:
            self._file = open_own(self._path, flags)
        except BeforehandError as error:
            problem = str(error)
        else:
            return
        raise ConfigurationError(f"the record can't be written: {problem}")

    def close(self) -> None:
        """Close the file; every line is in it already."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def add(self, call: ReceivedCall) -> None:
        """Record a POST."""
        self.times.append(call.at)
        self.by_status[call.status] += 1
        self.placed += call.placed
        if call.fault is not None:
            self.by_fault[call.fault] += 1
        if call.placed and call.fault in _WHOLE:
            self.accepted += 1
        if self.keep:
            self.calls.append(call)
        if self._file is not None:
            os.write(self._file, call.as_line())
        if self._waiting:
            self._wake()

    async def wait_for(self, posts: int) -> None:
        """Return once that many POSTs are recorded."""
        if len(self.times) < posts:
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append((posts, waiter))
            await waiter

    def _wake(self) -> None:
        for posts, waiter in self._waiting:
            if len(self.times) >= posts and not waiter.done():
                waiter.set_result(None)
        self._waiting = [entry for entry in self._waiting if not entry[1].done()]

    def windows(self, per: float) -> list[int]:
        """For each POST, count those in the half-open window that ends with it."""
        counts = []
        first = 0
        for number, at in enumerate(self.times):
            while at - self.times[first] >= per:
                first += 1
            counts.append(number - first + 1)
        return counts

    def over_cap(self, rate: RateLimit | None) -> list[OverCap]:
        """List the POSTs that came while the cap was used up."""
        if rate is None:
            return []
        windows = zip(self.times, self.windows(rate.per), strict=True)
        return [OverCap(at, calls) for at, calls in windows if calls > rate.calls]
