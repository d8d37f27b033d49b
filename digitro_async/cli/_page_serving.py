"""Serves the live page of what a command does."""

import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import attrs
from cyclopts import Parameter

from digitro_async.cli._output import print_error
from digitro_async.config import Config
from digitro_async.control import Control, SocketControl
from digitro_async.errors import ConfigurationError
from digitro_async.ledger import LedgerAddress
from digitro_async.privacy import Secret

if TYPE_CHECKING:
    from digitro_async.client import DigitroClient
    from digitro_async.live_page import LivePage, PagePlace, TakeOrder

__all__ = [
    "NOT_SERVED",
    "ServeOptions",
    "Serving",
    "place_of",
    "reach_control",
    "say_where",
    "serving_page",
]


@attrs.frozen(kw_only=True)
class Serving:
    """Where a live page is served, and who may give orders on it.

    Attributes:
        serve: Serve a live page at this address and port, such as 127.0.0.1:8088. With
            any address but loopback others can open it, unencrypted.
        serve_as: Another host name under which browsers open the page, such as that of
            a proxy; may be given several times.
        token_file: File of the token without which the page takes no orders; made with
            a new one if it is not there. By default a new token is printed, where this
            is a terminal.
    """

    serve: str | None = None
    serve_as: Annotated[
        tuple[str, ...], Parameter(negative="", show_default=False)
    ] = ()
    token_file: Path | None = None

    def check(self) -> None:
        """Refuse a place that can't be one.

        Raises:
            ConfigurationError: If it can't be.
        """
        if self.serve is not None:
            place_of(self.serve, self.serve_as)
        elif self.serve_as or self.token_file:
            raise ConfigurationError(
                "--serve-as and --token-file are about a live page: give --serve too"
            )


ServeOptions = Annotated[Serving, Parameter(name="*")]
NOT_SERVED = Serving()


def place_of(text: str, names: tuple[str, ...]) -> "PagePlace":
    """Return the place of a page.

    Raises:
        ConfigurationError: If the text names none.
    """
    from digitro_async.live_page import page_place  # noqa: PLC0415 - loads a server

    try:
        return page_place(text, names)
    except ConfigurationError as error:
        problem = str(error.args[0])
    raise ConfigurationError(f"--serve {problem}")


@contextlib.asynccontextmanager
async def serving_page(
    options: Serving,
    config: Config,
    client: "DigitroClient",
    address: LedgerAddress | None,
    obey: "TakeOrder | None" = None,
    *,
    max_attempts: int,
    campaigns: Sequence[str] | None = None,
) -> AsyncIterator[None]:
    """Serve a live page while the block runs, where that is asked for.

    Args:
        options: Where.
        config: The configuration.
        client: The client that dials.
        address: The ledger that is shown; None where none is.
        obey: Obeys the orders of the page, where the ledger is a file; those of a
            database are for all that dial it.
        max_attempts: Attempts after which a contact is out of attempts.
        campaigns: Names of the campaigns that are dialled, none for all that a
            database has; None for that of the address.
    """
    if options.serve is None:
        yield
        return
    from digitro_async.live_page import (  # noqa: PLC0415 - loads a server
        ClientFacts,
        ControlOrders,
        LivePage,
        ViewProcess,
    )

    views = None
    if address is not None and address.server is not None:
        obey = ControlOrders(lambda: reach_control(address)).obey
    if address is not None:
        views = ViewProcess(
            address, config.pabx, max_attempts=max_attempts, campaigns=campaigns
        )
    place = place_of(options.serve, options.serve_as)
    token = _token_of(options)
    page = LivePage(
        place,
        ClientFacts(client),
        views,
        obey=None if token is None else obey,
        token=token,
    )
    async with page:
        say_where(page, place)
        if token is not None and options.token_file is None:
            print_error(f"token for orders on the page: {token.reveal()}")
        yield


def reach_control(address: LedgerAddress) -> Control:
    """Return the way to whoever dials a ledger, not entered yet."""
    if address.path is not None:
        return SocketControl(address.path)
    from digitro_async.control import PostgresControl  # noqa: PLC0415 - an extra

    return PostgresControl(address)


def say_where(page: "LivePage", place: "PagePlace") -> None:
    """Print where a page is, and who can see it."""
    print_error(f"live page: {page.url}")
    if not place.is_loopback:
        print_error(
            "other machines can open the page: all who reach it see it, and "
            "the token goes unencrypted; put a proxy with TLS before it"
        )


def _token_of(options: Serving) -> Secret | None:
    """Return the token of a page, None where nobody would learn of it."""
    from digitro_async.live_page import page_token  # noqa: PLC0415 - as above

    if options.token_file is not None:
        return page_token(options.token_file)
    stream: Any = sys.stderr
    if stream is not None and stream.isatty():
        return page_token()
    # A token in a log would be one that whoever reads the log has.
    print_error("the live page takes no orders: --token-file names a file of its token")
    return None
