"""RunControl: obeys the orders of an operator in the process that dials."""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import attrs

from digitro_async.client import DigitroClient
from digitro_async.control._control_port import (
    AddList,
    CampaignStatus,
    PABXState,
    WorkerStatus,
)
from digitro_async.control._schedule_orders import (
    block_in_ledger,
    call_back_in_ledger,
    unblock_in_ledger,
)
from digitro_async.control._worker_facts import worker_facts
from digitro_async.dispatch import ORDERED
from digitro_async.errors import ConfigurationError, LedgerError
from digitro_async.ledger import Ledger
from digitro_async.privacy import Personal

__all__ = ["RunControl"]


class RunControl:
    """Obeys orders to the one process that dials a ledger.

    Args:
        client: The client that it dials through.
        ledger: The ledger, open.
        add: Adds a list to it; None where no list is taken.

    Attributes:
        is_ending: Whether no list is taken any more, because the process is about to
            end.
        look: Lets the run take over blocks and callbacks at once; None where it applies
            no rules.
    """

    def __init__(
        self, client: DigitroClient, ledger: Ledger, add: AddList | None = None
    ) -> None:
        self._client, self._ledger, self._add = client, ledger, add
        self._since = time.time()
        self._adding = asyncio.Lock()
        self._rates: dict[str, tuple[int, float]] = {}  # that were ordered
        self._added = 0
        self.is_ending: bool = False
        self.look: Callable[[], Awaitable[None]] | None = None
        self._orders: dict[str, Callable[[Mapping[str, Any]], Awaitable[object]]] = {
            "workers": self._workers,
            "pabx": self._pabx,
            "campaigns": self._campaigns,
            "pause": self._pause,
            "resume": self._resume,
            "set_rate": self._set_rate,
            "withdraw": self._withdraw,
            "block": self._block,
            "unblock": self._unblock,
            "call_back": self._call_back,
            "add": self._add_list,
        }

    async def obey(self, order: Mapping[str, Any]) -> Mapping[str, Any]:
        """Obey an order and return the values of the reply.

        Args:
            order: Its values.

        Raises:
            ConfigurationError: If it can't be obeyed.
            LedgerError: If the ledger fails.
        """
        act = self._orders.get(str(order.get("order")))
        if act is None:
            raise ConfigurationError("there is no such order")
        return {"value": await act(order)}

    async def end(self) -> int:
        """Take no list any more; return how many were added since the last time.

        One that is being added is waited for.
        """
        async with self._adding:
            pass
        self.is_ending = True  # before the next one in the line looks
        added, self._added = self._added, 0
        return added

    def go_on(self) -> None:
        """Take lists again."""
        self.is_ending = False

    async def _workers(self, _: Mapping[str, Any]) -> object:
        status = WorkerStatus(
            name=f"{socket.gethostname()}:{os.getpid()}",
            since=self._since,
            heard_at=time.time(),
            is_alive=True,
            **worker_facts(self._client.statistics()),
        )
        return [attrs.asdict(status)]

    async def _pabx(self, _: Mapping[str, Any]) -> object:
        dispatcher = self._client.dispatcher
        rates = {one.name: one.rate for one in dispatcher.pabx}
        states = []
        for one in self._client.statistics().pabx.values():
            pause, rate = one.pause, rates[one.name]
            state = PABXState(name=one.name, address=one.address)
            if pause is not None:
                state = attrs.evolve(
                    state, code=pause.code, words=pause.text, seconds=pause.seconds
                )
            if one.name in self._rates:
                calls, per = self._rates[one.name]
                state = attrs.evolve(state, calls=calls, per=per, is_ordered=True)
            elif rate is not None:
                state = attrs.evolve(state, calls=rate.calls, per=rate.per)
            states.append(attrs.asdict(state))
        return states

    async def _campaigns(self, _: Mapping[str, Any]) -> object:
        counts = await self._ledger.counts()
        shown = {str(state): count for state, count in counts.items() if count}
        return [attrs.asdict(CampaignStatus(name="", counts=shown))]

    async def _pause(self, order: Mapping[str, Any]) -> object:
        self._client.dispatcher.pause(_name_in(order), reason=ORDERED)
        return self._count(order)

    async def _resume(self, order: Mapping[str, Any]) -> object:
        self._client.dispatcher.resume(_name_in(order))
        return self._count(order)

    def _count(self, order: Mapping[str, Any]) -> int:
        every = len(self._client.dispatcher.pabx)
        return every if _name_in(order) is None else 1

    async def _set_rate(self, order: Mapping[str, Any]) -> object:
        per = order.get("per")
        if not isinstance(per, int | float):
            raise ConfigurationError("a rate is counted in a number of seconds")
        name, calls = _name_in(order), order.get("calls")
        self._client.dispatcher.set_rate(calls, per=float(per), pabx=name)
        for one in self._client.dispatcher.pabx:
            if name in {None, one.name}:
                self._rates.pop(one.name, None)
                if calls is not None:
                    self._rates[one.name] = (calls, float(per))
        return self._count(order)

    async def _withdraw(self, order: Mapping[str, Any]) -> object:
        contact = _contact_in(order)
        now = time.time()
        return await self._ledger.withdraw(contact, reason="withdrawn", now=now)

    async def _block(self, order: Mapping[str, Any]) -> object:
        reason, until = order.get("reason"), order.get("until")
        if not isinstance(reason, str) or not isinstance(until, float | int | None):
            raise ConfigurationError("a block has a reason, and an end or none")
        await block_in_ledger(
            self._ledger, _phone_in(order), reason=reason, until=until
        )
        return await self._look()

    async def _unblock(self, order: Mapping[str, Any]) -> object:
        was_blocked = await unblock_in_ledger(self._ledger, _phone_in(order))
        await self._look()
        return was_blocked

    async def _call_back(self, order: Mapping[str, Any]) -> object:
        at, place = order.get("at"), order.get("place")
        if not isinstance(at, float | int) or not isinstance(place, int | None):
            raise ConfigurationError("a callback has a time")
        state = await call_back_in_ledger(
            self._ledger, _contact_in(order), at=at, place=place
        )
        await self._look()
        return state

    async def _look(self) -> bool:
        """Let the run take over what was ordered; return whether it applies rules."""
        if self.look is None:
            return False
        await self.look()
        return True

    async def _add_list(self, order: Mapping[str, Any]) -> object:
        values = order.get("values")
        if self._add is None or not isinstance(values, dict):
            raise ConfigurationError("this process takes no list while it dials")
        async with self._adding:
            if self.is_ending:
                raise LedgerError(
                    "the process that dials is about to end: add the list once more",
                    reason="nobody_dials",
                )
            added = await self._add(values)
            self._added += 1
        await self._look()
        return added


def _contact_in(order: Mapping[str, Any]) -> str | int | Personal:
    """Return the contact that an order names.

    Raises:
        ConfigurationError: If it names none.
    """
    if isinstance(order.get("id"), str):
        return Personal(order["id"])
    if type(order.get("number")) is int:
        return int(order["number"])
    if isinstance(order.get("text"), str):
        return str(order["text"])
    raise ConfigurationError("name the contact by its id or number")


def _phone_in(order: Mapping[str, Any]) -> Personal:
    """Return the number to dial that an order is about.

    Raises:
        ConfigurationError: If it names none.
    """
    if isinstance(order.get("phone"), str):
        return Personal(order["phone"])
    raise ConfigurationError("name the number")


def _name_in(order: Mapping[str, Any]) -> str | None:
    """Return the name of the PABX in an order, None for every one.

    Raises:
        ConfigurationError: If it is no text.
    """
    name = order.get("pabx")
    if name is None or isinstance(name, str):
        return name
    raise ConfigurationError("the name of a PABX is text")
