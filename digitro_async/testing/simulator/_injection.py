"""Does to a connection what a fault says."""

import asyncio
from collections.abc import Awaitable, Callable

from digitro_async.testing.simulator._answers import (
    CallIDs,
    acceptance,
    faulty,
    half,
    huge_head,
    stray,
)
from digitro_async.testing.simulator._fault_kinds import FaultKind
from digitro_async.testing.simulator._faults import Fault
from digitro_async.testing.simulator._tcp_connection import Connection

__all__ = ["inject", "inject_early"]

_CHUNK = b"x" * 65_536
_NOT_HTTP = b"220 this is no HTTP server\r\n\r\n"
_PAUSE = 0.001
_LATE = 0.008


def inject_early(connection: Connection, fault: Fault, ids: CallIDs) -> None:
    """Let a fault befall a connection of which nothing has been read."""
    if fault.kind is FaultKind.CLOSE_BEFORE_READING:
        connection.close()
    elif fault.kind is FaultKind.UNASKED_ANSWER:
        connection.write(acceptance(ids.make()))
    elif fault.kind is FaultKind.ANSWER_BEFORE_READING:
        connection.write(acceptance(ids.make(), close=True))
        connection.deaf = True
    else:
        connection.reset()


async def inject(
    connection: Connection, fault: Fault, call_id: str, *, close: bool
) -> bool:
    """Let a fault befall a call that was read; return whether to keep the line."""
    script = _SCRIPTS.get(fault.kind)
    if script is not None:
        return await script(connection, fault, call_id)
    connection.write(faulty(fault, call_id, close=close))
    return True


async def _reset(connection: Connection, _: Fault, __: str) -> bool:
    connection.reset()
    return False


async def _close(connection: Connection, _: Fault, __: str) -> bool:
    connection.close()
    return False


async def _stall(_: Connection, __: Fault, ___: str) -> bool:
    await asyncio.get_running_loop().create_future()  # cancelled with the connection
    return False


async def _half(connection: Connection, _: Fault, call_id: str) -> bool:
    connection.write(half(call_id))
    return False


async def _not_http(connection: Connection, _: Fault, __: str) -> bool:
    connection.write(_NOT_HTTP)
    return False


async def _slow(connection: Connection, fault: Fault, call_id: str) -> bool:
    pause = _PAUSE if fault.pause is None else fault.pause
    for byte in acceptance(call_id):
        connection.write(bytes((byte,)))
        await asyncio.sleep(pause)
        await connection.drain()
    return True


async def _twice(connection: Connection, _: Fault, call_id: str) -> bool:
    connection.write(acceptance(call_id) * 2)
    return True


async def _duplicate(connection: Connection, fault: Fault, call_id: str) -> bool:
    connection.write(acceptance(call_id))
    _write_later(connection, fault, acceptance(call_id))
    return True


async def _stray(connection: Connection, fault: Fault, call_id: str) -> bool:
    connection.write(acceptance(call_id))
    _write_later(connection, fault, stray(call_id))
    return True


def _write_later(connection: Connection, fault: Fault, data: bytes) -> None:
    pause = _LATE if fault.pause is None else fault.pause
    asyncio.get_running_loop().call_later(pause, connection.write, data)


async def _huge(connection: Connection, fault: Fault, _: str) -> bool:
    head, size = huge_head(fault)
    connection.write(head)
    while size > 0:
        await connection.drain()
        connection.write(_CHUNK[:size])
        size -= len(_CHUNK)
    return True


_SCRIPTS: dict[FaultKind, Callable[[Connection, Fault, str], Awaitable[bool]]] = {
    FaultKind.RESET_AFTER_READING: _reset,
    FaultKind.LOSE_ANSWER: _close,
    FaultKind.STALL: _stall,
    FaultKind.HALF_ANSWER: _half,
    FaultKind.NOT_HTTP: _not_http,
    FaultKind.SLOW_ANSWER: _slow,
    FaultKind.ANSWER_TWICE: _twice,
    FaultKind.DUPLICATE_ANSWER: _duplicate,
    FaultKind.STRAY_ANSWER: _stray,
    FaultKind.HUGE_ANSWER: _huge,
}
