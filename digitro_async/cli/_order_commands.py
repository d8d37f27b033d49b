"""``digitro pause``, ``resume`` and ``rate``: orders to whoever dials a ledger."""

from digitro_async.cli._command_loop import run_tuned
from digitro_async.cli._exit import Exit
from digitro_async.cli._given_orders import control_of, rate_of
from digitro_async.cli._named_ledger import NO_LEDGER_NAMED, LedgerOptions
from digitro_async.cli._output import print_line
from digitro_async.errors import ConfigurationError
from digitro_async.ledger import LedgerAddress

__all__ = ["pause", "rate", "resume"]


def pause(*, pabx: str | None = None, ledger: LedgerOptions = NO_LEDGER_NAMED) -> Exit:
    """Start no more calls, on one PABX or all, until resumed.

    Args:
        pabx: Name of the PABX; by default every one.
        ledger: The ledger that is dialled.
    """
    _check(pabx, ledger.campaign)
    return run_tuned(_pause(ledger.address(), pabx, ledger.campaign))


def resume(*, pabx: str | None = None, ledger: LedgerOptions = NO_LEDGER_NAMED) -> Exit:
    """Start calls again after a pause, whatever caused it.

    Args:
        pabx: Name of the PABX; by default every one.
        ledger: The ledger that is dialled.
    """
    _check(pabx, ledger.campaign)
    return run_tuned(_resume(ledger.address(), pabx, ledger.campaign))


def rate(
    calls: str, *, pabx: str | None = None, ledger: LedgerOptions = NO_LEDGER_NAMED
) -> Exit:
    """Change the cap of calls, for every process that dials.

    Args:
        calls: Calls a second, as in 20 or 20/s; in other seconds, as in 1200/60s; or
            ``configured`` for the cap of the settings.
        pabx: Name of the PABX; by default every one.
        ledger: The ledger that is dialled.
    """
    if ledger.campaign is not None:
        raise ConfigurationError("--campaign: a cap is a PABX's; name it with --pabx")
    number, per = rate_of(calls)
    return run_tuned(_rate(ledger.address(), number, per, pabx))


def _check(pabx: str | None, campaign: str | None) -> None:
    """Refuse an order that is about two things.

    Raises:
        ConfigurationError: If it is.
    """
    if pabx is not None and campaign is not None:
        raise ConfigurationError("--pabx and --campaign don't go together")


async def _pause(
    address: LedgerAddress, pabx: str | None, campaign: str | None
) -> Exit:
    async with control_of(address) as control:
        count = await control.pause(pabx=pabx, campaign=campaign)
    print_line(f"paused: {_named(pabx, campaign, count)}")
    return Exit.DONE


async def _resume(
    address: LedgerAddress, pabx: str | None, campaign: str | None
) -> Exit:
    async with control_of(address) as control:
        count = await control.resume(pabx=pabx, campaign=campaign)
    print_line(f"resumed: {_named(pabx, campaign, count)}")
    return Exit.DONE


async def _rate(
    address: LedgerAddress, calls: int | None, per: float, pabx: str | None
) -> Exit:
    async with control_of(address) as control:
        await control.set_rate(calls, per, pabx=pabx)
    kept = "as configured" if calls is None else f"{calls:,} calls in {per:g} s"
    print_line(f"rate of {_named(pabx, None, None)}: {kept}")
    return Exit.DONE


def _named(pabx: str | None, campaign: str | None, count: int | None) -> str:
    if campaign is not None:
        return f"campaign {campaign}"
    if pabx is not None:
        return f"PABX {pabx}"
    return "every PABX" if count is None else f"every PABX ({count})"
