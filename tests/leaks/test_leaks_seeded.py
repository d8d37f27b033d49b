"""Leaks that are put in on purpose are found, in every form and at every place."""

import asyncio
import base64
import binascii
import gc
import json
import logging
import pickle
import re
import reprlib
import sys
import threading
import urllib.parse
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
import pytest
from leak_places import Watch
from leaks import CANARIES, FORMS, Hit, call_with_canaries, find, written_as
from test_leaks import at, play

from digitro_async import (
    PABX,
    DigitroClient,
    DigitroError,
    Dispatcher,
    Personal,
    RejectedError,
    Secret,
    Statistics,
)
from digitro_async.dispatch import _answer, _dispatcher
from digitro_async.models import Call
from digitro_async.protocol import Request, build_request
from digitro_async.protocol import error_of as error_of_attempt
from digitro_async.testing import FakePABX, Fault, FaultPlan

NUMBERS = ("destination", "caller_id", "cpf")


def in_base64(encode: Callable[[bytes], bytes], before: bytes, text: str) -> bytes:
    """Encode the text as it stands behind something."""
    return encode(before + text.encode() + b"!")


WRITERS: dict[str, list[Callable[[str], str | bytes]]] = {
    "raw": [str, str.encode, "a {} b".format],
    "url": [
        lambda text: "https://h/?a=" + urllib.parse.quote(text, safe=""),
        lambda text: re.sub(
            "%..", lambda found: found[0].lower(), urllib.parse.quote(text, safe="")
        ),
        lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    ],
    "form": [
        lambda text: urllib.parse.urlencode({"a": text, "b": "c"}),
        lambda text: urllib.parse.quote_plus(text).encode(),
    ],
    "base64": [
        partial(in_base64, base64.b64encode, b"x" * before) for before in range(7)
    ],
    "base64url": [
        partial(in_base64, base64.urlsafe_b64encode, b"\xff" * before)
        for before in range(7)
    ],
    "json": [
        lambda text: json.dumps({"a": [text]}),
        lambda text: json.dumps({"a": text}, ensure_ascii=False),
        lambda text: json.dumps({"a": json.dumps({"b": text})}),
        lambda text: "".join(f"\\u{ord(char):04X}" for char in text),
    ],
    "bytes": [
        lambda text: repr({"a": text.encode()}),
        lambda text: repr([text]),
        ascii,
        lambda text: "".join(f"\\x{byte:02x}" for byte in text.encode()),
        lambda text: pickle.dumps(text, 0),
    ],
    "hex": [
        lambda text: f"body {text.encode().hex()} end",
        lambda text: binascii.hexlify(text.encode()).upper(),
        lambda text: text.encode().hex(" "),
    ],
    "reversed": [lambda text: text[::-1], lambda text: f"<{text}>"[::-1]],
    "beginning": [lambda text: text[:9] + "...", lambda text: repr(text)[:12]],
    "end": [lambda text: "***" + text[-8:], reprlib.repr],
    "last digits": [
        lambda text: "*****" + digits_of(text)[-8:],
        lambda text: base64.b64encode(digits_of(text)[-8:].encode()),
        lambda text: digits_of(text)[-8:][::-1],
        lambda text: digits_of(text)[-8:].encode().hex(),
    ],
}


def digits_of(text: str) -> str:
    """Return the digits of a text."""
    return "".join(char for char in text if char.isdigit())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CANARIES)
def test_every_form_is_found(name: str, form: str) -> None:
    """Each canary is found in each form, by that form, whoever wrote it."""
    canary = CANARIES[name]
    parts = {"beginning": False, "end": False, "last digits": True}
    if form in parts and parts[form] is not (name in NUMBERS):
        assert written_as(canary, form) == []
        return
    missed = [
        written
        for write in WRITERS[form]
        for written in [write(canary.text)]
        if Hit(name, form) not in find(written)
        and not (form == "end" and canary.text[-8:] not in str(written))
    ]

    assert missed == []


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_found_without_punctuation(name: str) -> None:
    """The bare digits of a number are found in every form too."""
    digits = digits_of(CANARIES[name].text)

    for text in (digits, digits[::-1], digits.encode().hex(), json.dumps([digits])):
        assert {hit.canary for hit in find(text)} == {name}


def test_harmless_texts() -> None:
    """What is no canary is not taken for one, so a hit is one."""
    harmless = "Secret('***') 04832817000 Kx9 55 Wd3kHm8 1125000 2026-01-01T00:00:00"

    assert find(harmless) == find(harmless.encode()) == set()
    assert find(f"x{CANARIES['api_key'].text}", ["cpf"]) == set()


# --- places -----------------------------------------------------------------------

SECRET = CANARIES["account_password"].text


class Held:
    """Holds a text where only those find it who look into objects."""

    def __init__(self) -> None:
        self.text = SECRET


def raised(make: Callable[[], BaseException]) -> BaseException:
    """Raise an error from a frame that is not of the tests, and return it."""
    names = {"make": make, "held": Held(), "SECRET": SECRET}
    code = "def seeded(make, **given):\n    raise make()\n"
    exec(compile(code, "/seeded.py", "exec"), names)
    try:
        names["seeded"](make)  # type: ignore[operator]
    except BaseException as error:  # noqa: BLE001 - is what is wanted
        return error
    raise AssertionError


def with_local(local: Any) -> BaseException:
    """Return an error that went through a frame with that local."""
    names: dict[str, Any] = {}
    code = "def seeded(local):\n    raise ValueError\n"
    exec(compile(code, "/seeded.py", "exec"), names)
    try:
        names["seeded"](local)
    except ValueError as error:
        return error
    raise AssertionError


def behind(link: str) -> BaseException:
    """Return an error behind which another one stands."""
    error = ValueError("harmless")
    setattr(error, link, KeyError(SECRET))
    return error


def noted() -> BaseException:
    """Return an error with a note."""
    error = ValueError("harmless")
    error.add_note(f"the password was {SECRET}")
    return error


def log_to(name: str, **given: Any) -> Callable[[Watch], None]:
    """Log something to a logger."""

    def log(_: Watch) -> None:
        level = given.pop("level", logging.DEBUG)
        logging.getLogger(name).log(
            level, given.pop("text", "%s"), *given.pop("args", ()), **given
        )

    return log


def log_error(_: Watch) -> None:
    """Log a harmless line with an error."""
    logging.getLogger("digitro_async").error("x", exc_info=with_local(SECRET))


class Unraisable:
    """Fails when it goes."""

    def __del__(self) -> None:
        raise ValueError(SECRET)


def die_in_a_thread(_: Watch) -> None:
    """Let a thread end with an error."""

    def fail() -> None:
        raise ValueError(SECRET)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()


class Unclosed:
    """Warns when it goes, as what aiohttp leaves open does."""

    def __repr__(self) -> str:
        return f"<Unclosed {SECRET}>"

    def __del__(self) -> None:
        warnings.warn("unclosed", ResourceWarning, source=self, stacklevel=1)


async def never_retrieved_task() -> None:
    """Leave a task behind that failed."""

    async def fail() -> None:
        raise ValueError(SECRET)

    task = asyncio.create_task(fail())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
    gc.collect()


async def never_retrieved_future() -> None:
    """Leave a future behind that failed."""
    asyncio.get_running_loop().create_future().set_exception(ValueError(SECRET))
    gc.collect()


async def never_awaited() -> None:
    """Make a coroutine that nobody awaits, and which names what it holds."""

    async def forgotten() -> None: ...

    forgotten.__qualname__ = SECRET
    made = [forgotten()]
    made.clear()


async def slow_callback() -> None:
    """Give a callback what it should not have as an argument."""
    asyncio.get_running_loop().call_soon(print, SECRET[:20])
    await asyncio.sleep(0)


async def task_result() -> None:
    """Let a task end with what nobody should see."""

    async def answer() -> str:
        return SECRET

    await asyncio.create_task(answer())


SEEDS: dict[str, tuple[str, Callable[[Watch], Any]]] = {
    "log line": ("log digitro_async", log_to("digitro_async", args=(SECRET,))),
    "log argument cut by the format": (
        "log digitro_async.x",
        log_to("digitro_async.x", text="%.2s", args=(SECRET,)),
    ),
    "log extra": (
        "log aiohttp",
        log_to("aiohttp.client", text="x", extra={"b": SECRET}),
    ),
    "log at the lowest level": ("log root", log_to("root", level=1, args=(SECRET,))),
    "log with an error": ("log digitro_async: local", log_error),
    "printed": ("stdout", lambda _: sys.stdout.write(SECRET)),
    "complained": ("stderr", lambda _: sys.stderr.write(SECRET)),
    "warning": ("warning", lambda _: warnings.warn(SECRET, stacklevel=1)),
    "unclosed": ("warning", lambda _: repr(Unclosed())),
    "unraisable": ("unraisable", lambda _: repr(Unraisable())),
    "thread": ("unraisable", die_in_a_thread),
    "text": ("e: error", lambda w: w.take("e", DigitroError(SECRET))),
    "reason": ("e: error", lambda w: w.take("e", RejectedError(reason=SECRET))),
    "context": ("e: error", lambda w: w.take("e", behind("__context__"))),
    "cause": ("e: error", lambda w: w.take("e", behind("__cause__"))),
    "note": ("e: notes", lambda w: w.take("e", noted())),
    "group": (
        "e: error",
        lambda w: w.take("e", ExceptionGroup("g", [KeyError(SECRET)])),
    ),
    "attribute": ("e: vars", lambda w: w.take("e", attribute_of(DigitroError()))),
    "local": ("e: local", lambda w: w.take("e", with_local(SECRET))),
    "local in a traceback": ("e: traceback", lambda w: w.take("e", with_local(SECRET))),
    "local for rich": ("e: rich traceback", lambda w: w.take("e", with_local(SECRET))),
    "local's item": ("e: in local", lambda w: w.take("e", with_local([SECRET]))),
    "local's attribute": ("e: in local", lambda w: w.take("e", with_local(Held()))),
    "field": ("e: asdict", lambda w: w.take("e", Hidden(SECRET))),
    "pickle": ("e: pickle", lambda w: w.take("e", Hidden(SECRET))),
    "json": ("e: json asdict", lambda w: w.take("e", Hidden(SECRET))),
}


@attrs.frozen
class Hidden:
    """Hides a field in its repr alone."""

    key: str = attrs.field(repr=False)


def attribute_of(error: DigitroError) -> DigitroError:
    """Return an error with an attribute that its text does not tell."""
    error.retry_of = SECRET  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize("seed", SEEDS)
def test_a_leak_at_every_place(seed: str) -> None:
    """What is shown at a place is found there."""
    place, leak = SEEDS[seed]
    with Watch() as watch:
        leak(watch)

    assert [one for one in watch.leaks() if one.startswith(place)], watch.leaks()


LOOP_SEEDS: dict[str, tuple[str, str, Callable[[], Any]]] = {
    "task": ("log asyncio", "exception was never retrieved", never_retrieved_task),
    "future": ("log asyncio", "exception was never retrieved", never_retrieved_future),
    "coroutine": ("warning", "was never awaited", never_awaited),
    "callback": ("log asyncio", "Executing", slow_callback),
    "result": ("log asyncio", "Executing", task_result),
}


@pytest.mark.parametrize("seed", LOOP_SEEDS)
async def test_a_leak_in_what_the_loop_says(seed: str) -> None:
    """What asyncio says by itself is heard and searched."""
    place, line, leak = LOOP_SEEDS[seed]
    with Watch() as watch:
        watch.listen_to(asyncio.get_running_loop())
        await leak()

    assert line in watch.text_of(place)
    assert [one for one in watch.leaks() if one.startswith(place)]


# --- leaks in the product ----------------------------------------------------------


def log_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    """Log what is sent."""

    def build(call: Call, channel_id: int | None, unset: Any) -> Request:
        request = build_request(call, channel_id, unset)
        logging.getLogger("digitro_async").debug("sending %s", request.body)
        return request

    monkeypatch.setattr(_dispatcher, "build_request", build)


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

    monkeypatch.setattr(_answer, "error_of", error_of)


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
