"""The places where Python, asyncio and their tools show values, as texts to search."""

import asyncio
import contextlib
import copy
import gc
import io
import json
import logging
import pickle
import pprint
import reprlib
import sys
import threading
import traceback
import warnings
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from types import FrameType, TracebackType
from typing import Any, Self

import attrs
import rich.pretty
import rich.traceback
from leaks import CANARIES, find
from places import TESTS

from digitro_async.privacy import Masked

__all__ = ["Watch", "texts_of", "texts_of_error"]

PACKAGE = "digitro_async"

Text = str | bytes
Placed = tuple[str, Text]
"""Where a text was seen, and the text."""


class Watch:
    """Has all that is shown while its block runs, and tells which canaries were.

    Everything speaks up that can: every logger at its lowest level, asyncio in debug
    mode (``listen_to``), all warnings, and what Python says where nobody listens.
    """

    def __init__(self) -> None:
        self.seen: list[Placed] = []
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        stack = self._stack
        self._caught = stack.enter_context(warnings.catch_warnings(record=True))
        warnings.simplefilter("always")
        self._out, self._err = io.StringIO(), io.StringIO()
        stack.enter_context(contextlib.redirect_stdout(self._out))
        stack.enter_context(contextlib.redirect_stderr(self._err))
        stack.callback(setattr, sys, "unraisablehook", sys.unraisablehook)
        stack.callback(setattr, threading, "excepthook", threading.excepthook)
        sys.unraisablehook = self._take_unraisable
        threading.excepthook = self._take_unraisable
        stack.enter_context(_all_loggers(_Records(self)))
        return self

    def __exit__(self, *_: object) -> None:
        try:
            gc.collect(1)  # what nobody retrieved speaks when it goes
        finally:
            self._stack.close()
        self.see("stdout", self._out.getvalue())
        self.see("stderr", self._err.getvalue())
        for one in self._caught:
            self.see("warning", f"{one.message} {one.message!r} {one.source!r}")

    def see(self, place: str, *texts: Text) -> None:
        """Add texts to what was shown."""
        self.seen += [(place, text) for text in texts]

    def take(self, name: str, value: object) -> None:
        """Add all that can be shown of a value, an error or another object."""
        one = texts_of_error(value) if isinstance(value, BaseException) else ()
        for place, text in (*one, *texts_of(value)):
            self.see(f"{name}: {place}", text)

    def show(self, name: str, value: object) -> None:
        """Add what shows a value as it is, without taking it apart."""
        for place, text in _shown(name, value):
            self.see(place, text)

    def listen_to(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have a loop tell all it can: of slow callbacks too, and any is slow."""
        loop.set_debug(True)
        loop.slow_callback_duration = 0.0

    def take_tasks(self) -> None:
        """Add what is shown of the tasks that run now."""
        for task in asyncio.all_tasks():
            stack = io.StringIO()
            task.print_stack(file=stack)
            self.see("task", repr(task), repr(task.get_coro()), stack.getvalue())

    def text_of(self, place: str) -> str:
        """Return all texts of a place, to see that it is not empty."""
        return "\n".join(str(text) for where, text in self.seen if place in where)

    def leaks(self, names: Collection[str] = tuple(CANARIES)) -> list[str]:
        """Return a line for each canary that was seen: where, which, in which form."""
        texts = dict.fromkeys(text for _, text in self.seen)
        shown = "\n".join(one for one in texts if isinstance(one, str))
        taken = b"\n".join(one for one in texts if isinstance(one, bytes))
        if not find(shown, names) and not find(taken, names):
            return []
        return sorted(
            {
                f"{place}: {hit.canary} as {hit.form}"
                for place, text in dict.fromkeys(self.seen)
                for hit in find(text, names)
            }
        )

    def _take_unraisable(self, what: Any) -> None:
        shown = [getattr(what, "err_msg", None), getattr(what, "object", None)]
        self.see("unraisable", *map(repr, (*shown, getattr(what, "thread", None))))
        if what.exc_value is not None:
            self.take("unraisable", what.exc_value)


class _Records(logging.Handler):
    """Adds every record, as any formatter or collector of records may show it."""

    def __init__(self, watch: Watch) -> None:
        super().__init__(logging.NOTSET)
        self._watch = watch
        self._inside = False

    def emit(self, record: logging.LogRecord) -> None:
        """Add a record."""
        place = f"log {record.name}"
        self._watch.see(place, self.format(record), repr(vars(record)))
        if record.exc_info and record.exc_info[1] and not self._inside:
            self._inside = True  # an error's own rendering may log
            self._watch.take(place, record.exc_info[1])
            self._inside = False


@contextlib.contextmanager
def _all_loggers(handler: logging.Handler) -> Iterator[None]:
    """Have every logger hand every record to a handler."""
    root = logging.getLogger()
    known = [one for one in root.manager.loggerDict.values() if hasattr(one, "level")]
    loggers: Any = [root, *known]
    before = [(one, one.level, one.disabled, one.propagate) for one in loggers]
    threshold = root.manager.disable
    logging.disable(logging.NOTSET)
    for one in loggers:
        one.setLevel(1)
        one.disabled, one.propagate = False, True
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        logging.disable(threshold)
        for one, level, disabled, propagate in before:
            one.setLevel(level)
            one.disabled, one.propagate = disabled, propagate


# --- objects ----------------------------------------------------------------------


def texts_of(value: object) -> Iterator[Placed]:
    """Yield all that can be shown of an object and of our objects it is made of."""
    with contextlib.suppress(Exception):
        yield "deepcopy", repr(copy.deepcopy(value))
    todo, known = [("", value)], set()
    while todo:
        path, one = todo.pop()
        if id(one) in known or len(path) > 400:
            continue
        known.add(id(one))
        yield from _renderings(path or type(one).__name__, one)
        todo += [
            (f"{path}.{name}", inner)
            for name, inner in _parts(one)
            if _is_ours(inner) or isinstance(inner, dict | list | tuple | set)
        ]


def _is_ours(value: object) -> bool:
    return type(value).__module__.partition(".")[0] == PACKAGE


def _parts(value: object) -> Iterator[tuple[str, Any]]:
    """Yield what a tool finds that walks objects: attributes, fields and items.

    The slots of a wrapper are not among them: reading one by its name is opening it.
    """
    if isinstance(value, Masked):
        return
    if isinstance(value, Mapping):
        yield from ((f"{number}", one) for number, one in enumerate(value))
        yield from ((f"[{number}]", one) for number, one in enumerate(value.values()))
    elif isinstance(value, list | tuple | set | frozenset):
        yield from ((f"[{number}]", one) for number, one in enumerate(value))
    elif _is_ours(value) and not isinstance(value, type):
        yield from list(getattr(value, "__dict__", {}).items())
        fields = getattr(type(value), "__attrs_attrs__", ())
        yield from ((one.name, getattr(value, one.name)) for one in fields)
        for kind in type(value).__mro__:
            slots = vars(kind).get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if name != "__weakref__" and hasattr(value, name):
                    yield name, getattr(value, name)


def _shown(name: str, value: Any) -> Iterator[Placed]:
    """Yield what makes text of a value."""
    yield f"repr of {name}", repr(value)
    yield f"str of {name}", str(value)
    yield f"format of {name}", f"{value}"
    yield f"format of {name}", f"{value!r:>9}{value!s:>9}{value!a:>9}"
    yield f"format of {name}", "%s %r %a" % ((value,) * 3)
    yield f"reprlib of {name}", reprlib.repr(value)
    yield f"pprint of {name}", pprint.pformat(value)
    yield f"rich of {name}", rich.pretty.pretty_repr(value)


def _renderings(name: str, value: Any) -> Iterator[Placed]:
    """Yield what every common way makes of a value."""
    yield from _shown(name, value)
    for protocol in (0, 2, pickle.HIGHEST_PROTOCOL):  # text, bytes, frames
        with contextlib.suppress(Exception):  # refused: nothing is shown
            yield f"pickle of {name}", pickle.dumps(value, protocol)
    for way, take in _WAYS.items():
        with contextlib.suppress(Exception):
            shown = take(value)
            yield f"{way} of {name}", repr(shown)
            yield f"json {way} of {name}", json.dumps(shown, default=str)
    with contextlib.suppress(Exception):
        yield f"json of {name}", json.dumps(value, default=str)
        yield f"json of {name}", json.dumps(value, default=vars)


_WAYS: Mapping[str, Callable[[Any], object]] = {
    "copy": copy.copy,
    "vars": vars,
    "state": lambda value: value.__getstate__(),
    "reduce": lambda value: [value.__reduce_ex__(2), value.__reduce__()],
    "asdict": attrs.asdict,
    "astuple": attrs.astuple,
}


# --- errors -----------------------------------------------------------------------


def texts_of_error(error: BaseException) -> Iterator[Placed]:
    """Yield all that tools show of an error, of those behind it and of their frames."""
    for one in _behind(error):
        yield "error", f"{one} {one!r} {one.args!r} {vars(one)!r}"
        yield "notes", repr(getattr(one, "__notes__", ()))
        with _without_frames_of_tests(one):
            whole = traceback.TracebackException.from_exception(
                one, capture_locals=True
            )
            yield "traceback", "".join(whole.format(chain=True))
            for frame, _ in traceback.walk_tb(one.__traceback__):
                yield from _locals_of(frame)
            if one.__traceback__ is not None:
                yield "rich traceback", _rich_traceback(one)


def _behind(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is not None and not any(one is known for known in found):
            found.append(one)
            todo += [one.__cause__, one.__context__]
            if isinstance(one, BaseExceptionGroup):
                todo += one.exceptions
    return found


def _locals_of(frame: FrameType) -> Iterator[Placed]:
    """Yield what walkers of frames show: every local and, one level deep, its parts."""
    code = frame.f_code
    for name, value in list(frame.f_locals.items()):
        place = f"local {name} of {code.co_name}"
        yield place, _safe_repr(value)
        parts: Iterable[object]
        if isinstance(value, SSLProtocol) and getattr(value, "_server_side", False):
            parts = ()  # a server in this process, which has by right what it received
        elif isinstance(value, Mapping):
            parts = list(value.items())
        elif isinstance(value, list | tuple | set | frozenset):
            parts = list(value)
        else:
            parts = [*getattr(value, "__dict__", {}).items(), *_shown_parts(value)]
        for part in parts:
            yield f"in {place}", _safe_repr(part)


def _shown_parts(value: object) -> Iterator[tuple[str, Any]]:
    """Yield the parts of an object but for those that attrs leaves out of its repr."""
    fields = getattr(type(value), "__attrs_attrs__", ())
    hidden = {field.name for field in fields if not field.repr}
    yield from ((name, part) for name, part in _parts(value) if name not in hidden)


def _safe_repr(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 - half made objects have none
        return f"<{type(error).__name__}>"


def _rich_traceback(error: BaseException) -> str:
    extracted = rich.traceback.Traceback.extract(
        type(error),
        error,
        error.__traceback__,
        show_locals=True,
        locals_max_string=10_000,
    )
    return "\n".join(
        f"{stack.exc_type} {stack.exc_value}\n"
        + "\n".join(
            f"{frame.name} {name} {node.render() if hasattr(node, 'render') else node}"
            for frame in stack.frames
            for name, node in (frame.locals or {}).items()
        )
        for stack in extracted.stacks
    )


@contextlib.contextmanager
def _without_frames_of_tests(error: BaseException) -> Iterator[None]:
    """Take the frames out of a chain that hold the canaries by right: the caller's."""
    chain = _behind(error)
    before = [one.__traceback__ for one in chain]
    for one in chain:
        one.__traceback__ = _ours_of(one.__traceback__)
    try:
        yield
    finally:
        for one, trace in zip(chain, before, strict=True):
            one.__traceback__ = trace


def _ours_of(trace: TracebackType | None) -> TracebackType | None:
    kept = []
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(str(TESTS)):
            kept.append(trace)
        trace = trace.tb_next
    rebuilt = None
    for one in reversed(kept):
        rebuilt = TracebackType(rebuilt, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return rebuilt
