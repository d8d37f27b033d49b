"""Validates every request, records it, and answers it or injects a fault."""

import asyncio
import math
import random
import time
from collections import deque
from collections.abc import Callable, Mapping

import attrs

from digitro_async.errors import ConfigurationError
from digitro_async.models import PredictiveCall
from digitro_async.protocol._names import WIRE_NAMES
from digitro_async.settings import RateLimit
from digitro_async.testing.simulator._answers import (
    CallIDs,
    acceptance,
    answer,
    refusal,
)
from digitro_async.testing.simulator._fault_traits import Stage
from digitro_async.testing.simulator._faults import Fault, FaultDecisions
from digitro_async.testing.simulator._injection import inject, inject_early
from digitro_async.testing.simulator._received_calls import ReceivedCall, ReceivedCalls
from digitro_async.testing.simulator._request_validator import (
    ReceivedRequest,
    RequestValidator,
    Validation,
)
from digitro_async.testing.simulator._simulated_events import SimulatedEvents
from digitro_async.testing.simulator._tcp_connection import SimulatorConnection

__all__ = ["RequestHandler", "ResponseTime", "is_seconds"]

ResponseTime = float | Callable[[random.Random], float]

_DESTINATION = WIRE_NAMES["destination"]
_CALL = PredictiveCall.command
_OK = 200
_METHOD_NOT_ALLOWED = 405
_TOO_MANY = 429


def is_seconds(value: object) -> bool:
    """Whether it is a finite number not below zero."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return 0 <= value < math.inf


class _EnforcedCap:
    """Counts calls in a sliding window, as a PABX that enforces a cap."""

    def __init__(self, rate: RateLimit) -> None:
        self._rate = rate
        self._times: deque[float] = deque()

    def seconds_to_wait(self, now: float) -> float:
        """Count a call and return 0.0, or return the seconds until the next slot."""
        while self._times and now - self._times[0] >= self._rate.per:
            self._times.popleft()
        if len(self._times) >= self._rate.calls:
            return self._rate.per - (now - self._times[0])
        self._times.append(now)
        return 0.0


class RequestHandler:
    """Handles the requests of one simulator.

    Args:
        validator: Tells right requests from wrong ones.
        received: Records every POST.
        faults: Choose the fault of a connection or call.
        latency: Seconds before each answer, or a function that draws them.
        seed: Seed of the latency's chance.
        cap: Cap that is enforced; None for none.
        events: Opens event channels, and tells what becomes of calls; None for neither.
        answers: The body of the answer to each command that is no call, by its name
            or path; that of others is an empty object.

    Attributes:
        validator: Tells right requests from wrong ones.
        faults: Choose the fault of a connection or call.
        connections: TCP connections accepted.
    """

    def __init__(
        self,
        validator: RequestValidator,
        received: ReceivedCalls,
        *,
        faults: FaultDecisions,
        latency: ResponseTime,
        seed: int,
        cap: RateLimit | None,
        events: SimulatedEvents | None = None,
        answers: Mapping[str, bytes] | None = None,
    ) -> None:
        if not callable(latency) and not is_seconds(latency):
            raise ConfigurationError("latency must be seconds or a function")
        self.validator = validator
        self._received = received
        self.faults = faults
        self._latency = latency
        self._chance = random.Random(seed)
        self._throttle = None if cap is None else _EnforcedCap(cap)
        self._answers = dict(answers or {})
        self._ids = CallIDs()
        self._events = events
        self.connections = 0
        self._arrived = 0

    def connected(self, connection: SimulatorConnection) -> None:
        """Number a new connection, and inject its fault."""
        self.connections += 1
        connection.number = self.connections
        self._inject_early(connection, Stage.CONNECT, connection.number)

    def arriving(self, connection: SimulatorConnection) -> int:
        """Count a request, and inject its fault before it is read."""
        self._arrived += 1
        self._inject_early(connection, Stage.ARRIVAL, self._arrived)
        return self._arrived

    def _inject_early(
        self, connection: SimulatorConnection, stage: Stage, ordinal: int
    ) -> None:
        fault = self.faults.choose(stage, ordinal)
        if fault is not None:
            self._received.count_fault(fault.kind)
            inject_early(connection, fault.kind, self._ids)

    async def answer(
        self,
        connection: SimulatorConnection,
        request: ReceivedRequest,
        ordinal: int | None,
    ) -> bool:
        """Answer a request, and return whether to keep the connection."""
        if self._events is None or not self._events.is_meant(request):
            return await self._answer_command(connection, request, ordinal)
        refused = self.validator.refuse_key(request)
        if refused is not None:
            return _refuse(connection, refused, close=not request.keep_alive)
        return await self._events.serve(connection, request)

    async def _answer_command(
        self,
        connection: SimulatorConnection,
        request: ReceivedRequest,
        ordinal: int | None,
    ) -> bool:
        """Record a request, wait, answer; return whether to keep the connection."""
        now = time.monotonic()
        if ordinal is None:
            self._arrived += 1
            ordinal = self._arrived
        validation = self._validate(request, now)
        destination = validation.fields.get(_DESTINATION)
        fault = None
        call_id = ""
        if validation.status == _OK:
            fault = self.faults.choose(Stage.CALL, ordinal, destination)
            call_id = self._call_id(fault)
        placed = validation.status == _OK and (fault is None or fault.places)
        body: bytes | None = None
        if validation.command != _CALL:
            body = self._answers.get(validation.command, b"{}")
        if request.method == "POST":
            self._received.add(
                ReceivedCall(
                    ordinal=ordinal,
                    at=now,
                    wall=time.time(),
                    connection=connection.number,
                    channel=validation.channel,
                    destination=destination,
                    fields=validation.fields,
                    status=validation.status if fault is None else fault.answers,
                    call_id=call_id if placed and body is None else None,
                    fault=None if fault is None else fault.kind,
                    placed=placed,
                    command=validation.command,
                )
            )
        if placed and body is None and self._events is not None:
            self._events.take_call(call_id, destination or "", validation.channel or 0)
        if self._latency:
            await self._wait()
        close = not request.keep_alive
        if validation.status != _OK:
            return _refuse(connection, validation, close=close)
        if fault is not None:
            return await inject(connection, fault, call_id, close=close, body=body)
        connection.write(acceptance(call_id, close=close, body=body))
        return True

    def _validate(self, request: ReceivedRequest, now: float) -> Validation:
        validation = self.validator.validate(request)
        if validation.status != _OK or self._throttle is None:
            return validation
        wait = self._throttle.seconds_to_wait(now)
        if not wait:
            return validation
        return attrs.evolve(
            validation,
            status=_TOO_MANY,
            problem="too many calls",
            retry_after=math.ceil(wait),
        )

    def _call_id(self, fault: Fault | None) -> str:
        if fault is not None and fault.kind.traits.repeats_call_id:
            return self._ids.last
        return self._ids.make()

    async def _wait(self) -> None:
        latency = self._latency
        await asyncio.sleep(latency(self._chance) if callable(latency) else latency)


def _refuse(
    connection: SimulatorConnection, validation: Validation, *, close: bool
) -> bool:
    headers = ""
    if validation.retry_after is not None:
        headers = f"Retry-After: {validation.retry_after}\r\n"
    if validation.status == _METHOD_NOT_ALLOWED:
        # no body: a HEAD's answer must not have one
        connection.write(answer(405, b"", headers="Allow: POST\r\n", close=close))
        return True
    connection.write(
        refusal(validation.status, validation.problem, headers=headers, close=close)
    )
    return True
