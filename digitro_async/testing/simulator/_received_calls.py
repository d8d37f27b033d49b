"""The record of the calls that a simulator received, and its counts."""

import asyncio
import json
import os
from array import array
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import attrs

from digitro_async._common.private_files import BeforehandError, open_own
from digitro_async._common.text import words_of_os_error
from digitro_async.errors import ConfigurationError
from digitro_async.models import PredictiveCall
from digitro_async.privacy import MASK
from digitro_async.protocol import COMMANDS, SECRET_WIRE_NAMES
from digitro_async.settings import RateLimit
from digitro_async.testing.simulator._fault_traits import KindWithTraits

__all__ = ["OverCap", "ReceivedCall", "ReceivedCalls", "Summary"]


@attrs.frozen(kw_only=True)
class ReceivedCall:
    """One POST that was received whole.

    Attributes:
        ordinal: Its number among all requests that began to arrive, from 1.
        at: Time of receipt, in seconds of ``time.monotonic()``: on Linux the same
            clock in every process.
        wall: The same moment in seconds of ``time.time()``.
        connection: Number of the TCP connection it came on, from 1.
        channel: Channel of its path, None where the path has none.
        destination: Number to dial, None where the body could not be read.
        fields: The body under its wire names, empty where it could not be read.
        status: HTTP status of its answer, None for none.
        call_id: The call id that was made for it, if any.
        fault: The kind of fault that was injected into it, if any.
        placed: Whether the phone would have rung; of a command that is no call,
            whether it would have been carried out.
        command: Name of the command, or its path where no page of the vendor shows it;
            empty where the path has none.
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
    fault: KindWithTraits | None
    placed: bool
    command: str = PredictiveCall.command

    @property
    def accepted(self) -> bool:
        """Whether it was answered with a whole and true 200."""
        return self.placed and (self.fault is None or self.fault.traits.is_whole)

    def as_line(self) -> bytes:
        """Return the call as a line of JSON, passwords masked."""
        values = attrs.asdict(self, recurse=False)
        values["fields"] = {
            name: MASK if value and self._is_masked(name) else value
            for name, value in self.fields.items()
        }
        return json.dumps(values).encode() + b"\n"

    def _is_masked(self, name: str) -> bool:
        # Of a command that no page shows, any field may be a password.
        return name in SECRET_WIRE_NAMES or self.command not in COMMANDS


@attrs.frozen
class OverCap:
    """A POST that came while the cap was used up.

    Attributes:
        at: Time of receipt, in seconds of ``time.monotonic()``.
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
        by_fault: Connections, POSTs, requests for a channel and events by the fault
            that was injected into them.
        connections: TCP connections accepted.
        worst_window: Most POSTs in any window of the cap's length, or of a second.
        over_cap: POSTs that came while the cap was used up.
    """

    received: int
    accepted: int
    placed: int
    by_status: Mapping[int | None, int]
    by_fault: Mapping[KindWithTraits, int]
    connections: int
    worst_window: int
    over_cap: int


class ReceivedCalls:
    """Counts every POST, and keeps or writes each if asked to; takes none back.

    Args:
        keep: Whether ``calls`` is kept.
        path: File that gets a line for every POST; None for no file.

    Attributes:
        accepted: POSTs answered with a whole and true 200.
        placed: POSTs whose phone would have rung.
        file_problem: Why the file lacks POSTs; empty where it has them all.
    """

    def __init__(self, *, keep: bool, path: Path | None) -> None:
        self.file_problem = ""
        self.accepted = 0
        self.placed = 0
        self._keep = keep
        self._calls: list[ReceivedCall] = []
        self._times = array("d")
        self._by_status: Counter[int | None] = Counter()
        self._by_fault: Counter[KindWithTraits] = Counter()
        self._path = path
        self._file: int | None = None
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    def open(self) -> None:
        """Open the file, readable by its owner only.

        Raises:
            ConfigurationError: If the file there does not belong to this user alone.
            OSError: If the file can't be opened.
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
        self._times.append(call.at)
        self._by_status[call.status] += 1
        self.placed += call.placed
        self.accepted += call.accepted
        if call.fault is not None:
            self.count_fault(call.fault)
        if self._keep:
            self._calls.append(call)
        if self._file is not None and not self.file_problem:
            self._write(self._file, call.as_line())
        if self._waiting:
            self._wake()

    def _write(self, file: int, line: bytes) -> None:
        """Write a line, or no line any more: calls are answered all the same."""
        try:
            written = os.write(file, line)
            if written < len(line):
                self.file_problem = "no space left on device"
                os.ftruncate(file, os.fstat(file).st_size - written)
        except OSError as error:
            self.file_problem = words_of_os_error(error)

    def count_fault(self, kind: KindWithTraits) -> None:
        """Count a fault that was injected."""
        self._by_fault[kind] += 1

    async def wait_for(self, posts: int) -> None:
        """Wait until that many POSTs are recorded."""
        if len(self._times) < posts:
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append((posts, waiter))
            await waiter

    @property
    def calls(self) -> list[ReceivedCall]:
        """Every POST, in order.

        Raises:
            ConfigurationError: If they are not kept.
        """
        if not self._keep:
            raise ConfigurationError("calls are not kept: keep_record is off")
        return list(self._calls)

    @property
    def posts(self) -> int:
        """POSTs received whole."""
        return len(self._times)

    def windows(self, per: float) -> list[int]:
        """Count for each POST those in the half-open window that ends with it."""
        counts = []
        first = 0
        for number, at in enumerate(self._times):
            while at - self._times[first] >= per:
                first += 1
            counts.append(number - first + 1)
        return counts

    def over_cap(self, rate: RateLimit | None) -> list[OverCap]:
        """List the POSTs that came while the cap was used up."""
        if rate is None:
            return []
        windows = zip(self._times, self.windows(rate.per), strict=True)
        return [OverCap(at, calls) for at, calls in windows if calls > rate.calls]

    def summary(self, rate: RateLimit | None, connections: int) -> Summary:
        """Return the counts so far.

        Args:
            rate: Cap that is checked.
            connections: TCP connections accepted.
        """
        per = 1.0 if rate is None else rate.per
        return Summary(
            received=self.posts,
            accepted=self.accepted,
            placed=self.placed,
            by_status=dict(self._by_status),
            by_fault=dict(self._by_fault),
            connections=connections,
            worst_window=max(self.windows(per), default=0),
            over_cap=len(self.over_cap(rate)),
        )

    def _wake(self) -> None:
        for posts, waiter in self._waiting:
            if self.posts >= posts and not waiter.done():
                waiter.set_result(None)
        self._waiting = [entry for entry in self._waiting if not entry[1].done()]
