"""``digitro dial --dry-run`` over a ledger: what rules say to each contact."""

from digitro_async.cli._chosen_ledger import ChosenLedger
from digitro_async.cli._exit import Exit
from digitro_async.cli._importing import Plan

__all__ = ["rehearse_dial"]


def rehearse_dial(chosen: ChosenLedger, plan: Plan) -> Exit:
    """Print what a dial by rules would do with the contacts of a ledger."""
    raise NotImplementedError
