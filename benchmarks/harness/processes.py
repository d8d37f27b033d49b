"""Start the server and the clients, each in its own process."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from benchmarks.harness.work import WrongRunError

ROOT = Path(__file__).resolve().parents[2]
LONGEST_RUN = 3600
"""Seconds after which a client process is given up."""


@contextlib.contextmanager
def serving(
    delay: float, core: int | None, *, times: Path | None = None
) -> Iterator[int]:
    """Run a server and give its port; it ends with the block.

    Args:
        delay: Seconds from a whole request to its answer.
        core: Core to run on, None for any.
        times: File that gets the time of every request when it ends.
    """
    options = ["--delay", str(delay)]
    if times is not None:
        options += ["--times", str(times)]
    with server_process("servers.pabx_server", options, core) as port:
        yield port


@contextlib.contextmanager
def server_process(module: str, options: list[str], core: int | None) -> Iterator[int]:
    """Run a server and give its port; it ends with the block.

    Args:
        module: Its module within the benchmarks, which prints a port and serves until
            its stdin is closed.
        options: Options of its command line.
        core: Core to run on, None for any.

    Raises:
        WrongRunError: If it did not start.
    """
    command = [sys.executable, "-m", f"benchmarks.{module}", *options]
    if core is not None:
        command += ["--core", str(core)]
    server = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        port = server.stdout.readline()
        if not port:
            raise WrongRunError("the server did not start")
        yield int(port)
    finally:
        server.communicate()  # closes its stdin, which ends it


def run_module(
    module: str, job: Any, *, seconds: float = LONGEST_RUN
) -> dict[str, Any]:
    """Run a module with a job and return the figures that it hands in.

    Args:
        module: Its name within the benchmarks.
        job: An attrs value; it is passed on as JSON.
        seconds: Most that it may take.

    Raises:
        WrongRunError: If it failed; what it wrote stands in the text.
    """
    command = [sys.executable, "-m", f"benchmarks.{module}"]
    done = subprocess.run(
        [*command, json.dumps(attrs.asdict(job))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    if done.returncode:
        last = "\n".join(done.stderr.splitlines()[-5:])
        raise WrongRunError(f"{module} failed:\n{last}")
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures
