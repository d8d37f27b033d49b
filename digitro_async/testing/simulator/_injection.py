"""How each kind of fault is injected into a connection or a call.

``_EARLY`` and ``_CALL`` have a row for each kind that does more than answer with its
status.
"""

import asyncio
from collections.abc import Awaitable, Callable

import attrs

from digitro_async.protocol._names import CALL_ID
from digitro_async.testing.simulator._answers import (
    CallIDs,
    acceptance,
    answer,
    refusal,
    stray_call_id,
)
from digitro_async.testing.simulator._fault_kinds import FaultKind
from digitro_async.testing.simulator._fault_traits import KindWithTraits
from digitro_async.testing.simulator._faults import Fault
from digitro_async.testing.simulator._tcp_connection import SimulatorConnection

__all__ = ["inject", "inject_early"]

_CHUNK = b"x" * 65_536
_DEEP = 100_000
_ELSEWHERE = "/elsewhere"
_HUGE = 64 * 1024 * 1024 + 1
_LATE = 0.008
_NOT_HTTP = b"220 this is no HTTP server\r\n\r\n"
_PAUSE = 0.001
_PAGE = b"<!DOCTYPE html><html><title>Sign in</title></html>"


@attrs.frozen
class _FaultyCall:
    """A call that was read, and the fault that it gets.

    Attributes:
        connection: Connection that the call came on.
        fault: The rule.
        call_id: Call id that was made for the call.
        close: Whether the client wants the connection closed.
        body: Body of the true answer, where the command is no call.
    """

    connection: SimulatorConnection
    fault: Fault
    call_id: str
    close: bool
    body: bytes | None

    def acceptance(self, *, close: bool = False) -> bytes:
        """Return the true answer."""
        return acceptance(self.call_id, close=close, body=self.body)

    def answer(self, body: bytes, content_type: str = "application/json") -> None:
        """Send a whole 200 with a body."""
        self.connection.write(
            answer(200, body, content_type=content_type, close=self.close)
        )

    def answer_with_status(self, default_location: str | None = None) -> None:
        """Send the status of the fault, with the headers that its rule gives."""
        fault = self.fault
        location = default_location if fault.location is None else fault.location
        headers = "" if location is None else f"Location: {location}\r\n"
        if fault.retry_after is not None:
            headers += f"Retry-After: {fault.retry_after}\r\n"
        status = fault.answers or 500
        self.connection.write(
            refusal(status, "simulated", headers=headers, close=self.close)
        )


def inject_early(
    connection: SimulatorConnection, kind: KindWithTraits, ids: CallIDs
) -> None:
    """Inject a fault into a connection of which nothing was read."""
    _EARLY[kind](connection, ids)


async def inject(
    connection: SimulatorConnection,
    fault: Fault,
    call_id: str,
    *,
    close: bool,
    body: bytes | None = None,
) -> bool:
    """Inject a fault into a call that was read.

    Args:
        connection: Connection that the call came on.
        fault: The rule.
        call_id: Call id that was made for the call.
        close: Whether the client wants the connection closed.
        body: Body of the true answer, where the command is no call.

    Returns:
        Whether the connection may be kept.
    """
    act = _CALL.get(fault.kind, _answer_with_status)
    return await act(_FaultyCall(connection, fault, call_id, close, body))


def _reset_early(connection: SimulatorConnection, _: CallIDs) -> None:
    connection.reset()


def _close_early(connection: SimulatorConnection, _: CallIDs) -> None:
    connection.close()


def _answer_unasked(connection: SimulatorConnection, ids: CallIDs) -> None:
    connection.write(acceptance(ids.make()))


def _answer_before_reading(connection: SimulatorConnection, ids: CallIDs) -> None:
    connection.write(acceptance(ids.make(), close=True))
    connection.ignores_input = True


async def _answer_with_status(call: _FaultyCall) -> bool:
    call.answer_with_status()
    return True


async def _redirect(call: _FaultyCall) -> bool:
    call.answer_with_status(_ELSEWHERE)
    return True


async def _reset(call: _FaultyCall) -> bool:
    call.connection.reset()
    return False


async def _close(call: _FaultyCall) -> bool:
    call.connection.close()
    return False


async def _stall(_: _FaultyCall) -> bool:
    await asyncio.get_running_loop().create_future()  # cancelled with the connection
    return False


async def _send_half(call: _FaultyCall) -> bool:
    whole = call.acceptance()
    body = len(whole) - whole.index(b"\r\n\r\n") - 4
    call.connection.write(whole[: -(body // 2)])
    return False


async def _send_no_http(call: _FaultyCall) -> bool:
    call.connection.write(_NOT_HTTP)
    return False


async def _send_slowly(call: _FaultyCall) -> bool:
    pause = _PAUSE if call.fault.pause is None else call.fault.pause
    for byte in call.acceptance():
        call.connection.write(bytes((byte,)))
        await asyncio.sleep(pause)
        await call.connection.drain()
    return True


async def _send_twice(call: _FaultyCall) -> bool:
    call.connection.write(call.acceptance() * 2)
    return True


async def _duplicate(call: _FaultyCall) -> bool:
    _send_and_send_later(call, call.acceptance())
    return True


async def _stray(call: _FaultyCall) -> bool:
    _send_and_send_later(call, acceptance(stray_call_id(call.call_id)))
    return True


def _send_and_send_later(call: _FaultyCall, later: bytes) -> None:
    pause = _LATE if call.fault.pause is None else call.fault.pause
    call.connection.write(call.acceptance())
    asyncio.get_running_loop().call_later(pause, call.connection.write, later)


async def _send_huge(call: _FaultyCall) -> bool:
    size = call.fault.size or _HUGE
    empty = answer(200, b"")
    call.connection.write(empty.replace(b"Length: 0", b"Length: %d" % size))
    while size > 0:
        await call.connection.drain()
        call.connection.write(_CHUNK[:size])
        size -= len(_CHUNK)
    return True


async def _send_deep_json(call: _FaultyCall) -> bool:
    levels = call.fault.size or _DEEP
    nested = b"[" * levels + b"]" * levels
    call.answer(b'{"%s": %s}' % (CALL_ID.encode(), nested))
    return True


async def _send_garbage(call: _FaultyCall) -> bool:
    call.answer(b"\xff{]\x00")
    return True


async def _send_page(call: _FaultyCall) -> bool:
    call.answer(_PAGE, content_type="text/html")
    return True


async def _send_null(call: _FaultyCall) -> bool:
    call.answer(f'{{"{CALL_ID}": null}}'.encode())
    return True


async def _send_number(call: _FaultyCall) -> bool:
    call.answer(f'{{"{CALL_ID}": 80724104619}}'.encode())
    return True


async def _send_empty(call: _FaultyCall) -> bool:
    call.answer(f'{{"{CALL_ID}": ""}}'.encode())
    return True


async def _accept(call: _FaultyCall) -> bool:
    call.connection.write(call.acceptance(close=call.close))
    return True


_EARLY: dict[str, Callable[[SimulatorConnection, CallIDs], None]] = {
    FaultKind.RESET_ON_CONNECT: _reset_early,
    FaultKind.UNASKED_ANSWER: _answer_unasked,
    FaultKind.RESET_BEFORE_READING: _reset_early,
    FaultKind.CLOSE_BEFORE_READING: _close_early,
    FaultKind.ANSWER_BEFORE_READING: _answer_before_reading,
}
_CALL: dict[str, Callable[[_FaultyCall], Awaitable[bool]]] = {
    FaultKind.RESET_AFTER_READING: _reset,
    FaultKind.LOSE_ANSWER: _close,
    FaultKind.STALL: _stall,
    FaultKind.REDIRECT: _redirect,
    FaultKind.HALF_ANSWER: _send_half,
    FaultKind.SLOW_ANSWER: _send_slowly,
    FaultKind.ANSWER_TWICE: _send_twice,
    FaultKind.DUPLICATE_ANSWER: _duplicate,
    FaultKind.STRAY_ANSWER: _stray,
    FaultKind.HUGE_ANSWER: _send_huge,
    FaultKind.DEEP_JSON: _send_deep_json,
    FaultKind.GARBAGE_200: _send_garbage,
    FaultKind.HTML_200: _send_page,
    FaultKind.NOT_HTTP: _send_no_http,
    FaultKind.NULL_CALL_ID: _send_null,
    FaultKind.NUMERIC_CALL_ID: _send_number,
    FaultKind.EMPTY_CALL_ID: _send_empty,
    FaultKind.REPEATED_CALL_ID: _accept,
}
