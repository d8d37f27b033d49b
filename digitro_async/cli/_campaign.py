"""``digitro dial --ledger``: a list that survives whatever happens to the process."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import attrs
from cyclopts import Parameter

from digitro_async.campaign import (
    Campaign,
    CampaignRun,
    Imported,
    Ledger,
    State,
    open_ledger,
)
from digitro_async.cli._client import open_client
from digitro_async.cli._config import Config
from digitro_async.cli._dialling import take_all
from digitro_async.cli._exit import Exit
from digitro_async.cli._output import complain, say
from digitro_async.cli._tally import Tally
from digitro_async.client import DigitroClient
from digitro_async.contacts import (
    Contact,
    ContactFile,
    RejectCode,
    RejectedRow,
    RejectsFile,
)
from digitro_async.errors import LedgerError
from digitro_async.models import CallResult

__all__ = [
    "NOT_INSISTING",
    "InsistOptions",
    "Insisting",
    "dial_campaign",
    "print_counts",
]

_MOST_SHOWN = 1000
_Switch = Annotated[bool, Parameter(negative="")]


@attrs.frozen(kw_only=True)
class Insisting:
    """What a ledger is opened in spite of: options of the commands that change one.

    Attributes:
        any_file_system: Let the ledger stand on a file system that is not known to be
            local; whether its locks and syncs hold is yours to know.
        accept_loss: Go on with a ledger that lost some of its record: who is not final
            in what is left may have been called, and may be called again.
    """

    any_file_system: _Switch = False
    accept_loss: _Switch = False

    def open(self, path: Path) -> Ledger:
        """Return the ledger at a path, not yet open."""
        return open_ledger(
            path, any_file_system=self.any_file_system, accept_loss=self.accept_loss
        )


InsistOptions = Annotated[Insisting, Parameter(name="*")]
NOT_INSISTING = Insisting()


async def dial_campaign(
    config: Config,
    ledger_path: Path,
    contacts: ContactFile | None,
    rejects: RejectsFile | None,
    *,
    allow_duplicates: bool = False,
    max_attempts: int = 5,
    insist: Insisting = NOT_INSISTING,
) -> Exit:
    """Put contacts into a ledger, if there are any, and dial what is pending in it.

    Raises:
        LedgerError: If the ledger can't be used.
    """
    async with insist.open(ledger_path) as ledger, open_client(config) as client:
        campaign = Campaign(ledger, client, call=config.call, max_attempts=max_attempts)
        resumes = sum((await ledger.counts()).values()) > 0
        complain(f"{'resuming' if resumes else 'new ledger'}: {ledger_path}")
        _complain_of_recovered(ledger)
        tally = Tally()
        if contacts is not None:
            await _import(campaign, contacts, rejects, tally, by_line=allow_duplicates)
        return await _run(campaign, client, ledger, tally, max_attempts)


def _complain_of_recovered(ledger: Ledger) -> None:
    if ledger.recovered:
        complain(
            f"{ledger.recovered} calls were on the wire when the last run died: "
            "they are unknown now, and are not made again"
        )


async def _import(
    campaign: Campaign,
    contacts: ContactFile,
    rejects: RejectsFile | None,
    tally: Tally,
    *,
    by_line: bool,
) -> Imported:
    def reject(row: RejectedRow) -> None:
        tally.rejected_rows += 1
        if rejects is not None:
            rejects.write(row)

    def repeated(contact: Contact, line: int) -> None:
        reject(
            RejectedRow(
                file=contacts.name,
                line=contact.line,
                reason=f"is the contact of line {line}",
                code=RejectCode.DUPLICATE,
            )
        )

    imported = await campaign.add(
        contacts, repeated=repeated, rejected=reject, allow_duplicates=by_line
    )
    complain(
        f"{contacts.name}: {imported.new} new contacts, {imported.known} known before, "
        f"{tally.rejected_rows} rejected rows"
    )
    return imported


async def _run(
    campaign: Campaign,
    client: DigitroClient,
    ledger: Ledger,
    tally: Tally,
    max_attempts: int,
) -> Exit:
    counts = await ledger.counts()
    pending = counts[State.PENDING] - await ledger.given_up(max_attempts)
    tally.restart()
    run = campaign.run()
    code = await take_all(
        client, run, tally, left=_left_of(pending, tally), write=_keep_nothing
    )
    _complain_of_unrecorded(run)
    try:
        counts = await ledger.counts()
        print_counts(counts, await ledger.given_up(max_attempts))
    except LedgerError as error:
        problem = str(error.args[0])
    else:
        return _exit_of(counts, tally) if code is None else code
    # It was whole when the run began, and calls were made since.
    complain(f"digitro: {problem}")
    return Exit.PAUSED if code is None else code


def _complain_of_unrecorded(run: CampaignRun) -> None:
    """Say whose calls the ledger knows nothing of."""
    unrecorded = run.unrecorded
    for number, outcome in unrecorded[:_MOST_SHOWN]:
        complain(f"not in the ledger: contact #{number}, {outcome}")
    if len(unrecorded) > _MOST_SHOWN:
        complain(f"not in the ledger: {len(unrecorded) - _MOST_SHOWN} more")


def _left_of(pending: int, tally: Tally) -> Callable[[], float | None]:
    return lambda: pending - tally.settled


def _keep_nothing(_: CallResult) -> None:
    """Results are in the ledger before they get here."""


def print_counts(counts: Mapping[State, int], given_up: int) -> None:
    """Print how many contacts of a ledger are in each state."""
    say(f"in the ledger: {sum(counts.values())} contacts")
    for state, count in counts.items():
        if count:
            say(f"  {state:<14}{count}")
    if given_up:
        say(f"  of the pending, {given_up} had their last attempt")


def _exit_of(counts: Mapping[State, int], tally: Tally) -> Exit:
    if sum(counts.values()) == counts[State.ACCEPTED] and not tally.rejected_rows:
        return Exit.DONE
    return Exit.INCOMPLETE
