"""One process that listens as many PABX: each an address of 127.0.0.0/8, all one port.

Linux lets a process bind every address of that network; elsewhere only 127.0.0.1 is
there, so the fleet needs Linux.
"""

import argparse
import asyncio
import contextlib
import itertools
import sys
import threading
from collections.abc import Iterator

from benchmarks.harness.processes import server_process
from benchmarks.servers.pabx_server import Connection, run_server


def address(number: int) -> str:
    """Return the address of the ``number``-th PABX, from 0 on."""
    return f"127.1.{number // 250}.{number % 250 + 1}"


@contextlib.contextmanager
def serving_fleet(size: int, delay: float, core: int | None) -> Iterator[int]:
    """Run a server of many PABX and give its port; it ends with the block.

    Args:
        size: Number of PABX.
        delay: Seconds from a whole request to its answer.
        core: Core to run on, None for any.

    Raises:
        WrongRunError: If it did not start.
    """
    options = ["--size", str(size), "--delay", str(delay)]
    with server_process("servers.fleet_server", options, core) as port:
        yield port


async def serve(size: int, delay: float) -> None:
    """Serve on one port of every address, printed first, until stdin is closed."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    serial = itertools.count(1)

    def make() -> Connection:
        return Connection(serial, delay)

    port = 0  # any free one for the first
    servers: list[asyncio.Server] = []
    for number in range(size):
        servers += [await loop.create_server(make, address(number), port)]
        port = servers[0].sockets[0].getsockname()[1]
    print(port, flush=True)

    def wait_for_end() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait_for_end, daemon=True).start()
    await stop.wait()
    for server in servers:
        server.close()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="benchmarks.servers.fleet_server")
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds")
    parser.add_argument("--core", type=int, default=None)
    options = parser.parse_args()
    run_server(serve(options.size, options.delay), options.core)


if __name__ == "__main__":
    main()
