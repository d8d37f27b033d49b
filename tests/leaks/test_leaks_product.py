"""Leaks that are put into the library on purpose are found."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from leak_places import Watch
from leaks import CANARIES, call_with_canaries
from test_leaks import at, play

from digitro_async import (
    PABX,
    DigitroClient,
    DigitroError,
    Dispatcher,
    Personal,
    Secret,
    Statistics,
)
from digitro_async.dispatch import _call_run
from digitro_async.models import Call
from digitro_async.protocol import Request, build_request
from digitro_async.protocol import error_of as error_of_attempt
from digitro_async.testing import FakePABX, Fault, FaultPlan


def log_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    """Log what is sent."""

    def build(call: Call, channel_id: int | None, unset: Any) -> Request:
        request = build_request(call, channel_id, unset)
        logging.getLogger("digitro_async").debug("sending %s", request.body)
        return request

    monkeypatch.setattr(_call_run, "build_request", build)


def spoil_errors(
    monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Any, str], None]
) -> None:
    """Change the error of every attempt; what the PABX wrote is known then."""
    made = error_of_attempt

    def error_of(*given: Any, **more: Any) -> DigitroError | None:
        error = made(*given, **more)
        if error is not None:
            spoil(error, call_with_canaries().destination.reveal())
        return error

    monkeypatch.setattr(_call_run, "error_of", error_of)


def set_args(error: Any, text: str) -> None:
    """Put a number into the text of an error."""
    error.args = (f"can't call {text}",)


def set_cause(error: Any, text: str) -> None:
    """Put a number into the error behind an error."""
    error.__cause__ = ValueError(text)


def show_in_locals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep an open number in a frame of the client."""
    names: dict[str, Any] = {"original": DigitroClient.make_predictive_call}
    code = (
        "async def make_predictive_call(self, call, **given):\n"
        "    number = call.destination.reveal()\n"
        "    return await original(self, call, **given)\n"
    )
    exec(compile(code, "/seeded.py", "exec"), names)
    monkeypatch.setattr(
        DigitroClient, "make_predictive_call", names["make_predictive_call"]
    )


def count_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a number into the statistics."""
    number = CANARIES["destination"].text
    one = Dispatcher.statistics

    def statistics(self: Dispatcher) -> Statistics:
        snapshot = one(self)
        return Statistics({number: next(iter(snapshot.pabx.values()))})

    monkeypatch.setattr(Dispatcher, "statistics", statistics)


def set_key_in_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show the key of a PABX."""
    monkeypatch.setattr(
        PABX, "__repr__", lambda self: f"<PABX {self.api_key.reveal()}>"
    )


def get_state(self: Any) -> object:
    """Do what object does."""
    return (None, {"_text": self.reveal()})


def format_open(self: Secret, spec: str) -> str:
    """Format what should be masked."""
    return format(self.reveal(), spec)


def let_pickle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let wrappers be pickled as if they were plain objects."""
    for kind in (Secret, Personal):
        monkeypatch.setattr(
            kind, "__reduce_ex__", lambda self, _: (type(self), (self.reveal(),))
        )


PRODUCT: dict[str, tuple[str, Callable[[pytest.MonkeyPatch], Any]]] = {
    "log": ("log digitro_async", log_the_body),
    "error text": ("end: error", lambda m: spoil_errors(m, set_args)),
    "error cause": ("end: error", lambda m: spoil_errors(m, set_cause)),
    "note": ("end: notes", lambda m: spoil_errors(m, DigitroError.add_note)),
    "frame": ("end: local", show_in_locals),
    "statistics": ("statistics: repr", count_by_number),
    "repr of a PABX": ("client: repr", set_key_in_repr),
    "repr": ("end: repr", lambda m: m.setattr(Personal, "__repr__", Personal.reveal)),
    "format": ("end: format", lambda m: m.setattr(Secret, "__format__", format_open)),
    "str": ("end: json", lambda m: m.setattr(Secret, "__str__", Secret.reveal)),
    "state": ("end: state", lambda m: m.setattr(Secret, "__getstate__", get_state)),
    "pickle": ("end: pickle", let_pickle),
}


@pytest.mark.parametrize("seed", PRODUCT)
async def test_a_leak_in_the_product(
    seed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A leak in the library itself is found by the replay of a fault."""
    place, leak = PRODUCT[seed]
    leak(monkeypatch)
    plan = FaultPlan([Fault("status", status=409)])
    with Watch() as watch:
        async with FakePABX(api_key=CANARIES["api_key"].text, faults=plan) as pabx:
            await play(watch, at(pabx.base_url))
    monkeypatch.undo()

    assert [one for one in watch.leaks() if one.startswith(place)], watch.leaks()[:20]
