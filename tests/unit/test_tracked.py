"""A connection is read on only where reading was paused."""

import asyncio

import pytest

from digitro_async.protocol import Evidence
from digitro_async.transport._interim import READ
from digitro_async.transport._tracked import PoolState, TrackedProtocol

BODY = b"0123456789" * 4


class _Wire(asyncio.Transport):
    """Notes what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def pause_reading(self) -> None:
        self.asked.append("pause")

    def resume_reading(self) -> None:
        self.asked.append("resume")


@pytest.mark.parametrize(
    ("most_bytes", "asked"), [(8, ["pause", "resume"]), (1024, [])]
)
async def test_reading_goes_on(most_bytes: int, asked: list[str]) -> None:
    """An answer that was too much at once is read on; for others nothing is asked."""
    connection = TrackedProtocol(asyncio.get_running_loop(), PoolState())
    wire = _Wire()
    connection.connection_made(wire)
    connection.set_response_params(read_bufsize=most_bytes)
    connection.begin(Evidence())
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
    connection.data_received(answer)
    _, content = await READ(connection)
    assert content.is_eof() == (not asked)

    assert content.read_nowait() == BODY

    assert content.is_eof()
    assert wire.asked == asked
    connection.connection_lost(None)
