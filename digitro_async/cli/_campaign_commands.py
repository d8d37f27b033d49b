"""``digitro campaign``: what is dialled, changed while it is dialled."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from digitro_async.cli._block_orders import (
    block_number,
    call_contact_back,
    unblock_number,
)
from digitro_async.cli._campaign_options import (
    ADDED_AS_FOUND,
    NO_CONTACT_MEANT,
    NO_TERMS,
    AddingOptions,
    MeantContacts,
    MeantOptions,
    OrderTerms,
    TermOptions,
)
from digitro_async.cli._command_loop import run_tuned
from digitro_async.cli._contact_names import contact_named
from digitro_async.cli._exit import Exit
from digitro_async.cli._given_orders import control_of, nobody_dials
from digitro_async.cli._ledger_options import (
    NOT_INSISTING,
    check_is_there,
    opened_ledger,
)
from digitro_async.cli._list_adding import AddOrder, add_to_ledger
from digitro_async.cli._named_ledger import NO_LEDGER_NAMED, LedgerOptions
from digitro_async.cli._output import print_error, print_line
from digitro_async.cli._reading_options import READ_AS_FOUND, ReadingOptions
from digitro_async.config import load_config
from digitro_async.errors import ConfigurationError, LedgerError
from digitro_async.ledger import LedgerAddress, State, holder_of, open_ledger
from digitro_async.privacy import Personal

__all__ = ["campaign"]

_Action = Literal["list", "add", "withdraw", "weight", "block", "unblock", "call-back"]
_Contact = str | int | Personal
_NamedContacts = Sequence[tuple[int, _Contact]]
"""Contacts, each behind the number of the line that names it; 0 where none does."""
_Withdraw = Callable[[_Contact], Awaitable[State]]

_SECONDS: Final = 60.0
"""Seconds in which a withdrawal is tried again while a call is on the wire."""

_REST: Final = 0.5


def campaign(
    action: _Action,
    value: str | None = None,
    *,
    meant: MeantOptions = NO_CONTACT_MEANT,
    config: Path = Path("digitro.toml"),
    adding: AddingOptions = ADDED_AS_FOUND,
    terms: TermOptions = NO_TERMS,
    read: ReadingOptions = READ_AS_FOUND,
    ledger: LedgerOptions = NO_LEDGER_NAMED,
) -> Exit:
    """Add, withdraw, block or call back contacts of a campaign.

    It can be done while they are dialled, too, and is in force at once for all calls
    that are not begun.

    Args:
        action: ``list``, ``add`` a file, ``withdraw`` contacts, set the ``weight``,
            ``block`` or ``unblock`` a number, or ``call-back`` a contact.
        value: The file of ``add``, the contact of ``withdraw`` and ``call-back`` (its
            id, or # and its number), the number of ``weight``, the phone number of
            ``block`` and ``unblock``: without it, it is asked for, so that it does not
            show in the list of processes.
        meant: The contacts that are meant.
        config: With add: configuration file.
        adding: How a file is added.
        terms: The terms of a block or a callback.
        read: With add: the ways in which the file is read.
        ledger: The ledger.
    """
    address = ledger.address()
    terms.check(action)
    if action in {"withdraw", "call-back"}:
        return _about_contacts(action, value, meant, terms, address)
    if not meant.are_none:
        raise ConfigurationError("--id, --number and --file are about withdraw")
    if action in {"block", "unblock"}:
        check_is_there(address)
        if action == "block":
            return block_number(address, value, until=terms.until, reason=terms.reason)
        return unblock_number(address, value)
    if action == "list":
        _check_value(value, is_needed=False, what="list")
        return run_tuned(_list(address))
    text = _check_value(value, is_needed=True, what=action)
    if action == "weight":
        if ledger.campaign is None:
            raise ConfigurationError("weight is a campaign's: name it with --campaign")
        return run_tuned(_weigh(address, ledger.campaign, text))
    return run_tuned(_add(address, config, adding.order(text, read)))


def _about_contacts(
    action: str,
    value: str | None,
    meant: MeantContacts,
    terms: OrderTerms,
    address: LedgerAddress,
) -> Exit:
    """Withdraw contacts, or call one back."""
    if action == "withdraw":
        several = _contacts(value, meant.own_id, meant.number, meant.file)
        check_is_there(address)
        return run_tuned(_withdraw_all(address, several))
    if meant.file is not None:
        raise ConfigurationError("--file is about withdraw")
    contact = contact_named(value, meant.own_id, meant.number)
    check_is_there(address)
    return call_contact_back(address, contact, at=terms.at, place=terms.place)


def _check_value(value: str | None, *, is_needed: bool, what: str) -> str:
    """Return the value of an action.

    Raises:
        ConfigurationError: If it is missing, or one too many.
    """
    if is_needed == (value is not None):
        return value or ""
    needs = {"add": "name the file to add", "weight": "say the weight, above 0"}
    raise ConfigurationError(needs.get(what, f"{what} takes no further word"))


def _contacts(
    value: str | None, own_id: str | None, number: str | None, file: Path | None
) -> _NamedContacts:
    """Return the contacts that are meant.

    Raises:
        ConfigurationError: If that is not said, or more than once.
    """
    if file is None:
        return [(0, contact_named(value, own_id, number))]
    if any(one is not None for one in (value, own_id, number)):
        raise ConfigurationError("--file names the contacts: give no other")
    found = [*_lines_of(file)]
    if not found:
        raise ConfigurationError("--file names no contact")
    return found


def _lines_of(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines that name a contact, each behind its number."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8-sig")
    except (OSError, UnicodeError) as error:
        problem = type(error).__name__
    else:
        lines = map(str.strip, text.splitlines())
        yield from ((place, line) for place, line in enumerate(lines, 1) if line)
        return
    raise ConfigurationError(f"--file can't be read: {problem}")


async def _list(address: LedgerAddress) -> Exit:
    async with control_of(address) as control:
        found = await control.campaigns()
    for one in found:
        counts = ", ".join(f"{count:,} {state}" for state, count in one.counts.items())
        paused = f"; paused ({one.paused})" if one.paused else ""
        name = one.name or str(address)
        print_line(f"{name}: weight {one.weight:g}; {counts or 'no contact'}{paused}")
    return Exit.DONE


async def _weigh(address: LedgerAddress, campaign: str, text: str) -> Exit:
    try:
        weight = float(text)
    except ValueError:
        weight = 0.0
    if not 0 < weight < float("inf"):
        raise ConfigurationError("weight must be a number above 0")
    async with control_of(address) as control:
        await control.set_weight(campaign, weight)
    print_line(f"weight of campaign {campaign}: {weight:g}")
    return Exit.DONE


async def _add(address: LedgerAddress, config: Path, order: AddOrder) -> Exit:
    if address.path is not None and holder_of(address.path):
        async with control_of(address) as control:
            added: Any = await control.add(order.as_values())
        who = "the process that dials calls them"
    else:
        loaded = load_config(config)
        is_new = address.path is not None and not address.path.exists()
        opened = NOT_INSISTING.open(address)
        async with opened_ledger(opened, address) as ledger:
            if is_new:
                print_error(f"new ledger: {address}")
            added = await add_to_ledger(ledger, loaded, order)
        who = "digitro dial calls them"
        if address.path is None:
            who = "the workers that run call them"
    name = Path(order.contacts).name
    print_error(f"{name}: {added['reading']}")
    print_line(
        f"{name}: {added['new']} new contacts, {added['known']} known before, "
        f"{added['updated']} updated, {added['rejected']} rejected rows; {who}"
    )
    if added["rejected"]:
        print_error(f"{name}: rejected rows are in {Path(added['rejects']).name}")
    return Exit.INCOMPLETE if added["rejected"] else Exit.DONE


async def _withdraw_all(address: LedgerAddress, contacts: _NamedContacts) -> Exit:
    if address.path is not None and not holder_of(address.path):
        if not address.path.exists():
            raise nobody_dials(address)
        async with opened_ledger(NOT_INSISTING.open(address), address) as ledger:

            async def withdraw(contact: _Contact) -> State:
                now = time.time()
                return await ledger.withdraw(contact, reason="withdrawn", now=now)

            return await _withdraw(withdraw, contacts)
    if address.path is None:
        async with open_ledger(address) as shared:

            async def withdraw_shared(contact: _Contact) -> State:
                now = time.time()
                return await shared.withdraw(contact, reason="withdrawn", now=now)

            return await _withdraw(withdraw_shared, contacts)
    async with control_of(address) as control:
        return await _withdraw(control.withdraw, contacts)


async def _withdraw(withdraw: _Withdraw, contacts: _NamedContacts) -> Exit:
    """Withdraw contacts; say of each other one where it is."""
    withdrawn = late = unknown = 0
    for line, contact in contacts:
        named = f"line {line}: " if line else ""
        try:
            state = await _withdraw_one(withdraw, contact)
        except LedgerError as error:
            if error.reason not in {"no_such_contact", "ambiguous_contact"}:
                raise
            if len(contacts) == 1:
                raise
            print_error(f"{named}{error.args[0]}")
            unknown += 1
            continue
        if state is State.SKIPPED:
            withdrawn += 1
        else:
            late += 1
            print_error(f"{named}{_too_late(state)}")
    print_line(f"withdrawn       {withdrawn}")
    print_line(f"too late        {late}")
    if len(contacts) > 1:
        print_line(f"not found       {unknown}")
    return Exit.INCOMPLETE if late or unknown else Exit.DONE


async def _withdraw_one(withdraw: _Withdraw, contact: _Contact) -> State:
    """Withdraw a contact, and try again as long as its call is on the wire.

    A call that was provably not placed would be tried again otherwise.
    """
    until = time.monotonic() + _SECONDS
    while True:
        state = await withdraw(contact)
        if state is not State.INTENT or time.monotonic() > until:
            return state
        await asyncio.sleep(_REST)


def _too_late(state: State) -> str:
    if state is State.INTENT:
        return "a call is on the wire, and its outcome not known yet: withdraw it again"
    if state is State.UNKNOWN:
        return "it may have been called already; it is unknown, and is called no more"
    return f"it is {state} already"
