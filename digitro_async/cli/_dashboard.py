"""``digitro dashboard``: a live page of a ledger, for looking alone."""

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from digitro_async.cli._arguments import MaxAttempts
from digitro_async.cli._command_loop import run_tuned
from digitro_async.cli._exit import Exit
from digitro_async.cli._named_ledger import NO_LEDGER_NAMED, LedgerOptions
from digitro_async.cli._page_serving import place_of, reach_control, say_where
from digitro_async.config import load_config
from digitro_async.ledger import LedgerAddress, open_ledger_reader
from digitro_async.live_page import ControlFacts, LivePage, PagePlace, ViewProcess

__all__ = ["dashboard"]


def dashboard(
    *,
    ledger: LedgerOptions = NO_LEDGER_NAMED,
    serve: str = "127.0.0.1:8088",
    serve_as: Annotated[
        tuple[str, ...], Parameter(negative="", show_default=False)
    ] = (),
    config: Path | None = None,
    max_attempts: MaxAttempts = 5,
) -> Exit:
    """Serve a read-only live page of a ledger until Ctrl-C.

    Args:
        ledger: The ledger.
        serve: Address and port. With any address but loopback others can open the page,
            unencrypted.
        serve_as: Another host name under which browsers open the page, such as that of
            a proxy; may be given several times.
        config: Configuration file, for the caps of its PABX.
        max_attempts: Attempts after which a contact is out of attempts.
    """
    place = place_of(serve, serve_as)
    address = ledger.address()
    with open_ledger_reader(address, accept_loss=True):
        pass  # or why it can't be read
    pabx = () if config is None else load_config(config).pabx
    views = ViewProcess(address, pabx, max_attempts=max_attempts)
    try:
        return run_tuned(_serve(place, address, views))
    except KeyboardInterrupt:
        return Exit.DONE  # that is how it is told to end


async def _serve(place: PagePlace, address: LedgerAddress, views: ViewProcess) -> Exit:
    page = LivePage(place, ControlFacts(lambda: reach_control(address)), views)
    async with page:
        say_where(page, place)
        await asyncio.get_running_loop().create_future()  # until it is interrupted
    return Exit.DONE
