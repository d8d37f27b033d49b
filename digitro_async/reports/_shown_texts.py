"""PURE: texts of a ledger as they may stand where others read them."""

import functools
import re
from typing import Final

from digitro_async._common.masking import masked
from digitro_async._common.reason_words import words_of
from digitro_async._common.reasons import is_code
from digitro_async._common.text import printable
from digitro_async.ledger._ledger_address import DEFAULT_CAMPAIGN, LedgerAddress
from digitro_async.privacy import MASK, Personal

__all__ = [
    "masked_number",
    "shown_ledger",
    "shown_pabx",
    "shown_reason",
    "shown_words",
]

_ADDRESS: Final = re.compile(r"://|@|::|\d{1,3}(\.\d{1,3}){3}|:\d{2,5}$")
_LEAST_DIGITS: Final = 8
"""Shorter numbers are told by the four digits that a mask leaves."""

_LONGEST_NAME: Final = 60

OTHER: Final = "another_reason"


@functools.lru_cache(maxsize=1024)
def shown_reason(reason: str) -> str:
    """Return a reason where it is a code, and ``another_reason`` for any other text."""
    return reason if not reason or is_code(reason) else OTHER


@functools.lru_cache(maxsize=1024)
def shown_pabx(name: str) -> str:
    """Return the name of a PABX, masked where it is an address."""
    if _ADDRESS.search(name):
        return MASK
    short = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."
    return printable(short)


@functools.lru_cache(maxsize=1024)
def shown_words(reason: str) -> str:
    """Return what a reason means, in words that follow "3 calls"."""
    return _WORDS.get(reason) or words_of(reason)


def shown_ledger(address: LedgerAddress) -> str:
    """Return the name of a ledger without folder, host and user."""
    if address.path is not None:
        return printable(address.path.name)
    return printable(f"campaign {address.campaign or DEFAULT_CAMPAIGN}")


def masked_number(number: Personal | None) -> str:
    """Return a number of which the first and last two digits are shown at most."""
    if number is None:
        return "not kept"
    text = number.reveal()
    if sum(char.isalnum() for char in text) < _LEAST_DIGITS or not text.isascii():
        return MASK
    return printable(masked(text))


_WORDS: Final = {
    OTHER: "ended for another reason",
    "owner_gone": "had no outcome when the process ended",
    "other_data": "differed from a list",
    "reconciled": "got their outcome by evidence",
    "restored": "may have been called after a backup",
}
