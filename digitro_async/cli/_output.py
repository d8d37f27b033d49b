"""Prints lines and data of the commands; a reader that went away ends no run.

``digitro dial ... | head`` closes stdout early, a terminal can be hung up, a log's
disk can fill up: calls are on the wire then, and their results matter more than any
line about them. Only a reader that went away is no fault: of any other one the reason
is printed at once, and the exit code tells of it at the end.
"""

import contextlib
import contextvars
import errno
import io
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from typing import BinaryIO, TextIO

from digitro_async._common.text import printable, words_of_os_error

__all__ = [
    "OutputFaults",
    "finish_streams",
    "hand_out",
    "noting_faults",
    "prepare_streams",
    "print_error",
    "print_line",
    "reader_went_away",
    "take_fault",
]


class OutputFaults:
    """Takes note of streams of one command that failed.

    Attributes:
        found: Whether one failed for another reason than that its reader went away.
    """

    def __init__(self) -> None:
        self.found = False


_faults: contextvars.ContextVar[OutputFaults | None] = contextvars.ContextVar(
    "output_faults", default=None
)


@contextlib.contextmanager
def noting_faults() -> Iterator[OutputFaults]:
    """Take note of streams that fail while the block runs."""
    faults = OutputFaults()
    token = _faults.set(faults)
    try:
        yield faults
    finally:
        _faults.reset(token)


def reader_went_away(error: OSError, stream: TextIO | None = None) -> bool:
    """Whether an error of a stream says that nobody reads it any more.

    Args:
        error: The error.
        stream: The stream, where it may be a terminal: one that was hung up fails like
            a disk.
    """
    if isinstance(error, BrokenPipeError | ConnectionResetError):
        return True
    if error.errno != errno.EIO or stream is None:
        return False
    with contextlib.suppress(OSError, ValueError):
        return stat.S_ISCHR(os.fstat(stream.fileno()).st_mode)
    return False


def print_line(text: str) -> bool:
    """Print a line on stdout; False where it could not be written."""
    return _write(text, sys.stdout) is None


def print_error(text: str) -> bool:
    """Print a line on stderr; False where it could not be written."""
    return _write(text, sys.stderr) is None


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
        else:
            problem = _write(line.decode().removesuffix("\n"), sys.stdout)
        if problem is not None:
            return problem
    return None if out is None or is_shown else _put(b"", out)


def finish_streams() -> None:
    """Bring out what the streams still hold: Python would fail at it without a word."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError as error:
            take_fault(error, stream)
        except ValueError:
            pass  # it is closed


def take_fault(error: OSError, stream: TextIO) -> None:
    """Write no more to a stream that failed; say why, unless its reader went away."""
    is_gone = reader_went_away(error, stream)
    _give_up(stream)
    if is_gone:
        return
    faults = _faults.get()
    if faults is not None:
        faults.found = True
    # Nothing takes the place of the standard error: the standard output may be data.
    if stream is sys.stdout:
        problem = words_of_os_error(error)
        print_error(f"digitro: the standard output can't be written: {problem}")


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


def _write(text: str, stream: TextIO) -> OSError | None:
    try:
        print(printable(text), file=stream, flush=True)
    except OSError as error:
        take_fault(error, stream)
        return error
    except ValueError:  # it is closed
        _give_up(stream)
        return BrokenPipeError()
    return None


def _put(data: bytes, out: BinaryIO) -> OSError | None:
    """Write a line of data as it is; an empty one says that it was the last."""
    try:
        out.write(data)
        if not data:
            out.flush()
    except OSError as error:
        take_fault(error, sys.stdout)
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
