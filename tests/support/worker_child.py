"""The process of a worker in a lab: ``digitro worker``, forked with all it loads."""

import os
import sys

import digitro_async.cli._worker
import digitro_async.ledger.postgres._postgres_ledger
import digitro_async.workers._procrastinate_engine
import digitro_async.workers._worker_database  # noqa: F401 - loaded once for all
from digitro_async.cli._app import run

__all__ = ["run_worker"]


def run_worker(words: list[str], log: str) -> None:
    """Run the command and end the process with its exit code.

    Args:
        words: The words after ``digitro``.
        log: File that takes what it prints.
    """
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(out, 1)
    os.dup2(out, 2)
    code = run(words)
    sys.stdout.flush()
    os._exit(code)
