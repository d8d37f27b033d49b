"""The two ends of ``test_zombies``, each a process in a network namespace of its own.

Says on its standard output what happens, one word a line.
"""

import asyncio
import json
import socket
import sys
from typing import Any

from helpers import DESTINATION, make_call

from digitro_async import (
    PABX,
    DigitroClient,
    RetrySettings,
    TimeoutSettings,
)
from digitro_async.testing import HostileConnection, HostilePABX
from digitro_async.transport import _connector


def say(word: str) -> None:
    """Tell the test."""
    print(word, flush=True)  # noqa: T201 - it is read by the test


async def serve(host: str, port: int) -> None:
    """Accept every call, and say its destination when it has been read."""

    async def script(line: HostileConnection) -> None:
        while request := await line.read_request():
            destination = json.loads(request.partition(b"\r\n\r\n")[2])[DESTINATION]
            say(destination)
            line.accept(destination)

    async with HostilePABX(script, host=host, port=port):
        say("ready")
        await asyncio.get_running_loop().create_future()


def ordinary_sockets(total: float) -> Any:
    """Make sockets as everybody does, which deliver what they hold when closed."""
    return lambda address: socket.socket(*address[:3])


async def call(base_url: str, name: str, sockets: str, total: float) -> None:
    """Make a call, wait for the word, and make another on the same connection."""
    if sockets == "ordinary":
        _connector.abortive_sockets = ordinary_sockets  # type: ignore[attr-defined]  # not exported
    pabx = PABX("zombie", base_url, 1, "key", timeouts=TimeoutSettings(total=total))
    once = RetrySettings(max_attempts=1)
    async with DigitroClient(pabx, retry=once) as client:
        await client.make_predictive_call(make_call(f"{name}-first"))
        say("ready")
        await asyncio.to_thread(sys.stdin.readline)
        submitting = client.dispatcher.submit(make_call(f"{name}-second"))
        attempt = asyncio.create_task(submitting)
        await asyncio.sleep(0.1)
        say("sent")
        say((await attempt).outcome)


if __name__ == "__main__":
    role, *rest = sys.argv[1:]
    if role == "serve":
        asyncio.run(serve(rest[0], int(rest[1])))
    else:
        asyncio.run(call(rest[0], rest[1], rest[2], float(rest[3])))
