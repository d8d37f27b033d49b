"""Whether a call that was given up can still be delivered when the network heals.

Two network namespaces with a wire between them; neither touches the machine's own
network. The wire is cut where nobody notices: by a wrong address of the neighbour.
"""

import asyncio
import contextlib
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import attrs
import pytest
from places import SUPPORT

CHILD = SUPPORT / "zombie_child.py"
HERE, THERE, PORT = "10.213.77.1", "10.213.77.2", 8077
NOWHERE = "02:00:00:00:00:99"
TOTAL = 2.0
"""Seconds after which a client gives up."""
LINGER = 4.0
"""Seconds in which TCP surely sends again what it still holds (0.2, 0.4, ... 3.2)."""


def ip(*words: str) -> None:
    """Run ``ip``."""
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=60)


@attrs.frozen
class Wire:
    """Two namespaces and the wire between them."""

    client: str
    server: str
    address: str

    def cut(self) -> None:
        """Have whatever the client's side sends get lost."""
        self._neighbour(NOWHERE)

    def heal(self) -> None:
        """Have it arrive again."""
        self._neighbour(self.address)

    def _neighbour(self, address: str) -> None:
        words = ("neigh", "replace", THERE, "lladdr", address, "dev", "wire")
        ip("-n", self.client, *words, "nud", "permanent")


@pytest.fixture
def wire() -> Iterator[Wire]:
    """Make a wire, and take it away whatever happens."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("network namespaces need Linux and root")
    if shutil.which("ip") is None:
        pytest.skip("network namespaces need the ip command (iproute2)")
    client, server = (f"digitro-{os.getpid()}-{end}" for end in ("client", "server"))
    address = "02:00:00:00:00:02"
    with contextlib.ExitStack() as stack:
        try:
            for name in (client, server):
                ip("netns", "add", name)
                stack.callback(ip, "netns", "del", name)
            far_end = ("peer", "name", "wire", "netns", server, "address", address)
            ip("-n", client, "link", "add", "name", "wire", "type", "veth", *far_end)
            for name, own in ((client, HERE), (server, THERE)):
                ip("-n", name, "addr", "add", f"{own}/24", "dev", "wire")
                ip("-n", name, "link", "set", "wire", "up")
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network namespaces here: {error.stderr.decode().strip()}")
        yield Wire(client, server, address)


class Child:
    """A process in a namespace, and what it says."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[str] = []

    async def hear(self, word: str = "") -> str:
        """Return the next word, which must be that one if one is given."""
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            line = (await self.process.stdout.readline()).decode().strip()
        self.said.append(line)
        assert word in {"", line}
        return line

    def go_on(self) -> None:
        """Let it make its second call."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")

    async def kill(self) -> None:
        """Kill it as ``kill -9`` does."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


@contextlib.asynccontextmanager
async def child(namespace: str, *words: object) -> AsyncIterator[Child]:
    """Start a process in a namespace, and kill it at the end."""
    # "ip netns exec" becomes the program, so that killing it kills the program.
    arguments: list[Any] = ["ip", "netns", "exec", namespace, sys.executable, CHILD]
    process = await asyncio.create_subprocess_exec(
        *arguments,
        *map(str, words),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    started = Child(process)
    try:
        yield started
    finally:
        await started.kill()
        process._transport.close()  # type: ignore[attr-defined]  # its pipes


async def test_what_was_given_up_is_not_delivered(wire: Wire) -> None:
    """No call that was given up or killed arrives later; with usual sockets it does."""
    kinds = itertools.product(("abortive", "ordinary"), ("late", "killed"))
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            child(wire.server, "serve", THERE, PORT)
        )
        await server.hear("ready")
        clients: dict[str, Child] = {}
        for sockets, end in kinds:
            name = f"{sockets}-{end}"
            total = TOTAL if end == "late" else 30
            words = ("call", f"http://{THERE}:{PORT}", name, sockets, total)
            clients[name] = await stack.enter_async_context(child(wire.client, *words))
        for name, client in clients.items():
            await client.hear("ready")
            assert await server.hear() in {f"{one}-first" for one in clients}, name
        wire.cut()
        for client in clients.values():
            client.go_on()
        for name, client in clients.items():
            await client.hear("sent")
            if name.endswith("killed"):
                await client.kill()
        for name, client in clients.items():
            if name.endswith("late"):
                await client.hear("unknown")
                await client.kill()
        wire.heal()
        zombies = {await server.hear(), await server.hear()}

        assert zombies == {"ordinary-late-second", "ordinary-killed-second"}

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(LINGER):
                await server.hear()
