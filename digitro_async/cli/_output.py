"""Prints lines and data of the commands; a reader that went away ends no run.

``digitro dial ... | head`` closes stdout early, a terminal can be hung up, a log's
disk can fill up: calls are on the wire then, and their results matter more than any
line about them.
"""

import contextlib
import io
import os
import sys
from collections.abc import Iterable
from typing import BinaryIO, TextIO

from digitro_async._common.text import printable

__all__ = [
    "hand_out",
    "prepare_streams",
    "print_error",
    "print_line",
]


def print_line(text: str) -> bool:
    """Print a line on stdout; False where it could not be written."""
    return _write(text, sys.stdout)


def print_error(text: str) -> bool:
    """Print a line on stderr; False where it could not be written."""
    return _write(text, sys.stderr)


def hand_out(lines: Iterable[bytes]) -> OSError | None:
    """Write lines of data to stdout, and return why that could not be done.

    Into a file or a pipe they go as they are, in UTF-8 whatever the locale says; only a
    terminal gets escapes for what would steer it.
    """
    out: BinaryIO | None = getattr(sys.stdout, "buffer", None)
    is_shown = out is None or sys.stdout.isatty()
    for line in lines:
        if out is not None and not is_shown:
            problem = _put(line, out)
        elif print_line(line.decode().removesuffix("\n")):
            problem = None
        else:
            problem = BrokenPipeError()
        if problem is not None:
            return problem
    return None if out is None or is_shown else _put(b"", out)


def prepare_streams() -> None:
    """Make the process's own streams fit for anything.

    A character that the encoding lacks is written as an escape. A stream that was
    closed before the process began (``>&-``) becomes the null device: its number would
    go to a socket otherwise, and libuv ends the process for that.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def _write(text: str, stream: TextIO) -> bool:
    try:
        print(printable(text), file=stream, flush=True)
    except (OSError, ValueError):
        _give_up(stream)
        return False
    return True


def _put(data: bytes, out: BinaryIO) -> OSError | None:
    """Write a line of data as it is; an empty one says that it was the last."""
    try:
        out.write(data)
        if not data:
            out.flush()
    except OSError as error:
        _give_up(sys.stdout)
        return error
    return None


def _give_up(stream: TextIO) -> None:
    """Discard the rest: Python flushes once more at its end and would fail."""
    with contextlib.suppress(OSError, ValueError):
        _turn_to_nothing(stream.fileno())


def _turn_to_nothing(descriptor: int) -> None:
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, descriptor)
    finally:
        os.close(nothing)
