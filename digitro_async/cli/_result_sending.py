"""Sends results to the webhook of the configuration, while a command dials."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from digitro_async.cli._exit import Course
from digitro_async.cli._named_ledger import ledger_words
from digitro_async.cli._output import print_error, print_line
from digitro_async.config import Config
from digitro_async.ledger import LedgerAddress, open_result_feed

if TYPE_CHECKING:
    from digitro_async.webhook import WebhookStatus

__all__ = ["say_what_was_sent", "sending_results"]

_SECONDS_INTERRUPTED = 2.0
"""Seconds for which results are still sent once somebody waits for the end."""


@contextlib.asynccontextmanager
async def sending_results(
    config: Config,
    address: LedgerAddress | None,
    course: Course,
    *,
    campaigns: Sequence[str] | None = None,
) -> AsyncIterator[None]:
    """Send results while the block runs, where the configuration has a webhook.

    Args:
        config: The configuration.
        address: Where the ledger is; None where there is none.
        course: Whether the command was interrupted: then the rest is left for later.
        campaigns: See ``open_result_feed``.
    """
    settings = config.webhook
    if settings is None:
        yield
        return
    if address is None:
        print_error("results go to no webhook: without a ledger nothing keeps them")
        yield
        return
    from digitro_async.webhook import WebhookSender  # noqa: PLC0415 - rarely

    feed = open_result_feed(address, campaigns=campaigns, accept_loss=True)
    async with WebhookSender(feed, settings) as sender:
        yield
        seconds = settings.finish_within
        if course.interrupted:
            seconds = min(seconds, _SECONDS_INTERRUPTED)
        is_all = await sender.finish(seconds)
        say_what_was_sent(sender.status, address, is_all=is_all)


def say_what_was_sent(
    status: "WebhookStatus", address: LedgerAddress, *, is_all: bool
) -> None:
    """Print how many results the receiver took, and what sends the rest."""
    if status.is_elsewhere and not status.delivered:
        print_line("webhook: another process sends the results")
        return
    print_line(f"webhook: {status.delivered:,} results sent")
    if not is_all:
        why = f" ({status.problem})" if status.problem else ""
        print_error(
            f"webhook: not all results are sent yet{why}; the next dial goes on, or: "
            f"digitro webhook {ledger_words(address)}"
        )
