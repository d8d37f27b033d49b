"""The process of a worker in a lab: ``digitro worker``, forked with all it loads."""

import os
import sys

from digitro_async.cli import main
from digitro_async.cli._run_worker import worker
from digitro_async.ledger import PostgresLedger
from digitro_async.workers import ProcrastinateEngine, WorkerDatabase

LOADED = (worker, PostgresLedger, ProcrastinateEngine, WorkerDatabase)
"""Loaded once, in the process that the others are forked from."""

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
    try:
        main(words)
    except SystemExit as end:
        sys.stdout.flush()
        os._exit(int(end.code or 0))
