"""The process that reads a ledger for a page, beside the one that dials.

It is given a line of JSON that says which ledger, and then a line for each view that is
wanted. It answers each by one line of JSON.
"""

import json
import os
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from digitro_async.ledger import LedgerAddress
from digitro_async.live_page._ledger_views import LedgerViews
from digitro_async.models import PABX
from digitro_async.privacy import Secret
from digitro_async.reports import CampaignReading
from digitro_async.settings import RateLimit

__all__ = ["address_of_values", "serve_views", "values_of_address"]

_NICE = 10
"""Added to the niceness, as whoever dials comes first."""


def values_of_address(
    address: LedgerAddress,
    pabx: Iterable[PABX],
    max_attempts: int,
    campaigns: Sequence[str] | None = None,
) -> Mapping[str, Any]:
    """Return what a view is made of, as plain values.

    Args:
        address: Where the ledger is.
        pabx: The PABX as they are configured, of which the caps alone are told.
        max_attempts: Attempts after which a contact is out of attempts.
        campaigns: See ``LedgerViews``.
    """
    return {
        "path": None if address.path is None else str(address.path),
        "server": None if address.server is None else address.server.reveal(),
        "campaign": address.campaign,
        "campaigns": None if campaigns is None else list(campaigns),
        "max_attempts": max_attempts,
        "pabx": [
            {
                "name": one.name,
                "base_url": one.base_url,
                "calls": None if one.rate is None else one.rate.calls,
                "per": None if one.rate is None else one.rate.per,
            }
            for one in pabx
        ],
    }


def address_of_values(values: Mapping[str, Any]) -> LedgerAddress:
    """Return the address in such values."""
    path, server = values["path"], values["server"]
    return LedgerAddress(
        path=None if path is None else Path(path),
        server=None if server is None else Secret(server),
        campaign=values["campaign"],
    )


def serve_views(source: TextIO, target: TextIO) -> None:
    """Answer each line by a view, until there are no more lines."""
    values = json.loads(source.readline())
    pabx = [_pabx_in(one) for one in values["pabx"]]
    views = LedgerViews(
        address_of_values(values),
        values["campaigns"],
        lambda address: CampaignReading(
            address, pabx, max_attempts=values["max_attempts"]
        ),
    )
    for _ in source:
        target.write(f"{json.dumps(views.view())}\n")
        target.flush()


def _pabx_in(values: Mapping[str, Any]) -> PABX:
    rate = None
    if values["calls"] is not None:
        rate = RateLimit(values["calls"], values["per"])
    return PABX(values["name"], values["base_url"], None, "unused", rate=rate)


def _main() -> None:
    # Signals are for the process that dials; this one ends with its standard input.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    with suppress(AttributeError, OSError):
        os.nice(_NICE)
    with suppress(BrokenPipeError):
        serve_views(sys.stdin, sys.stdout)


if __name__ == "__main__":
    _main()
