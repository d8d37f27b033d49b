"""``digitro ledger forget``: erases what a ledger knows of persons."""

import contextlib
import re
import time
from datetime import datetime
from typing import Annotated, Final

import attrs
from cyclopts import Parameter

from digitro_async.cli._arguments import Switch
from digitro_async.cli._exit import Exit
from digitro_async.cli._output import print_error, print_line
from digitro_async.errors import ConfigurationError
from digitro_async.ledger import LedgerAddress
from digitro_async.ledger.transfer import forget_contacts

__all__ = ["NOBODY_NAMED", "ForgetOptions", "Forgotten", "forget_persons"]

SECONDS_OF_A_DAY: Final = 86_400.0
_DAYS: Final = re.compile(r"(\d{1,5})d", re.ASCII)


@attrs.frozen(kw_only=True)
class Forgotten:
    """Who is forgotten, and how.

    Attributes:
        before: With ``forget``, in place of a contact: everybody whose last call or
            decision was before this day (``2026-01-31``), or longer ago than so many
            days (``180d``). Whoever is still to be called is left.
        keep_hash: With ``forget``: keep a keyed hash of each, so that nobody calls them
            if a list has them again.
    """

    before: str | None = None
    keep_hash: Switch = False

    @property
    def is_said(self) -> bool:
        """Whether anything is said."""
        return self.before is not None or self.keep_hash


ForgetOptions = Annotated[Forgotten, Parameter(name="*")]
NOBODY_NAMED: Final = Forgotten()


def forget_persons(
    ledger: LedgerAddress,
    contact: str | None,
    given: Forgotten,
    *,
    any_file_system: bool,
) -> Exit:
    """Forget a contact, or those of before a day.

    Args:
        ledger: Where the ledger is.
        contact: The contact, None where a day is given.
        given: Who is forgotten, and how.
        any_file_system: As for ``digitro dial``.
    """
    before = None if given.before is None else _moment(given.before, time.time())
    summary = forget_contacts(
        ledger,
        contact=contact,
        before=before,
        keep_hash=given.keep_hash,
        any_file_system=any_file_system,
    )
    print_line(f"forgotten         {summary.forgotten}")
    print_line(f"called no more    {summary.skipped}")
    if summary.is_clean is None:
        print_line(
            "the database was vacuumed; its log, standbys and backups keep old rows "
            "until they are gone, and a transaction that was open may still see them"
        )
        return Exit.DONE
    if summary.is_clean:
        print_line("the file was written anew; copies and backups were not touched")
        return Exit.DONE
    print_error(
        "somebody reads the ledger, so its log still holds what was erased: give the "
        "same command again once nobody does"
    )
    return Exit.INCOMPLETE


def _moment(text: str, now: float) -> float:
    """Return the moment that a day or a number of days means.

    Raises:
        ConfigurationError: If it means none.
    """
    days = _DAYS.fullmatch(text)
    if days is not None:
        return now - int(days[1]) * SECONDS_OF_A_DAY
    with contextlib.suppress(ValueError, OverflowError, OSError):
        return datetime.fromisoformat(text).timestamp()
    raise ConfigurationError(
        '--before must be a day such as "2026-01-31", or days such as "180d"'
    )
