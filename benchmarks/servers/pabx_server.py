"""A small stand-in for a PABX: keep-alive HTTP/1.1, no two answers with one call id.

``python -m benchmarks.servers.pabx_server --delay 0.02 --core 1`` prints its port and
serves until its standard input is closed. Each request is read whole (split and
pipelined reads included) before it is answered; the first of every connection is
checked in full.
"""

import argparse
import asyncio
import importlib
import importlib.util
import itertools
import json
import sys
import threading
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, cast

from benchmarks.harness.machine import pin
from benchmarks.harness.work import API_KEY, FIELDS, PATH

_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 48\r\n\r\n"
    b'{"ID_CHAMADA": "08/07/24 10:46:19 %04X %04X/00"}'
)
_REFUSAL = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class BadRequestError(Exception):
    """The request is not the one that is benchmarked."""


def body_length(head: bytes) -> int:
    """Return the length of the body in bytes that the head announces.

    Raises:
        BadRequestError: If it announces none.
    """
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    raise BadRequestError("no Content-Length")


def check_request(head: bytes, body: bytes) -> None:
    """Check that it is the POST that every contender must send.

    Raises:
        BadRequestError: If the path, the key or one of the 13 fields is not right.
    """
    lines = head.split(b"\r\n")
    if lines[0] != f"POST {PATH} HTTP/1.1".encode():
        raise BadRequestError("another method or path")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(b":") for line in lines[1:])
    }
    if headers.get(b"x-api-key") != API_KEY.encode():
        raise BadRequestError("no x-api-key")
    fields = json.loads(body)
    number = fields.pop("IDENTIDADE_DESTINO", "")
    rest = {key: value for key, value in FIELDS.items() if value}
    if fields != rest or not number:
        raise BadRequestError("not the 13 fields")


class Connection(asyncio.Protocol):
    """One client connection."""

    def __init__(
        self, serial: Iterator[int], delay: float, times: list[float] | None = None
    ) -> None:
        self._serial = serial
        self._times = times
        self._delay = delay
        self._unread = b""
        self._checked = False
        self._head = b""
        self._length = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole now; keep the rest for later."""
        self._unread += data
        try:
            while self._take_request():
                if self._delay:
                    loop = asyncio.get_running_loop()
                    loop.call_later(self._delay, self._answer)
                else:
                    self._answer()
        except (BadRequestError, ValueError) as error:
            print(f"refused: {error}", file=sys.stderr, flush=True)
            self._transport.write(_REFUSAL)
            self._transport.close()

    def _take_request(self) -> bool:
        end = self._unread.find(b"\r\n\r\n") + 4
        if end < 4:
            return False
        head = self._unread[: end - 4]
        if head != self._head:  # a client repeats its head, so it is read once
            self._length = body_length(head)
            self._head = head
        whole = end + self._length
        if len(self._unread) < whole:
            return False
        if not self._checked:
            check_request(head, self._unread[end:whole])
            self._checked = True
        self._unread = self._unread[whole:]
        if self._times is not None:
            self._times.append(time.monotonic())
        return True

    def _answer(self) -> None:
        if not self._transport.is_closing():
            serial = next(self._serial)
            self._transport.write(_ANSWER % (serial >> 16, serial & 0xFFFF))


async def serve(delay: float, times: list[float] | None = None) -> None:
    """Serve on a free port of 127.0.0.1, printed first, until stdin is closed.

    Args:
        delay: Seconds from a whole request to its answer.
        times: Takes the time of every request, where that is asked for.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    serial = itertools.count(1)
    server = await loop.create_server(
        lambda: Connection(serial, delay, times), "127.0.0.1", 0, backlog=4096
    )
    print(server.sockets[0].getsockname()[1], flush=True)

    def wait_for_end() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait_for_end, daemon=True).start()
    await stop.wait()
    server.close()


def run_server(serving: Coroutine[Any, Any, None], core: int | None) -> None:
    """Run a server on one core, on uvloop where there is one."""
    pin(core)
    factory = None
    if importlib.util.find_spec("uvloop"):
        factory = importlib.import_module("uvloop").new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serving)


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="benchmarks.servers.pabx_server")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds")
    parser.add_argument("--core", type=int, default=None)
    parser.add_argument("--times", type=Path, help="file for the time of every request")
    options = parser.parse_args()
    times: list[float] | None = [] if options.times else None
    run_server(serve(options.delay, times), options.core)
    if options.times:
        options.times.write_text(json.dumps(times), encoding="ascii")


if __name__ == "__main__":
    main()
