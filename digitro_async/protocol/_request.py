"""Builds the request of a call, and the headers of all requests to a PABX."""

import attrs

from digitro_async.calls import Call
from digitro_async.errors import ConfigurationError
from digitro_async.models import PABX
from digitro_async.protocol._commands import COMMANDS, row_of_other
from digitro_async.protocol._encoding import encode_call
from digitro_async.protocol._names import API_KEY_HEADER
from digitro_async.settings import UnsetFields

__all__ = ["Request", "build_headers", "build_request"]


# Neither frozen nor with slots: one is made for every call, see ``Observation``.
@attrs.define(slots=False)
class Request:
    """One request to a PABX, ready to be sent: SECRETS AND PERSONAL DATA ARE OPEN.

    Attributes:
        path: Path after the base URL of the PABX.
        body: JSON in UTF-8.
    """

    path: str
    body: bytes = attrs.field(repr=False)


def build_request(
    call: Call, channel_id: int | None, unset: UnsetFields = UnsetFields.NULL
) -> Request:
    """Return the request of a call.

    Args:
        call: The call; its class has a row in the command table, or it is an
            ``OtherCommand``.
        channel_id: Id of the event channel that the command belongs to.
        unset: How fields that are None are written.

    Raises:
        ConfigurationError: If ``channel_id`` is None.
    """
    if channel_id is None:
        raise ConfigurationError(
            "channel_id is not set: give the PABX the id of its open event channel"
        )
    command = COMMANDS.get(call.command) or row_of_other(call)
    return Request(command.paths[channel_id], encode_call(call, unset))


def build_headers(pabx: PABX) -> dict[str, str]:
    """Return the headers of every request to a PABX: THE API KEY IS OPEN."""
    return {
        API_KEY_HEADER: pabx.api_key.reveal(),
        "Content-Type": "application/json",
        "Accept": "application/json",
        # A compressed answer could grow a thousandfold while it is inflated.
        "Accept-Encoding": "identity",
        "User-Agent": "digitro-async",
    }
