"""Decides what every request gets, writes it down, and answers."""

import asyncio
import math
import random
import time
from collections import deque
from collections.abc import Callable

import attrs

from digitro_async.errors import ConfigurationError
from digitro_async.protocol._names import WIRE_NAMES
from digitro_async.settings import RateLimit
from digitro_async.testing.simulator._answers import (
    CallIDs,
    acceptance,
    answer,
    refusal,
)
from digitro_async.testing.simulator._fault_kinds import FaultKind, Stage
from digitro_async.testing.simulator._faults import Fault, FaultDecisions
from digitro_async.testing.simulator._injection import inject, inject_early
from digitro_async.testing.simulator._received_calls import ReceivedCall, Record
from digitro_async.testing.simulator._request_validator import (
    ReceivedRequest,
    RequestValidator,
    Verdict,
)
from digitro_async.testing.simulator._tcp_connection import Connection

__all__ = ["Latency", "RequestHandler", "is_seconds"]

Latency = float | Callable[[random.Random], float]

_DESTINATION = WIRE_NAMES["destination"]
_OK = 200
_METHOD_NOT_ALLOWED = 405
_TOO_MANY = 429


def is_seconds(value: object) -> bool:
    """Tell whether it is a finite number not below zero."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return 0 <= value < math.inf


class _Throttle:
    """Counts accepted calls in a sliding window, as a PABX that enforces a cap."""

    def __init__(self, rate: RateLimit) -> None:
        self._rate = rate
        self._times: deque[float] = deque()

    def seconds_to_wait(self, now: float) -> float:
        """Return 0.0 and count the call, or how long to wait for the next slot."""
        while self._times and now - self._times[0] >= self._rate.per:
            self._times.popleft()
        if len(self._times) >= self._rate.calls:
            return self._rate.per - (now - self._times[0])
        self._times.append(now)
        return 0.0


class RequestHandler:
    """Sits at the switchboard of one simulator.

    Attributes:
        judge: Tells right requests from wrong ones.
        faults: Tells which of the right ones go wrong.
        record: Where every POST is written down.
        connections: TCP connections accepted.
    """

    def __init__(
        self,
        validator: RequestValidator,
        record: Record,
        *,
        faults: FaultDecisions,
        latency: Latency,
        seed: int,
        cap: RateLimit | None,
    ) -> None:
        if not callable(latency) and not is_seconds(latency):
            raise ConfigurationError("latency must be seconds or a function")
        self.validator = validator
        self.record = record
        self.faults = faults
        self._latency = latency
        self._chance = random.Random(seed)
        self._throttle = None if cap is None else _Throttle(cap)
        self._ids = CallIDs()
        self.connections = 0
        self._arrived = 0

    def connected(self, connection: Connection) -> None:
        """Number a new connection, and let a fault befall it."""
        self.connections += 1
        connection.number = self.connections
        self._befall_early(connection, Stage.CONNECT, connection.number)

    def arriving(self, connection: Connection) -> int:
        """Count a request, and let a fault befall it before it is read."""
        self._arrived += 1
        self._befall_early(connection, Stage.ARRIVAL, self._arrived)
        return self._arrived

    def _befall_early(self, connection: Connection, stage: Stage, ordinal: int) -> None:
        fault = self.faults.choose(stage, ordinal)
        if fault is not None:
            self.record.by_fault[fault.kind] += 1
            inject_early(connection, fault, self._ids)

    async def answer(
        self, connection: Connection, posted: ReceivedRequest, ordinal: int | None
    ) -> bool:
        """Write the request down, wait, answer; return whether to keep the line."""
        now = time.monotonic()
        if ordinal is None:
            self._arrived += 1
            ordinal = self._arrived
        verdict = self._verdict(posted, now)
        destination = verdict.fields.get(_DESTINATION)
        fault = None
        call_id = ""
        if verdict.status == _OK:
            fault = self.faults.choose(Stage.CALL, ordinal, destination)
            call_id = self._call_id(fault)
        placed = verdict.status == _OK and (fault is None or fault.places)
        if posted.method == "POST":
            self.record.add(
                ReceivedCall(
                    ordinal=ordinal,
                    at=now,
                    wall=time.time(),
                    connection=connection.number,
                    channel=verdict.channel,
                    destination=destination,
                    fields=verdict.fields,
                    status=verdict.status if fault is None else fault.answers,
                    call_id=call_id if placed else None,
                    fault=None if fault is None else fault.kind,
                    placed=placed,
                )
            )
        if self._latency:
            await self._wait()
        close = not posted.keep_alive
        if verdict.status != _OK:
            return _refuse(connection, verdict, close=close)
        if fault is not None:
            return await inject(connection, fault, call_id, close=close)
        connection.write(acceptance(call_id, close=close))
        return True

    def _verdict(self, posted: ReceivedRequest, now: float) -> Verdict:
        verdict = self.validator.validate(posted)
        if verdict.status != _OK or self._throttle is None:
            return verdict
        wait = self._throttle.seconds_to_wait(now)
        if not wait:
            return verdict
        return attrs.evolve(
            verdict,
            status=_TOO_MANY,
            problem="too many calls",
            retry_after=math.ceil(wait),
        )

    def _call_id(self, fault: Fault | None) -> str:
        if fault is not None and fault.kind is FaultKind.REPEATED_CALL_ID:
            return self._ids.last
        return self._ids.make()

    async def _wait(self) -> None:
        latency = self._latency
        await asyncio.sleep(latency(self._chance) if callable(latency) else latency)


def _refuse(connection: Connection, verdict: Verdict, *, close: bool) -> bool:
    headers = ""
    if verdict.retry_after is not None:
        headers = f"Retry-After: {verdict.retry_after}\r\n"
    if verdict.status == _METHOD_NOT_ALLOWED:
        # no body: a HEAD's answer must not have one
        connection.write(answer(405, b"", headers="Allow: POST\r\n", close=close))
        return True
    connection.write(
        refusal(verdict.status, verdict.problem, headers=headers, close=close)
    )
    return True
