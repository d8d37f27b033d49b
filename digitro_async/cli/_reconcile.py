"""``digitro reconcile``: record the outcome of an unknown contact, by evidence."""

import re
import time
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from digitro_async.cli._arguments import LEDGER
from digitro_async.cli._exit import Exit
from digitro_async.cli._interrupts import current, ends_anyway
from digitro_async.cli._ledger_options import (
    NOT_INSISTING,
    InsistOptions,
    opened_ledger,
)
from digitro_async.cli._output import print_line
from digitro_async.cli._process import run_tuned
from digitro_async.errors import ConfigurationError, LedgerError
from digitro_async.ledger import Ledger
from digitro_async.privacy import Personal

__all__ = ["reconcile"]

_WHOLE_NUMBER = re.compile(r"[1-9]\d{0,18}", re.ASCII)

_Verdict = Literal["accepted", "not-placed"]
_VERDICTS: tuple[_Verdict, ...] = ("accepted", "not-placed")


def reconcile(
    contact: str | None = None,
    verdict: _Verdict | None = None,
    *,
    own_id: Annotated[str | None, Parameter(name="--id")] = None,
    number: str | None = None,
    ledger: Annotated[Path, LEDGER],
    evidence: str,
    insist: InsistOptions = NOT_INSISTING,
) -> Exit:
    """Record the outcome of an unknown contact, with evidence for it.

    Args:
        contact: Its id, or # and its number as ``digitro results`` shows it.
        verdict: Whether it was called; ``not-placed`` makes it pending again.
        own_id: Its id, in place of CONTACT, where that could be taken for a number.
        number: Its number, in place of CONTACT, where that could be taken for an id.
        ledger: File of the ledger; no campaign may be running on it.
        evidence: Source of the verdict; it is kept in the ledger.
        insist: Doubts about the ledger that are put aside.
    """
    named, verdict = _meant(contact, verdict, own_id, number)
    if not ledger.is_file():
        raise LedgerError(f"there is no {ledger.name}", reason="no_ledger")
    opened = insist.open(ledger)
    return run_tuned(_reconcile(opened, ledger, named, verdict, evidence))


def _meant(
    contact: str | None,
    verdict: _Verdict | None,
    own_id: str | None,
    number: str | None,
) -> tuple[str | int | Personal, _Verdict]:
    """Return which contact is meant, and the verdict.

    Raises:
        ConfigurationError: If that is not said, or more than once.
    """
    options = [one for one in (own_id, number) if one is not None]
    if options and verdict is None and contact is not None:
        # The contact is named by the option: the one word that is left is the verdict.
        word, contact = contact, None
        verdict = next((known for known in _VERDICTS if known == word), None)
    if len(options) + (contact is not None) != 1:
        raise ConfigurationError("name the contact once: CONTACT, --id or --number")
    if verdict is None:
        raise ConfigurationError(f"say the verdict: {' or '.join(_VERDICTS)}")
    if number is not None:
        if not _WHOLE_NUMBER.fullmatch(number):
            raise ConfigurationError("--number must be a whole number above 0")
        return int(number), verdict
    return (contact if own_id is None else Personal(own_id)) or "", verdict


async def _reconcile(
    opened: Ledger,
    path: Path,
    contact: str | int | Personal,
    verdict: _Verdict,
    evidence: str,
) -> Exit:
    async with opened_ledger(opened, path) as ledger:
        ends_anyway()  # it is written in a moment, and then said
        done = await ledger.reconcile(
            contact,
            accepted=verdict == "accepted",
            evidence=evidence,
            now=time.time(),
        )
    print_line(f"#{done.number} is {done.state} now")
    return Exit.INTERRUPTED if current().heard else Exit.DONE
