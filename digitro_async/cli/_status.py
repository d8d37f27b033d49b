"""``digitro status``: how many contacts of a ledger are in each state."""

import time
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from digitro_async.cli._arguments import MaxAttempts, Switch
from digitro_async.cli._exit import Exit, exit_after_status
from digitro_async.cli._ledger_view import LedgerView
from digitro_async.cli._named_ledger import NO_LEDGER_NAMED, LedgerOptions
from digitro_async.cli._worker_lines import print_who_dials
from digitro_async.ledger import State, open_ledger_reader

__all__ = ["status"]


def status(
    *,
    ledger: LedgerOptions = NO_LEDGER_NAMED,
    max_attempts: MaxAttempts = 5,
    watch: Annotated[float | None, Parameter(validator=Number(gt=0))] = None,
    accept_loss: Switch = False,
) -> Exit:
    """Print how many contacts are in each state.

    It can be asked during a dial, too.

    Args:
        ledger: The ledger.
        max_attempts: Attempts after which a contact counts as out of attempts.
        watch: Print it again every so many seconds, until only contacts that are out of
            attempts are pending and no end of a call is expected.
        accept_loss: Read what is left of a ledger that lost part of its record.
    """
    address = ledger.address()
    before: LedgerView | None = None
    while True:
        with open_ledger_reader(address, accept_loss=accept_loss) as reader:
            view = LedgerView.read(reader, max_attempts)
        view.show()
        print_who_dials(address)
        if watch is None or not view.may_change(before):
            break
        before = view
        time.sleep(watch)
    accepted, contacts = view.counts[State.ACCEPTED], sum(view.counts.values())
    return exit_after_status(accepted, contacts, is_whole=view.is_whole)
