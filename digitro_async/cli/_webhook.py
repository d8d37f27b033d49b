"""``digitro webhook``: sends the results of a ledger to a receiver."""

from pathlib import Path

from digitro_async.cli._arguments import Switch
from digitro_async.cli._command_loop import run_tuned
from digitro_async.cli._exit import Exit
from digitro_async.cli._named_ledger import NO_LEDGER_NAMED, LedgerOptions
from digitro_async.cli._output import print_error, print_line
from digitro_async.cli._result_sending import say_what_was_sent
from digitro_async.config import load_config
from digitro_async.errors import ConfigurationError
from digitro_async.ledger import LedgerAddress, open_ledger_reader, open_result_feed
from digitro_async.webhook import new_webhook_secret
from digitro_async.webhook_settings import WebhookSettings

__all__ = ["webhook"]

_LOOK = 60.0
"""Seconds of one wait for the last result; it is waited for without an end."""


def webhook(
    *,
    ledger: LedgerOptions = NO_LEDGER_NAMED,
    config: Path = Path("digitro.toml"),
    follow: Switch = False,
    new_secret: Switch = False,
    accept_loss: Switch = False,
) -> Exit:
    """Send the results of a ledger to the webhook of the configuration.

    Args:
        ledger: The ledger.
        config: Configuration file; its table ``webhook`` names the receiver.
        follow: Send results as they come, until SIGINT or SIGTERM, in a process beside
            those that dial.
        new_secret: Print a new secret to sign with, and do nothing else.
        accept_loss: Send the results of a ledger that lost part of its record.
    """
    if new_secret:
        print_line(new_webhook_secret().reveal())
        return Exit.DONE
    settings = load_config(config).webhook
    if settings is None:
        raise ConfigurationError(
            f"{config}: there is no [webhook] table; it names the receiver of results"
        )
    address = ledger.address()
    with open_ledger_reader(address, accept_loss=accept_loss):
        pass  # or why it can't be read
    try:
        return run_tuned(
            _send(address, settings, follow=follow, accept_loss=accept_loss)
        )
    except KeyboardInterrupt:
        if not follow:
            raise
        return Exit.DONE  # that is how it is told to end


async def _send(
    address: LedgerAddress,
    settings: WebhookSettings,
    *,
    follow: bool,
    accept_loss: bool,
) -> Exit:
    from digitro_async.webhook import WebhookSender  # noqa: PLC0415 - loads a client

    feed = open_result_feed(address, accept_loss=accept_loss)
    async with WebhookSender(feed, settings) as sender:
        is_all = False
        try:
            while not is_all or follow:
                is_all = await sender.finish(_LOOK)
        finally:
            say_what_was_sent(sender.status, address, is_all=is_all)
        if sender.status.is_elsewhere:
            print_error("webhook: it is that one's to send them")
            return Exit.INCOMPLETE
    return Exit.DONE
