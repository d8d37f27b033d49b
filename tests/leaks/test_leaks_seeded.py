"""Leaks that are put in on purpose are found at every place."""

import asyncio
import gc
import logging
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from leak_places import Watch
from leaks import CANARIES

from digitro_async import (
    DigitroError,
    RejectedError,
)

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
    """A value that is shown at a place is found there."""
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
    """Log lines of asyncio itself are heard and searched."""
    place, line, leak = LOOP_SEEDS[seed]
    with Watch() as watch:
        watch.listen_to(asyncio.get_running_loop())
        await leak()

    assert line in watch.text_of(place)
    assert [one for one in watch.leaks() if one.startswith(place)]
