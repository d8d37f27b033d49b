"""What the three backends share: settings from the environment, and their answers."""

import hmac
import math
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
from calls_once import CallsOnce

from digitro_async import (
    PABX,
    DigitroClient,
    DigitroError,
    HealthStatus,
    Outcome,
    RateLimit,
)

DEADLINE = 5.0  # seconds in which a call begins, or not at all
PABX_OF_ALL = PABX(
    "matriz",
    os.environ["PABX_URL"],
    channel_id=int(os.environ["PABX_CHANNEL"]),
    api_key=os.environ["PABX_API_KEY"],
    rate=RateLimit(int(os.environ["PABX_RATE"])),
    max_in_flight=20,
)
GRACE = DEADLINE + PABX_OF_ALL.timeouts.total + 5.0  # seconds that a server may end in
EVERY_CALL = {
    "device": os.environ["PABX_DEVICE"],
    "device_password": os.environ["PABX_DEVICE_PASSWORD"],
}

STATUSES = {
    Outcome.INVALID: (422, "not sent: it can't be sent as it is"),
    Outcome.NOT_SENT: (503, "not sent: ask again with the same contact"),
    Outcome.REFUSED: (503, "not placed: ask again with the same contact"),
    Outcome.REJECTED: (409, "refused by the PABX"),
    Outcome.UNKNOWN: (502, "unknown: the phone may ring, it is not called again"),
}


@attrs.frozen
class Backend:
    """What a server opens when it starts."""

    client: DigitroClient
    calls: CallsOnce


@asynccontextmanager
async def open_backend() -> AsyncIterator[Backend]:
    """Open the client and the ledger; leaving waits for the calls on the wire."""
    async with DigitroClient(PABX_OF_ALL) as client:
        ledger = os.environ["LEDGER"]
        once = CallsOnce(client, PABX_OF_ALL, ledger, EVERY_CALL, deadline=DEADLINE)
        async with once as calls:
            yield Backend(client, calls)


Answer = tuple[int, dict[str, Any], dict[str, str]]
"""Status, body and headers."""


async def place(backend: Backend, asked: Any) -> Answer:
    """Make the call that the body of a request asks for, once."""
    wanted = asked if isinstance(asked, dict) else {}
    contact, destination = wanted.get("contact"), wanted.get("destination")
    if not (isinstance(contact, str) and contact and isinstance(destination, str)):
        return 422, {"error": "send JSON with a contact and a destination"}, {}
    try:
        call_id = await backend.calls.place(contact, destination)
    except DigitroError as error:
        return answer_for(error)
    return 202, {"call_id": call_id}, {}


def answer_for(error: DigitroError) -> Answer:
    """Return the status, body and headers for a call that was not accepted."""
    if error.outcome is None:  # a mistake in the set-up: a 500, and a look at the log
        raise error
    status, text = STATUSES[error.outcome]
    body = {"outcome": error.outcome.value, "error": text, "reason": error.reason}
    seconds = getattr(error, "retry_after", None)
    return status, body, ({} if seconds is None else retry_after(seconds))


def retry_after(seconds: float) -> dict[str, str]:
    """Return the header that says when to ask again."""
    return {"Retry-After": str(math.ceil(seconds))}


def show(backend: Backend, contact: str) -> tuple[int, dict[str, Any]]:
    """Return what is known of a contact."""
    known = backend.calls.what_is_known(contact)
    if known is None:
        return 404, {"error": "this contact was not asked for"}
    return 200, {
        "state": str(known.state),
        "call_id": known.call_id,
        "reason": known.reason,
    }


def health_of(backend: Backend) -> tuple[int, dict[str, Any]]:
    """Return the status and body for a monitor."""
    health = backend.client.health()
    status = 503 if health.status is HealthStatus.PAUSED else 200
    return status, attrs.asdict(health)


def is_operator(authorization: str | None) -> bool:
    """Return whether a request may end a pause."""
    expected = f"Bearer {os.environ['OPERATOR_TOKEN']}"
    return hmac.compare_digest((authorization or "").encode(), expected.encode())
