"""Stops the command that loads it once its import has some contacts in the ledger.

Who started the command sees that it stands still, and has all the time it wants to kill
it, to send a signal or to change a file. Every 32 rows are a page here.
"""

import os
import signal
from typing import Any, Final

from digitro_async.campaign import _row_pages
from digitro_async.ledger import SQLiteLedger

__all__ = ["STOPS_AT", "stop"]

STOPS_AT: Final = "TESTS_STOP_IMPORT_AT"
"""The environment's name for how many contacts."""


def stop(number: int) -> None:
    """Stop this process once that many contacts were put in."""
    before = SQLiteLedger.add
    left = [number]

    async def add(self: SQLiteLedger, contacts: Any, **given: Any) -> Any:
        added = await before(self, contacts, **given)
        is_early = left[0] > 0
        left[0] -= len(contacts)
        if is_early and left[0] <= 0:
            os.kill(os.getpid(), signal.SIGSTOP)
        return added

    _row_pages.SLICE_SECONDS = 0.0
    SQLiteLedger.add = add  # type: ignore[method-assign]  # in this process alone


if os.environ.get(STOPS_AT):
    stop(int(os.environ[STOPS_AT]))
