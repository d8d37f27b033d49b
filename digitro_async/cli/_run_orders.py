"""Lets a dial take orders of its operator while it runs."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from digitro_async.campaign import Campaign
from digitro_async.cli._chosen_ledger import ChosenLedger
from digitro_async.cli._list_adding import add_to_run
from digitro_async.cli._output import print_error
from digitro_async.client import DigitroClient
from digitro_async.config import Config
from digitro_async.control import ControlServer, RunControl
from digitro_async.ledger import Ledger

__all__ = ["taking_orders"]


@contextlib.asynccontextmanager
async def taking_orders(
    campaign: Campaign,
    client: DigitroClient,
    ledger: Ledger,
    chosen: ChosenLedger,
    config: Config,
) -> AsyncIterator[RunControl]:
    """Take orders while the block runs, where the ledger is a file.

    Args:
        campaign: The campaign that is dialled.
        client: The client that it is dialled through.
        ledger: Its ledger, open.
        chosen: Where that is.
        config: The configuration by which added lists are read.
    """

    async def add(values: Mapping[str, Any]) -> Mapping[str, Any]:
        return await add_to_run(campaign, config, values)

    control = RunControl(client, ledger, add)
    if chosen.path is None:
        yield control
        return
    async with ControlServer(chosen.path, control.obey) as server:
        if server.path is None:
            print_error(
                "no socket can stand beside the ledger: digitro pause, rate and "
                "campaign don't reach this dial"
            )
        yield control
