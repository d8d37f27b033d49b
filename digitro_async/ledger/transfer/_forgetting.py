"""Forgets persons: erases what a ledger knows of them, and keeps the counts."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import attrs

from digitro_async.errors import ConfigurationError
from digitro_async.ledger._ledger_address import LedgerAddress
from digitro_async.ledger.sqlite._forget_sql import (
    contacts_before,
    erase_file,
    find_to_forget,
    forget_people,
)
from digitro_async.ledger.transfer._open_ends import (
    named_address,
    opened_campaign_of,
)
from digitro_async.ledger.transfer._sqlite_copy import SQLiteEnd, opened_end
from digitro_async.privacy import Personal

__all__ = ["ForgetSummary", "forget_contacts", "forget_old"]

_PAGE: Final = 20_000
"""Contacts of a file whose texts are in memory at once. Each page reads all events."""


@attrs.frozen(kw_only=True)
class ForgetSummary:
    """What forgetting did.

    Attributes:
        forgotten: Contacts whose numbers, ids and data were erased.
        skipped: Those of them that were to be called, and are called no more.
        is_clean: Whether the file holds nothing of them any more. False where somebody
            read it meanwhile, so that its log could not be emptied. None for a
            database, which keeps old rows in places that no client reaches.
    """

    forgotten: int
    skipped: int
    is_clean: bool | None


def forget_contacts(
    ledger: str | Path | LedgerAddress,
    *,
    campaign: str | None = None,
    contact: str | int | Personal | None = None,
    before: float | None = None,
    keep_hash: bool = False,
    any_file_system: bool = False,
    now: float | None = None,
) -> ForgetSummary:
    """Erase what a ledger knows of persons.

    What became of their contacts stays, with its evidence: states, times, call ids,
    attempts without their numbers. A file is written anew, and its log emptied. A
    database is vacuumed, and may be dialled meanwhile. Copies and backups are not
    touched.

    Args:
        ledger: Where it is, as for ``open_ledger``. Nobody may have a file open.
        campaign: Name of the campaign, if it is in a database.
        contact: The contact, as for ``Ledger.reconcile``; or
        before: Contacts whose last call or decision was before this Unix time. Whoever
            is still to be called is none of them.
        keep_hash: Whether a keyed hash of each stays, so that nobody calls them if a
            list has them again. Without it a list that has one calls a new contact.
        any_file_system: See ``SQLiteLedger``.
        now: The time; None for that of the machine.

    Raises:
        ConfigurationError: If not one of contact and time is given.
        LedgerInUseError: If somebody has the file open.
        LedgerError: If there is no such contact, a call to it may be on the wire, or
            the ledger can't be used.
    """
    if (contact is None) == (before is None):
        raise ConfigurationError("say whom to forget: one contact, or a time, not both")
    address = named_address(ledger, campaign)
    at = time.time() if now is None else now
    if address.path is None:
        return _forget_in_campaign(
            address, contact, before, keep_hash=keep_hash, now=at
        )
    with opened_end(
        address.path, any_file_system=any_file_system, is_there=True
    ) as end:
        if contact is not None:
            numbers = [end.ask(lambda c: find_to_forget(c, contact, at))]
        else:
            numbers = end.ask(partial(contacts_before, before=before or 0.0, now=at))
        return _forget_in_file(end, numbers, keep_hash=keep_hash, now=at)


def forget_old(
    ledger: str | Path | LedgerAddress,
    *,
    before: float,
    campaigns: Sequence[str | None] | None = None,
    any_file_system: bool = False,
    is_over: Callable[[], bool] = lambda: False,
) -> int:
    """Erase what a ledger knows of persons whose time is over; return how many.

    Their keyed hashes stay, so that a list that is dialled on calls none of them again.
    A ledger in which nobody is forgotten costs one look.

    Args:
        ledger: Where it is, as for ``open_ledger``. Nobody may have a file open.
        before: As for ``forget_contacts``.
        campaigns: Names of campaigns of a database; None or none for all there are.
        any_file_system: See ``SQLiteLedger``.
        is_over: Asked after each page of a database: whether the rest is left.

    Raises:
        LedgerInUseError: If somebody has the file open.
        LedgerError: If the ledger can't be used.
    """
    address, at = named_address(ledger, None), time.time()
    if address.path is None:
        return _forget_old_of_campaigns(address, before, campaigns, at, is_over)
    with opened_end(
        address.path, any_file_system=any_file_system, is_there=True
    ) as end:
        numbers = end.ask(partial(contacts_before, before=before, now=at))
        if not numbers:
            return 0
        return _forget_in_file(end, numbers, keep_hash=True, now=at).forgotten


def _forget_old_of_campaigns(
    address: LedgerAddress,
    before: float,
    campaigns: Sequence[str | None] | None,
    now: float,
    is_over: Callable[[], bool],
) -> int:
    # Late: a file needs no driver of a database.
    from digitro_async.ledger.transfer import _postgres_forget as sql  # noqa: PLC0415

    if not campaigns:
        with opened_campaign_of(address) as end:
            campaigns = sql.campaign_names(end)
    forgotten = 0
    for name in campaigns:
        with opened_campaign_of(attrs.evolve(address, campaign=name)) as end:
            forgotten += sql.forget_before(
                end, before, keep_hash=True, now=now, is_over=is_over
            )
            if forgotten and (name == campaigns[-1] or is_over()):
                sql.vacuum_tables(end)
        if is_over():
            break
    return forgotten


def _forget_in_campaign(
    address: LedgerAddress,
    contact: str | int | Personal | None,
    before: float | None,
    *,
    keep_hash: bool,
    now: float,
) -> ForgetSummary:
    # Late: a file needs no driver of a database.
    from digitro_async.ledger.transfer import _postgres_forget as sql  # noqa: PLC0415

    forgotten, skipped = 1, 0
    with opened_campaign_of(address, is_there=True) as end:
        if contact is not None:
            skipped = sql.forget_one(end, contact, keep_hash=keep_hash, now=now)
        else:
            forgotten = sql.forget_before(
                end, before or 0.0, keep_hash=keep_hash, now=now
            )
        sql.vacuum_tables(end)
    return ForgetSummary(forgotten=forgotten, skipped=skipped, is_clean=None)


def _forget_in_file(
    end: SQLiteEnd, numbers: Sequence[int], *, keep_hash: bool, now: float
) -> ForgetSummary:
    """Forget contacts in one commit, and write the file anew."""
    end.ask(lambda c: c.execute("PRAGMA secure_delete = ON").fetchone())
    end.ask(lambda c: c.execute("BEGIN IMMEDIATE"))
    skipped = 0
    for begin in range(0, len(numbers), _PAGE):
        page = numbers[begin : begin + _PAGE]
        forget = partial(forget_people, numbers=page, keep_hash=keep_hash, now=now)
        skipped += end.ask(forget)
    end.commit_change()
    return ForgetSummary(
        forgotten=len(numbers), skipped=skipped, is_clean=end.ask(erase_file)
    )
