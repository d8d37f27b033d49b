"""What a page shows of this moment, and whom it gives orders to."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

from digitro_async.client import DigitroClient
from digitro_async.control import Control, PABXState, WorkerStatus, worker_facts
from digitro_async.dispatch import Limit, PABXStatistics
from digitro_async.errors import ConfigurationError, DigitroError
from digitro_async.privacy import Personal

__all__ = [
    "ClientFacts",
    "ControlFacts",
    "ControlOrders",
    "PageFacts",
    "TakeOrder",
    "read_order",
]

TakeOrder = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Obeys an order, as ``RunControl.obey`` does."""

_WORDS: Final = {
    Limit.IDLE: "nothing to call",
    Limit.DRAINING: "stopping",
    Limit.SILENT: "no answer comes",
    Limit.LEDGER: "waits for the ledger",
    Limit.PLACES: "as many calls on the wire as may be",
    Limit.MAX_IN_PROGRESS: "as many calls in progress as may be",
    Limit.LOST_SLOTS: "waits for calls that were not answered",
    Limit.LATENCY: "answers are slow",
    Limit.CAP: "at the cap",
    Limit.SOURCE: "reads contacts",
}
"""What holds calls back, for people."""

_LONGEST_TEXT: Final = 200
_MOST_CALLS: Final = 1_000_000_000
_MOST_SECONDS: Final = 86_400.0


class PageFacts(Protocol):
    """What a page shows of this moment."""

    async def facts(self) -> Mapping[str, Any]:
        """Return plain values: nothing private, and few of them."""
        ...


class ClientFacts:
    """This moment of a client of this process.

    Args:
        client: The client.
    """

    def __init__(self, client: DigitroClient) -> None:
        self._client = client

    async def facts(self) -> Mapping[str, Any]:
        """Return how each PABX stands. See ``PageFacts``."""
        statistics = self._client.statistics()
        told = worker_facts(statistics)
        return {
            "dials": "this process",
            "calls": told["calls"],
            "in_flight": told["in_flight"],
            "pabx": [
                {
                    "name": one.name,
                    "rate": one.average_rate,
                    "cap": None if one.cap is None else one.cap.calls,
                    "per": None if one.cap is None else one.cap.per,
                    "in_flight": one.in_flight,
                    "in_progress": one.in_progress,
                    "calls": one.attempts,
                    "paused": one.pause is not None,
                    "words": _words_of(one),
                }
                for one in statistics.pabx.values()
            ],
        }


def _words_of(one: PABXStatistics) -> str:
    """Return what holds a PABX back, in words."""
    return _WORDS.get(one.limit, "") if one.pause is None else one.pause.text


class ControlFacts:
    """This moment of the processes that dial a ledger elsewhere.

    Args:
        reach: Returns the way to them, not entered yet.
    """

    def __init__(self, reach: Callable[[], Control]) -> None:
        self._reach = reach

    async def facts(self) -> Mapping[str, Any]:
        """Return who dials, and how each PABX stands. See ``PageFacts``."""
        try:
            async with self._reach() as control:
                workers, pabx = await control.workers(), await control.pabx()
        except DigitroError:
            workers, pabx = (), ()
        alive = [one for one in workers if one.is_alive]
        return {
            "dials": ", ".join(one.name for one in alive),
            "calls": sum(one.calls or 0 for one in alive),
            "in_flight": sum(one.in_flight or 0 for one in alive),
            "pabx": [_state_of(one, alive) for one in pabx],
        }


def _state_of(state: PABXState, workers: "list[WorkerStatus]") -> Mapping[str, Any]:
    names = {limit.value: words for limit, words in _WORDS.items()}
    limits = [
        names.get(one.limits[state.name], one.limits[state.name])
        for one in workers
        if state.name in one.limits
    ]
    return {
        "name": state.name,
        "rate": None,
        "cap": state.calls,
        "per": state.per,
        "in_flight": None,
        "in_progress": None,
        "calls": None,
        "paused": bool(state.code),
        "words": state.words or ", ".join(dict.fromkeys(limits)),
    }


class ControlOrders:
    """Gives the orders of a page to all that dial a database.

    Each has a connection of its own, so that a lost one is lost for one alone.

    Args:
        reach: Returns the way to them, not entered yet.
    """

    def __init__(self, reach: Callable[[], Control]) -> None:
        self._reach = reach

    async def obey(self, order: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give an order. See ``TakeOrder``.

        Raises:
            DigitroError: If it can't be obeyed.
        """
        async with self._reach() as control:
            return {"value": await _give(control, order)}


async def _give(control: Control, order: Mapping[str, Any]) -> object:
    pabx = order.get("pabx")
    if order["order"] == "pause":
        return await control.pause(pabx=pabx)
    if order["order"] == "resume":
        return await control.resume(pabx=pabx)
    if order["order"] == "set_rate":
        await control.set_rate(order["calls"], order["per"], pabx=pabx)
        return None
    return await control.withdraw(order.get("number") or Personal(order["id"]))


def read_order(values: object) -> dict[str, Any]:
    """Return the order that a page sent; of anything else nothing is taken over.

    Raises:
        ConfigurationError: If it is none.
    """
    given = values if isinstance(values, dict) else {}
    kind = given.get("order")
    if kind in {"pause", "resume"}:
        return {"order": kind, "pabx": _name_in(given)}
    if kind == "set_rate":
        return {"order": kind, "pabx": _name_in(given), **_rate_in(given)}
    if kind == "withdraw":
        text = given.get("contact")
        if isinstance(text, str) and 0 < len(text.strip()) <= _LONGEST_TEXT:
            return {"order": kind, **_contact_in(text.strip())}
        raise ConfigurationError("name the contact by its number, as in #17, or its id")
    raise ConfigurationError("there is no such order")


def _contact_in(text: str) -> dict[str, Any]:
    number = text.removeprefix("#")
    if text.startswith("#") and number.isascii() and number.isdecimal():
        return {"number": int(number[:18])}
    return {"id": text}


def _name_in(given: Mapping[str, Any]) -> str:
    name = given.get("pabx")
    if isinstance(name, str) and 0 < len(name) <= _LONGEST_TEXT:
        return name
    raise ConfigurationError("name the PABX")


def _rate_in(given: Mapping[str, Any]) -> dict[str, Any]:
    calls, per = given.get("calls"), given.get("per", 1.0)
    is_calls = calls is None or (type(calls) is int and 0 < calls <= _MOST_CALLS)
    is_per = type(per) in (int, float) and 0 < per <= _MOST_SECONDS
    if is_calls and is_per:
        return {"calls": calls, "per": float(per)}
    raise ConfigurationError("a rate is a whole number of calls in so many seconds")
