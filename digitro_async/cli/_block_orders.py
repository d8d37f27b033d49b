"""``digitro campaign block``, ``unblock`` and ``call-back``, also while dialled."""

import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, TypeVar

from digitro_async.cli._asked_number import asked_number
from digitro_async.cli._command_loop import run_tuned
from digitro_async.cli._exit import Exit
from digitro_async.cli._given_orders import control_of, nobody_dials
from digitro_async.cli._ledger_options import NOT_INSISTING, opened_ledger
from digitro_async.cli._loaded_rules import moment_of
from digitro_async.cli._output import print_error, print_line
from digitro_async.cli._waiting_contacts import local_moment
from digitro_async.control import Control
from digitro_async.control._schedule_orders import (
    block_in_ledger,
    call_back_in_ledger,
    unblock_in_ledger,
)
from digitro_async.errors import ConfigurationError
from digitro_async.ledger import Ledger, LedgerAddress, State, holder_of
from digitro_async.privacy import Personal
from digitro_async.rules import end_of_block

__all__ = ["block_number", "call_contact_back", "unblock_number"]

_Result = TypeVar("_Result")

REASON: Final = "asked not to be called"
"""Reason of a block for which none is given."""

_LONGEST_DATE: Final = len("2026-12-31")


def block_number(
    address: LedgerAddress, number: str | None, *, until: str | None, reason: str | None
) -> Exit:
    """Let nobody call a number any more, in any campaign of a ledger.

    Args:
        address: The ledger.
        number: The number; None to ask for it.
        until: The last day of the block or the time of its end; None for no end.
        reason: Why.

    Raises:
        ConfigurationError: If a value can't be used.
        LedgerError: If the ledger can't be written.
    """
    end = _end_of(until)
    phone = Personal(asked_number("block") if number is None else number)
    return run_tuned(_block(address, phone, end, REASON if reason is None else reason))


def unblock_number(address: LedgerAddress, number: str | None) -> Exit:
    """Let a number be called again that was blocked by an order.

    Args:
        address: The ledger.
        number: The number; None to ask for it.

    Raises:
        ConfigurationError: If it is none.
        LedgerError: If the ledger can't be written.
    """
    phone = Personal(asked_number("unblock") if number is None else number)
    return run_tuned(_unblock(address, phone))


def call_contact_back(
    address: LedgerAddress,
    contact: str | int | Personal,
    *,
    at: str | None,
    place: int | None,
) -> Exit:
    """Let a contact wait for a call that was agreed on.

    Args:
        address: The ledger.
        contact: The contact.
        at: When.
        place: Which of its numbers is dialled, from 1; None for that of the last call.

    Raises:
        ConfigurationError: If a value can't be used.
        LedgerError: If there is no such contact, or the ledger can't be written.
    """
    if at is None:
        raise ConfigurationError(
            "call-back needs --at, such as --at 2026-12-01T09:00-03:00"
        )
    when = moment_of(at)
    index = None if place is None else place - 1
    return run_tuned(_call_back(address, contact, when, index))


async def _block(
    address: LedgerAddress, number: Personal, until: float | None, reason: str
) -> Exit:
    async def beside(ledger: Ledger) -> bool:
        await block_in_ledger(ledger, number, reason=reason, until=until)
        return True

    async def order(control: Control) -> bool:
        return await control.block(number, reason=reason, until=until)

    is_heeded = await _done(address, beside, order)
    end = "" if until is None else f" until {local_moment(until)}"
    print_line(f"blocked{end}: no run by rules calls it, in any campaign here")
    if not is_heeded:
        print_error(
            "the process that dials applies no rules, and may call it: withdraw the "
            "contact, or dial with --rules"
        )
    return Exit.DONE if is_heeded else Exit.INCOMPLETE


async def _unblock(address: LedgerAddress, number: Personal) -> Exit:
    async def beside(ledger: Ledger) -> bool:
        return await unblock_in_ledger(ledger, number)

    async def order(control: Control) -> bool:
        return await control.unblock(number)

    was_blocked = await _done(address, beside, order)
    print_line(
        "not blocked any more here; lists of the rules file hold as before"
        if was_blocked
        else "it was not blocked here: lists of the rules file hold, if they have it"
    )
    return Exit.DONE if was_blocked else Exit.INCOMPLETE


async def _call_back(
    address: LedgerAddress,
    contact: str | int | Personal,
    at: float,
    place: int | None,
) -> Exit:
    async def beside(ledger: Ledger) -> State:
        return await call_back_in_ledger(ledger, contact, at=at, place=place)

    async def order(control: Control) -> State:
        return await control.call_back(contact, at=at, place=place)

    state = await _done(address, beside, order)
    if state is State.PENDING:
        print_line(f"to be called back {local_moment(at)}, by a run that applies rules")
        return Exit.DONE
    print_error(f"the contact is {state}: it is not called back")
    return Exit.INCOMPLETE


async def _done(
    address: LedgerAddress,
    beside: Callable[[Ledger], Awaitable[_Result]],
    order: Callable[[Control], Awaitable[_Result]],
) -> _Result:
    """Give an order to the process that dials a file; else do it to the ledger."""
    if address.path is not None and holder_of(address.path):
        async with control_of(address) as control:
            return await order(control)
    async with _opened(address) as ledger:
        return await beside(ledger)


@contextlib.asynccontextmanager
async def _opened(address: LedgerAddress) -> AsyncIterator[Ledger]:
    if address.path is not None and not address.path.exists():
        raise nobody_dials(address)
    async with opened_ledger(NOT_INSISTING.open(address), address) as ledger:
        yield ledger


def _end_of(text: str | None) -> float | None:
    """Return when a block ends whose last day or end is given.

    Raises:
        ConfigurationError: If that is no day and no time with its zone.
    """
    if text is None:
        return None
    if len(text) <= _LONGEST_DATE:
        with contextlib.suppress(ValueError, OverflowError):
            return end_of_block(dt.date.fromisoformat(text))
        raise ConfigurationError("--until must be a day such as 2026-12-31, or a time")
    return moment_of(text, option="--until")
