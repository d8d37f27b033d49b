"""``digitro dial --ledger``: a list that survives whatever happens to the process."""

from collections.abc import Callable, Mapping
from pathlib import Path

from digitro_async.campaign import Campaign, CampaignRun
from digitro_async.cli._client import open_client
from digitro_async.cli._dialling import take_all
from digitro_async.cli._exit import Course, Exit
from digitro_async.cli._importing import Plan, import_file, is_whole
from digitro_async.cli._output import print_error, print_line
from digitro_async.cli._tally import RunCounts
from digitro_async.client import DigitroClient
from digitro_async.config import Config
from digitro_async.errors import LedgerError
from digitro_async.ledger import Ledger, State
from digitro_async.models import CallResult

__all__ = ["dial_campaign", "print_counts"]

_MOST_SHOWN = 1000


async def dial_campaign(
    config: Config, ledger_path: Path, plan: Plan, course: Course
) -> Exit:
    """Put contacts into a ledger, if there are any, and dial what is pending in it.

    Raises:
        LedgerError: If the ledger can't be used, or lacks contacts of a file.
    """
    async with plan.insist.open(ledger_path) as ledger, open_client(config) as client:
        campaign = Campaign(
            ledger,
            client,
            call=config.call,
            max_attempts=plan.max_attempts,
            partial=plan.insist.partial,
        )
        resumes = sum((await ledger.counts()).values()) > 0
        print_error(f"{'resuming' if resumes else 'new ledger'}: {ledger_path}")
        _complain_of_recovered(ledger)
        tally = RunCounts()
        if plan.contacts is not None and not await import_file(
            campaign, plan.contacts, plan, tally, course
        ):
            return course.code(Exit.INCOMPLETE)
        whole = await is_whole(ledger, plan)
        ended = await _run(
            campaign,
            client,
            ledger,
            tally,
            course=course,
            max_attempts=plan.max_attempts,
        )
        if ended is Exit.DONE and not whole:
            return Exit.INCOMPLETE
        return ended


def _complain_of_recovered(ledger: Ledger) -> None:
    if ledger.recovered:
        print_error(
            f"{ledger.recovered} calls were on the wire when the last run died: "
            "they are unknown now, and are not made again"
        )


async def _run(
    campaign: Campaign,
    client: DigitroClient,
    ledger: Ledger,
    tally: RunCounts,
    *,
    course: Course,
    max_attempts: int,
) -> Exit:
    counts = await ledger.counts()
    pending = counts[State.PENDING] - await ledger.count_exhausted(max_attempts)
    tally.restart()
    run = campaign.run()
    code = await take_all(
        client,
        run,
        tally,
        course,
        left=_left_of(pending, tally),
        write=_keep_nothing,
    )
    _complain_of_unrecorded(run)
    try:
        counts = await ledger.counts()
        print_counts(counts, await ledger.count_exhausted(max_attempts))
    except LedgerError as error:
        problem = str(error.args[0])
    else:
        return _exit_of(counts, tally) if code is None else code
    # It was whole when the run began, and calls were made since.
    print_error(f"digitro: {problem}")
    return Exit.PAUSED if code is None else code


def _complain_of_unrecorded(run: CampaignRun) -> None:
    """Say whose calls the ledger knows nothing of."""
    unrecorded = run.unrecorded
    for number, outcome in unrecorded[:_MOST_SHOWN]:
        print_error(f"not in the ledger: contact #{number}, {outcome}")
    if len(unrecorded) > _MOST_SHOWN:
        print_error(f"not in the ledger: {len(unrecorded) - _MOST_SHOWN} more")


def _left_of(pending: int, tally: RunCounts) -> Callable[[], float | None]:
    return lambda: pending - tally.settled


def _keep_nothing(_: CallResult) -> None:
    """Results are in the ledger before they get here."""


def print_counts(counts: Mapping[State, int], count_exhausted: int) -> None:
    """Print how many contacts of a ledger are in each state."""
    print_line(f"in the ledger: {sum(counts.values())} contacts")
    for state, count in counts.items():
        if count:
            print_line(f"  {state:<14}{count}")
    if count_exhausted:
        print_line(f"  of the pending, {count_exhausted} had their last attempt")


def _exit_of(counts: Mapping[State, int], tally: RunCounts) -> Exit:
    if sum(counts.values()) == counts[State.ACCEPTED] and not tally.rejected_rows:
        return Exit.DONE
    return Exit.INCOMPLETE
