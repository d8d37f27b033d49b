"""Forgets persons: erases what a ledger knows of them, and keeps the counts."""

import time
from functools import partial
from pathlib import Path

import attrs

from digitro_async.errors import ConfigurationError
from digitro_async.ledger._ledger_address import ledger_address
from digitro_async.ledger.sqlite._forget_sql import (
    contacts_before,
    erase_file,
    find_to_forget,
    forget_people,
)
from digitro_async.ledger.transfer._sqlite_copy import SQLiteEnd, opened_end
from digitro_async.privacy import Personal

__all__ = ["ForgetSummary", "forget_contacts"]


@attrs.frozen(kw_only=True)
class ForgetSummary:
    """What forgetting did.

    Attributes:
        forgotten: Contacts whose numbers, ids and data were erased.
        skipped: Those of them that were to be called, and are called no more.
        is_clean: Whether the file holds nothing of them any more. False where somebody
            read it meanwhile, so that its log could not be emptied.
    """

    forgotten: int
    skipped: int
    is_clean: bool


def forget_contacts(
    ledger: str | Path,
    *,
    contact: str | int | Personal | None = None,
    before: float | None = None,
    keep_hash: bool = False,
    any_file_system: bool = False,
    now: float | None = None,
) -> ForgetSummary:
    """Erase what a ledger in a file knows of persons.

    What became of their contacts stays, with its evidence: states, times, call ids,
    attempts without their numbers. The file is written anew, and its log emptied.
    Copies and backups are not touched.

    Args:
        ledger: The file; nobody may have it open.
        contact: The contact, as for ``Ledger.reconcile``; or
        before: Contacts whose last call or decision was before this Unix time. Whoever
            is still to be called is none of them.
        keep_hash: Whether a keyed hash of each stays, so that nobody calls them if a
            list has them again. Without it a list that has one calls a new contact.
        any_file_system: See ``SQLiteLedger``.
        now: The time; None for that of the machine.

    Raises:
        ConfigurationError: If not one of contact and time is given, or the ledger is in
            a database.
        LedgerInUseError: If somebody has the file open.
        LedgerError: If there is no such contact, a call to it may be on the wire, or
            the file can't be used.
    """
    if (contact is None) == (before is None):
        raise ConfigurationError("say whom to forget: one contact, or a time, not both")
    address = ledger_address(ledger)
    if address.path is None:
        raise ConfigurationError(
            "this forgets persons of a ledger in a file: of a campaign in a database, "
            "delete their rows of person"
        )
    at = time.time() if now is None else now
    with opened_end(
        address.path, any_file_system=any_file_system, is_there=True
    ) as end:
        end.ask(lambda c: c.execute("PRAGMA secure_delete = ON").fetchone())
        end.ask(lambda c: c.execute("BEGIN IMMEDIATE"))
        if contact is not None:
            numbers = [end.ask(lambda c: find_to_forget(c, contact, at))]
        else:
            numbers = end.ask(partial(contacts_before, before=before or 0.0, now=at))
        skipped = end.ask(
            lambda c: forget_people(c, numbers, keep_hash=keep_hash, now=at)
        )
        end.commit_change()
        return _cleaned(end, len(numbers), skipped)


def _cleaned(end: SQLiteEnd, forgotten: int, skipped: int) -> ForgetSummary:
    is_clean = end.ask(erase_file)
    return ForgetSummary(forgotten=forgotten, skipped=skipped, is_clean=is_clean)
