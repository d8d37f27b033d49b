"""Results that are sent to a receiver as they come, signed and each at least once."""

from typing import TYPE_CHECKING

from digitro_async._common.lazy_names import lazy_names
from digitro_async.webhook._webhook_signature import (
    WebhookRefusedError,
    new_webhook_secret,
    verify_webhook,
)
from digitro_async.webhook_settings import WebhookSettings

__all__ = [
    "WebhookRefusedError",
    "WebhookSender",
    "WebhookSettings",
    "WebhookStatus",
    "new_webhook_secret",
    "verify_webhook",
]

if TYPE_CHECKING:
    from digitro_async.webhook._webhook_sender import WebhookSender, WebhookStatus
else:
    # Who only receives results loads no client.
    __getattr__ = lazy_names(__name__, "_webhook_sender")
