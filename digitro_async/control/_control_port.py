"""PURE: the port of orders to whoever dials a ledger, and what is told of them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

import attrs

from digitro_async.ledger._state import State
from digitro_async.privacy import Personal

__all__ = ["AddList", "CampaignStatus", "Control", "PABXState", "WorkerStatus"]

AddList = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Adds a list to the ledger as its values say, and returns what came of it."""


@attrs.frozen(kw_only=True)
class WorkerStatus:
    """One process that dials.

    Attributes:
        name: Its host and process.
        since: Unix time when it began.
        heard_at: Unix time of its last sign of life.
        is_alive: Whether that is not too long ago.
        has_ended: Whether that was its last one, as it ended in order.
        calls: Calls that it has begun, None where that is not told.
        in_flight: Calls that it has on the wire, None where that is not told.
        limits: What holds it back at each PABX, in words, by the name of the PABX.
    """

    name: str
    since: float
    heard_at: float
    is_alive: bool
    has_ended: bool = False
    calls: int | None = None
    in_flight: int | None = None
    limits: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class PABXState:
    """One PABX, for all processes that dial.

    Attributes:
        name: Its name.
        address: Its host and port.
        code: Why it is paused, as a code; empty where it takes calls.
        words: The same in words.
        seconds: Seconds since the pause began, None where that is not known.
        calls: The cap that is in force, None where there is none.
        per: Seconds of its window.
        is_ordered: Whether an operator ordered that cap.
    """

    name: str
    address: str
    code: str = ""
    words: str = ""
    seconds: float | None = None
    calls: int | None = None
    per: float = 1.0
    is_ordered: bool = False


@attrs.frozen(kw_only=True)
class CampaignStatus:
    """One campaign.

    Attributes:
        name: Its name.
        weight: Its share of the calls beside other campaigns.
        paused: Why it is paused, in words; empty where it is dialled.
        counts: Contacts by their state.
    """

    name: str
    weight: float = 1.0
    paused: str = ""
    counts: Mapping[str, int] = attrs.field(factory=dict)


class Control(Protocol):
    """Orders to all that dial one ledger. Each one is in force once it has returned.

    Every method, entering too, raises ``LedgerError`` where nobody takes the order, and
    ``ConfigurationError`` where it can't be obeyed.
    """

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    async def workers(self) -> Sequence[WorkerStatus]:
        """Return the processes that dial, and those that died lately."""
        ...

    async def pabx(self) -> Sequence[PABXState]:
        """Return the PABX that these dial through."""
        ...

    async def campaigns(self) -> Sequence[CampaignStatus]:
        """Return the campaigns of the ledger."""
        ...

    async def pause(
        self, *, pabx: str | None = None, campaign: str | None = None
    ) -> int:
        """Begin no call any more until ``resume``; return how many are paused.

        Args:
            pabx: Name of the PABX, None for every one.
            campaign: Name of the campaign that is paused in place of a PABX.
        """
        ...

    async def resume(
        self, *, pabx: str | None = None, campaign: str | None = None
    ) -> int:
        """Begin calls again after a pause for any reason; return how many go on.

        Args:
            pabx: Name of the PABX, None for every one.
            campaign: Name of the campaign that goes on in place of a PABX.
        """
        ...

    async def set_rate(
        self, calls: int | None, per: float, *, pabx: str | None = None
    ) -> None:
        """Keep another cap than that of the settings; see ``Dispatcher.set_rate``.

        Args:
            calls: Most calls of all processes together; None for those of settings.
            per: Seconds in which these are counted.
            pabx: Name of the PABX, None for every one.
        """
        ...

    async def set_weight(self, campaign: str, weight: float) -> None:
        """Give a campaign another share of the calls beside others.

        Args:
            campaign: Its name.
            weight: Its weight, above 0.
        """
        ...

    async def withdraw(self, contact: str | int | Personal) -> State:
        """Let nobody begin the call of a contact any more; see ``Ledger.withdraw``.

        Args:
            contact: As for ``Ledger.reconcile``.
        """
        ...

    async def block(
        self, number: Personal, *, reason: str, until: float | None
    ) -> bool:
        """Let nobody call a number any more; return whether those that dial apply it.

        Args:
            number: The number, in any form, with its area code.
            reason: Why; nothing personal.
            until: When it may be called again, a Unix time; None for never.
        """
        ...

    async def unblock(self, number: Personal) -> bool:
        """Take a number off again; False where it was not blocked by ``block``.

        Args:
            number: The number, in any form, with its area code.
        """
        ...

    async def call_back(
        self, contact: str | int | Personal, *, at: float, place: int | None = None
    ) -> State:
        """Let a contact wait for a call that was agreed on, and return where it is.

        Args:
            contact: As for ``Ledger.reconcile``.
            at: When, a Unix time.
            place: Place of the number to dial, 0 for the first; None for that of the
                last attempt.
        """
        ...

    async def add(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Add a list that is dialled at once, and return what came of it.

        Args:
            values: What list, and how it is read, as plain values.
        """
        ...
