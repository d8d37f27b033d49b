"""Dials a list through its ledger, so that the list survives any end of the process."""

import contextlib
import time
from collections.abc import AsyncIterator

from digitro_async.campaign import Campaign, CampaignRun
from digitro_async.cli._chosen_ledger import ChosenLedger
from digitro_async.cli._counts import RunCounts
from digitro_async.cli._exit import Course, Exit, exit_after_dial
from digitro_async.cli._figure_words import clock
from digitro_async.cli._heeded_lines import heeding_of
from digitro_async.cli._importing import Plan, import_file, is_whole
from digitro_async.cli._ledger_view import print_counts, print_ends
from digitro_async.cli._list_words import say_how_it_is_read, say_what_was_cleaned
from digitro_async.cli._named_ledger import ledger_words
from digitro_async.cli._next_steps import next_steps
from digitro_async.cli._open_client import open_client
from digitro_async.cli._output import print_error, print_line
from digitro_async.cli._page_serving import serving_page
from digitro_async.cli._result_sending import sending_results
from digitro_async.cli._run_orders import taking_orders
from digitro_async.cli._shared_worker import Working, shared_worker
from digitro_async.cli._take_results import take_results
from digitro_async.cli._waiting_contacts import print_waiting, say_left_alone
from digitro_async.client import DigitroClient
from digitro_async.config import Config
from digitro_async.control import RunControl
from digitro_async.errors import LedgerError
from digitro_async.ledger import Ledger, State
from digitro_async.ledger._ledger_address import DEFAULT_CAMPAIGN
from digitro_async.workers import Worker

__all__ = ["dial_list"]

_MOST_SHOWN = 1000


async def dial_list(
    config: Config, chosen: ChosenLedger, plan: Plan, course: Course
) -> Exit:
    """Add contacts to a ledger, if there are any, and dial the pending ones in it.

    Raises:
        LedgerError: If the ledger can't be used, or lacks contacts of a file.
    """
    async with (
        chosen.opened(plan.insist) as ledger,
        open_client(config, plan.metrics) as client,
    ):
        campaign = Campaign(
            ledger,
            client,
            call=config.call,
            max_attempts=plan.max_attempts,
            partial=plan.insist.partial,
        )
        _say_recovered(ledger)
        counts = RunCounts()
        if plan.contacts is not None:
            say_how_it_is_read(plan.contacts)
            if not await import_file(campaign, plan.contacts, plan, counts, course):
                return course.code(Exit.INCOMPLETE)
            say_what_was_cleaned(plan.contacts)
        whole = await is_whole(ledger, plan)
        async with (
            sending_results(config, chosen.address, course),
            taking_orders(campaign, client, ledger, chosen, config) as orders,
            serving_page(
                plan.serving,
                config,
                client,
                chosen.address,
                orders.obey,
                max_attempts=plan.max_attempts,
            ),
        ):
            while True:
                async with _run_of(campaign, client, config, chosen, plan) as run:
                    heeding = heeding_of(run)
                    orders.look = None if heeding is None else heeding.look
                    code = await _run(
                        *(run, client, ledger, counts),
                        plan=plan,
                        course=course,
                        is_whole=whole,
                    )
                if not await _has_more(orders, ledger, plan, course):
                    break
        await _say_next_steps(ledger, chosen, plan)
        return code


async def _has_more(
    orders: RunControl, ledger: Ledger, plan: Plan, course: Course
) -> bool:
    """Whether lists were added to the end of a run, whose contacts are pending."""
    if course.interrupted or course.failure:
        return False  # a list that is being added breaks off, and is remembered
    added = await orders.end()
    if not added or plan.max_calls is not None:
        return False
    with contextlib.suppress(LedgerError):  # it was said before
        pending = (await ledger.counts())[State.PENDING]
        if pending > await ledger.count_exhausted(plan.max_attempts):
            orders.go_on()
            print_error("lists were added meanwhile: going on")
            return True
    return False


def _say_recovered(ledger: Ledger) -> None:
    if ledger.recovered:
        print_error(
            f"{ledger.recovered} calls were on the wire when the last run died: "
            "they are unknown now, and are not made again"
        )


async def _say_awaited(ledger: Ledger, plan: Plan) -> None:
    """Print how many calls of earlier runs may go on, and how long that matters."""
    now = time.time()
    left = [one.seconds_left(now) for one in await ledger.ends.awaited()]
    going_on = [seconds for seconds in left if seconds > 0]
    if not going_on:
        return
    longest = clock(max(going_on))
    text = (
        f"{len(going_on):,} calls of earlier runs may still go on: they count as in "
        f"progress until they are heard to end, or for {longest}"
    )
    if plan.wait_for_ends:
        text += "; this run waits for that (--no-wait-for-ends: not to)"
    print_error(text)


@contextlib.asynccontextmanager
async def _run_of(
    campaign: Campaign,
    client: DigitroClient,
    config: Config,
    chosen: ChosenLedger,
    plan: Plan,
) -> AsyncIterator[CampaignRun | Worker]:
    """Return the run of a ledger; a list in a database is dialled with others."""
    address = chosen.address
    if address is None or address.server is None:
        yield campaign.run(
            max_calls=plan.max_calls,
            wait_for_ends=plan.wait_for_ends,
            rules=plan.rules,
            wait=plan.wait,
        )
        return
    working = Working(
        campaigns=[address.campaign or DEFAULT_CAMPAIGN],
        max_attempts=plan.max_attempts,
        max_calls=plan.max_calls,
        partial=plan.insist.partial,
        until_done=True,
        wait_for_ends=plan.wait_for_ends,
        rules=plan.rules,
        wait=plan.wait,
    )
    async with shared_worker(address, config, client, working) as worker:
        yield worker


async def _run(
    run: CampaignRun | Worker,
    client: DigitroClient,
    ledger: Ledger,
    counts: RunCounts,
    *,
    plan: Plan,
    course: Course,
    is_whole: bool,
) -> Exit:
    states = await ledger.counts()
    pending = states[State.PENDING] - await ledger.count_exhausted(plan.max_attempts)
    if plan.max_calls is not None:
        pending = min(pending, plan.max_calls)
    await _say_awaited(ledger, plan)
    if plan.rules is None:
        pending -= await say_left_alone(ledger, plan.max_attempts)
    counts.restart()
    code = await take_results(client, run, counts, course, total=pending)
    _say_unrecorded(run)
    try:
        states = await ledger.counts()
        print_counts(states, await ledger.count_exhausted(plan.max_attempts))
        await print_waiting(ledger, plan.max_attempts)
        print_ends(await ledger.ends.counts())
    except LedgerError as error:
        problem = str(error.args[0])
    else:
        if code is not None:
            return code
        return exit_after_dial(
            states[State.ACCEPTED],
            sum(states.values()),
            rejected_rows=counts.rejected_rows + counts.rejected_numbers,
            is_whole=is_whole,
        )
    # It was whole when the run began, and calls were made since.
    if not course.failure:
        print_error(f"digitro: {problem}")
    return Exit.PAUSED if code is None else code


async def _say_next_steps(ledger: Ledger, chosen: ChosenLedger, plan: Plan) -> None:
    """Print the commands to go on with, where the ledger outlives the process."""
    if chosen.address is None or plan.config is None:
        return
    with contextlib.suppress(LedgerError):  # what it can't tell was said before
        states = await ledger.counts()
        exhausted = await ledger.count_exhausted(plan.max_attempts)
        ends = (await ledger.ends.counts()).awaited
        named = ledger_words(chosen.address)
        for line in next_steps(
            named,
            plan.config,
            states,
            exhausted,
            ends=ends,
            rules=plan.rules_file,
        ):
            print_line(line)


def _say_unrecorded(run: CampaignRun | Worker) -> None:
    """Print the contacts whose calls the ledger does not know of."""
    unrecorded = run.unrecorded
    for number, outcome in unrecorded[:_MOST_SHOWN]:
        print_error(f"not in the ledger: contact #{number}, {outcome}")
    if len(unrecorded) > _MOST_SHOWN:
        print_error(f"not in the ledger: {len(unrecorded) - _MOST_SHOWN} more")
