"""Says of the campaigns of a database which contacts wait, and until when."""

import asyncio
import time
from collections.abc import Sequence

from digitro_async.cli._given_orders import control_of
from digitro_async.cli._output import print_error, print_line
from digitro_async.cli._waiting_contacts import waiting_lines
from digitro_async.errors import DigitroError
from digitro_async.ledger import LedgerAddress, ledger_address, open_ledger_reader

__all__ = ["print_waiting_campaigns"]


async def print_waiting_campaigns(
    address: LedgerAddress, campaigns: Sequence[str], max_attempts: int
) -> None:
    """Print of each campaign how many contacts wait for a call, where any do.

    Args:
        address: The database.
        campaigns: Names of the campaigns; empty for all that it has.
        max_attempts: Attempts after which a contact waits for none.
    """
    try:
        for name in campaigns or await _with_pending(address):
            lines = await asyncio.to_thread(_lines_of, address, name, max_attempts)
            if lines:
                print_line(f"campaign {name}:")
            for line in lines:
                print_line(line)
    except DigitroError as error:
        print_error(f"who waits is not known: {error.args[0]}")


async def _with_pending(address: LedgerAddress) -> list[str]:
    async with control_of(address) as control:
        found = await control.campaigns()
    return [one.name for one in found if one.counts.get("pending")]


def _lines_of(address: LedgerAddress, name: str, max_attempts: int) -> list[str]:
    with open_ledger_reader(ledger_address(address, campaign=name)) as reader:
        return [*waiting_lines(reader.waiting(time.time(), max_attempts))]
