"""Orders about single numbers and contacts, done to the schedule of a ledger."""

import time
from typing import Final, cast

from digitro_async.errors import ConfigurationError
from digitro_async.ledger import (
    AgreedCallback,
    Ledger,
    Schedule,
    ScheduledLedger,
    State,
)
from digitro_async.privacy import Personal
from digitro_async.rules import called_number

__all__ = [
    "block_in_ledger",
    "call_back_in_ledger",
    "check_reason",
    "key_of_number",
    "unblock_in_ledger",
]

_FEWEST: Final = 8
_LOCAL: Final = (8, 9)
_MOST: Final = 32
_LONGEST_REASON: Final = 64


async def block_in_ledger(
    ledger: Ledger, number: Personal, *, reason: str, until: float | None
) -> None:
    """Let nobody call a number, in any campaign of a ledger. See ``Schedule.block``.

    Raises:
        ConfigurationError: If it is no number with its area code, or the reason is no
            short text.
        LedgerError: If the ledger can't be written.
    """
    check_reason(reason)
    key = key_of_number(number)
    await _schedule(ledger).block(key, reason=reason, until=until, now=time.time())


async def unblock_in_ledger(ledger: Ledger, number: Personal) -> bool:
    """Take a number off; False where it was not blocked.

    Raises:
        ConfigurationError: If it is no number with its area code.
        LedgerError: If the ledger can't be written.
    """
    return await _schedule(ledger).unblock(key_of_number(number))


async def call_back_in_ledger(
    ledger: Ledger, contact: str | int | Personal, *, at: float, place: int | None
) -> State:
    """Let a contact wait for a call that was agreed on. See ``Schedule.call_back``.

    Raises:
        LedgerError: If there is no such contact, or the ledger can't be written.
    """
    callback = AgreedCallback(at=at, place=place)
    return await _schedule(ledger).call_back(contact, callback, now=time.time())


def key_of_number(number: Personal) -> int:
    """Return the key of a number, which is equal for all forms that it is written in.

    Raises:
        ConfigurationError: If it is none, or lacks its area code.
    """
    text = number.reveal().strip()
    digits = [one for one in text if one.isdecimal()]
    has_letters = any(one.isalpha() for one in text)
    if has_letters or not _FEWEST <= len(digits) <= _MOST or not text.isascii():
        raise ConfigurationError("a number has 8 digits or more, and no letters")
    if len(digits) in _LOCAL:
        raise ConfigurationError(
            "the number has no area code (DDD): another one's would be meant elsewhere"
        )
    return called_number(text).key


def check_reason(reason: str) -> None:
    """Refuse a reason that is no short text on one line.

    Raises:
        ConfigurationError: If it is none.
    """
    if not reason.isprintable() or not 0 < len(reason) <= _LONGEST_REASON:
        raise ConfigurationError(
            f"the reason of a block is printable text of 1 to {_LONGEST_REASON} "
            "characters"
        )


def _schedule(ledger: Ledger) -> Schedule:
    """Return the schedule of a ledger. Every ledger that ships keeps one."""
    return cast("ScheduledLedger", ledger).schedule
