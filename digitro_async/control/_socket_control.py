"""SocketControl: orders to the process that dials a ledger's file."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from digitro_async.control._control_port import (
    CampaignStatus,
    PABXState,
    WorkerStatus,
)
from digitro_async.control._control_server import is_owner
from digitro_async.control._control_words import (
    LONGEST_LINE,
    error_of_reply,
    line_of,
    read_line,
)
from digitro_async.control._socket_place import find_socket
from digitro_async.errors import ConfigurationError, LedgerError
from digitro_async.ledger import State
from digitro_async.privacy import Personal

__all__ = ["SocketControl"]

_SECONDS: Final = 15.0
"""Most seconds until an order is obeyed; the adding of a list may take any time."""

_ONE_CAMPAIGN: Final = (
    "a ledger's file holds one campaign: its PABX are paused, and none has a weight"
)


class SocketControl:
    """Gives orders over the socket beside a ledger. See ``Control``.

    Args:
        ledger: The file of the ledger.
    """

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger

    async def __aenter__(self) -> Self:
        await self._ask("workers")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close nothing: each order has a connection of its own."""

    async def workers(self) -> Sequence[WorkerStatus]:
        """Return the one process that dials. See ``Control``."""
        return [WorkerStatus(**one) for one in await self._ask("workers")]

    async def pabx(self) -> Sequence[PABXState]:
        """Return its PABX. See ``Control``."""
        return [PABXState(**one) for one in await self._ask("pabx")]

    async def campaigns(self) -> Sequence[CampaignStatus]:
        """Return the one campaign of the file. See ``Control``."""
        return [CampaignStatus(**one) for one in await self._ask("campaigns")]

    async def pause(
        self, *, pabx: str | None = None, campaign: str | None = None
    ) -> int:
        """Begin no call any more. See ``Control``."""
        _check_campaign(campaign)
        return int(await self._ask("pause", pabx=pabx))

    async def resume(
        self, *, pabx: str | None = None, campaign: str | None = None
    ) -> int:
        """Begin calls again. See ``Control``."""
        _check_campaign(campaign)
        return int(await self._ask("resume", pabx=pabx))

    async def set_rate(
        self, calls: int | None, per: float, *, pabx: str | None = None
    ) -> None:
        """Keep another cap. See ``Control``."""
        await self._ask("set_rate", calls=calls, per=per, pabx=pabx)

    async def set_weight(self, campaign: str, weight: float) -> None:
        """Refuse a weight. See ``Control``."""
        del campaign, weight
        raise ConfigurationError(_ONE_CAMPAIGN)

    async def withdraw(self, contact: str | int | Personal) -> State:
        """Let nobody begin the call of a contact any more. See ``Control``."""
        return State(await self._ask("withdraw", **_named(contact)))

    async def block(
        self, number: Personal, *, reason: str, until: float | None
    ) -> bool:
        """Let nobody call a number any more. See ``Control``."""
        phone = number.reveal()
        return bool(await self._ask("block", phone=phone, reason=reason, until=until))

    async def unblock(self, number: Personal) -> bool:
        """Take a number off again. See ``Control``."""
        return bool(await self._ask("unblock", phone=number.reveal()))

    async def call_back(
        self, contact: str | int | Personal, *, at: float, place: int | None = None
    ) -> State:
        """Let a contact wait for a call that was agreed on. See ``Control``."""
        values = {**_named(contact), "at": at, "place": place}
        return State(await self._ask("call_back", **values))

    async def add(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Add a list that is dialled at once. See ``Control``."""
        added: Mapping[str, Any] = await self._ask("add", None, values=dict(values))
        return added

    async def _ask(
        self, order: str, seconds: float | None = _SECONDS, **values: object
    ) -> Any:
        """Give an order and return the value of its reply.

        Raises:
            LedgerError: If nobody takes it.
            ConfigurationError: If it can't be obeyed.
        """
        path = find_socket(self._ledger)
        problem = "no process that takes orders dials the ledger"
        reason = "nobody_dials"
        if path is not None:
            try:
                async with asyncio.timeout(seconds):
                    line = await _exchange(path, {"order": order, **values})
            except TimeoutError:
                problem, reason = "the process that dials does not answer", "no_answer"
            except (OSError, ValueError):  # it is gone, or was a moment ago
                pass
            else:
                if not line:
                    text = "the process that dials ended before it had obeyed"
                    raise LedgerError(text, reason="no_answer")
                reply = read_line(line)
                error = error_of_reply(reply)
                if error is not None:
                    raise error
                return reply.get("value")
        raise LedgerError(problem, reason=reason)


async def _exchange(path: Path, values: Mapping[str, Any]) -> bytes:
    reader, writer = await asyncio.open_unix_connection(str(path), limit=LONGEST_LINE)
    try:
        if not is_owner(writer.get_extra_info("socket")):
            raise PermissionError
        writer.write(line_of(values))
        await writer.drain()
        return await reader.readline()
    finally:
        writer.close()


def _named(contact: str | int | Personal) -> dict[str, Any]:
    """Return the values of an order that name a contact."""
    if isinstance(contact, Personal):
        return {"id": contact.reveal()}
    return {"number" if isinstance(contact, int) else "text": contact}


def _check_campaign(campaign: str | None) -> None:
    """Refuse the name of a campaign.

    Raises:
        ConfigurationError: If one is named.
    """
    if campaign is not None:
        raise ConfigurationError(_ONE_CAMPAIGN)
