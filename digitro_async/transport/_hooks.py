"""Finds out whether a tool has hooked into aiohttp's sessions.

Telemetry gives sessions hooks as they are made, or wraps a method of the class; test
tools replace a method for a while. Then calls take the public way, which such a tool
sees.
"""

import types
from collections.abc import Callable
from typing import Any, Final

import aiohttp
from aiohttp import client as aiohttp_client

__all__ = ["is_hooked", "methods_are_replaced"]

_SESSION: Final = aiohttp.ClientSession
_POST: Final = aiohttp.ClientSession.post


def _methods_of_a_post() -> dict[str, Any]:
    """Return ``post`` and the methods of the session that it calls, by name."""
    called = {"post": _POST}
    code = getattr(_POST, "__code__", None)
    for name in () if code is None else code.co_names:
        if callable(found := getattr(_SESSION, name, None)):
            called[name] = found
    return called


def _is_aiohttps_own(method: Any) -> bool:
    """Whether a method of the session is a function of aiohttp's own module."""
    is_function = isinstance(method, types.FunctionType)
    return is_function and method.__globals__ is vars(aiohttp_client)


_METHODS: Final = _methods_of_a_post()
_ARE_OWN: Final = len(_METHODS) > 1 and all(map(_is_aiohttps_own, _METHODS.values()))
"""Whether no tool replaced them before this library was loaded."""

_OWN: Final = tuple(_METHODS.values()) if _ARE_OWN else (None,) * len(_METHODS)


def _make_look() -> Callable[[], bool]:
    """Return the function that looks at each method, by the names found above."""
    # It is asked for each call. Written out, it takes 0.3 thousand instructions; an
    # attrgetter and a comparison of tuples take 1.5.
    looks = (f"session.{name} is own_{number}" for number, name in enumerate(_METHODS))
    known = {f"own_{number}": method for number, method in enumerate(_OWN)}
    source = f"lambda: not ({' and '.join(looks)})"
    made: Callable[[], bool] = eval(source, {"session": _SESSION, **known})  # noqa: S307
    return made


methods_are_replaced: Final = _make_look()
"""Returns whether a method that makes a POST is not aiohttp's own (any more)."""


def is_hooked(session: aiohttp.ClientSession) -> bool:
    """Whether a tool has hooked into a session as it was made."""
    return (
        type(session) is not _SESSION
        or not _is_aiohttps_own(type(session).__init__)
        or bool(session.trace_configs)
    )
