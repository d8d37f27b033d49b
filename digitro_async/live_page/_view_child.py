"""The process that reads a ledger for a page, beside the one that dials.

It is given a line of JSON that says which ledger, and then a line for each view that is
wanted. It answers each by one line of JSON.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from digitro_async.errors import DigitroError
from digitro_async.ledger import LedgerAddress, open_ledger_reader
from digitro_async.models import PABX
from digitro_async.privacy import Secret
from digitro_async.reports import CampaignReading, page_sections, summary_piece
from digitro_async.settings import RateLimit

__all__ = ["address_of_values", "serve_views", "values_of_address"]

_NICE = 10
"""Added to the niceness, as whoever dials comes first."""


def values_of_address(
    address: LedgerAddress, pabx: Iterable[PABX], max_attempts: int
) -> Mapping[str, Any]:
    """Return what a view is made of, as plain values.

    Args:
        address: Where the ledger is.
        pabx: The PABX as they are configured, of which the caps alone are told.
        max_attempts: Attempts after which a contact is out of attempts.
    """
    return {
        "path": None if address.path is None else str(address.path),
        "server": None if address.server is None else address.server.reveal(),
        "campaign": address.campaign,
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
    address = address_of_values(values)
    reading = CampaignReading(
        address, map(_pabx_in, values["pabx"]), max_attempts=values["max_attempts"]
    )
    for _ in source:
        target.write(f"{json.dumps(_view_of(address, reading))}\n")
        target.flush()


def _view_of(address: LedgerAddress, reading: CampaignReading) -> Mapping[str, Any]:
    try:
        with open_ledger_reader(address, accept_loss=True) as reader:
            view = reading.read(reader, time.time())
    except DigitroError as error:
        return {"problem": str(error.args[0])}
    sections = [
        {"key": one.key, "title": one.title, "html": one.html}
        for one in page_sections(view)
    ]
    summary = {"key": "summary", "title": "", "html": summary_piece(view).html}
    return {"name": view.name, "sections": [summary, *sections]}


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
