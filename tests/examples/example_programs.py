"""Runs the programs under ``examples`` as processes, and asks them over HTTP.

It uses the package as users install it and nothing of the tests' support, since CI runs
these tests with the wheel alone.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import attrs

from digitro_async.testing import FakePABX

__all__ = ["EXAMPLES", "Served", "environment", "free_port", "serve", "start_program"]

EXAMPLES = Path(
    os.environ.get("DIGITRO_EXAMPLES", Path(__file__).parents[2] / "examples")
)
COMMANDS = {
    "fastapi": ["-m", "uvicorn", "fastapi_app:app"],
    "django": ["-m", "uvicorn", "django_app:application"],
    "aiohttp": ["aiohttp_app.py"],
}


def environment(pabx: FakePABX, folder: Path) -> dict[str, str]:
    """Return the variables that every program reads."""
    kept = {
        name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ
    }
    return {
        **kept,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "PABX_URL": pabx.base_url,
        "PABX_CHANNEL": "1",
        "PABX_API_KEY": "demo-key",
        "PABX_RATE": "50",
        "PABX_DEVICE": "1125000",
        "PABX_DEVICE_PASSWORD": "4567",
        "LEDGER": str(folder / "calls.db"),
        "OPERATOR_TOKEN": "canary-token",
        "DJANGO_SECRET_KEY": "made-up",
    }


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


async def start_program(
    words: list[str], variables: dict[str, str], log: Path, folder: Path = EXAMPLES
) -> asyncio.subprocess.Process:
    """Start a program of the folder; what it prints goes to a file."""
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *words,
            cwd=folder,
            env=variables,
            stdout=output,
            stderr=output,
        )


@attrs.frozen
class Served:
    """A backend that runs.

    Attributes:
        process: Its process.
        url: Its address.
        session: What it is asked through.
        log: The file of what it prints.
    """

    process: asyncio.subprocess.Process
    url: str
    session: aiohttp.ClientSession
    log: Path

    async def ask(
        self, method: str, path: str, **options: Any
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Return the status, the body and the headers of an answer."""
        async with self.session.request(method, self.url + path, **options) as answer:
            try:
                body = await answer.json(content_type=None)
            except ValueError:
                body = None
            return answer.status, body or {}, dict(answer.headers)

    async def call(
        self, contact: str, destination: str = "0483281700"
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Ask for a call."""
        asked = {"contact": contact, "destination": destination}
        return await self.ask("POST", "/calls", json=asked)

    async def end(self, name: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal, and wait for the end."""
        self.process.send_signal(name)
        await self.process.wait()


@contextlib.asynccontextmanager
async def serve(
    framework: str, variables: dict[str, str], folder: Path
) -> AsyncIterator[Served]:
    """Serve a backend until the block is left."""
    port = free_port()
    words = COMMANDS[framework]
    if "uvicorn" in words:
        words = [*words, "--port", str(port), "--timeout-graceful-shutdown", "40"]
    log = folder / "log.txt"
    process = await start_program(words, {**variables, "PORT": str(port)}, log)
    try:
        async with aiohttp.ClientSession() as session:
            served = Served(process, f"http://127.0.0.1:{port}", session, log)
            await _until_it_answers(served)
            yield served
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _until_it_answers(served: Served) -> None:
    async with asyncio.timeout(120):
        while True:
            assert served.process.returncode is None, served.log.read_text()
            with contextlib.suppress(aiohttp.ClientConnectionError):
                await served.ask("GET", "/health")
                return
            await asyncio.sleep(0.05)
