"""The first moments of the ``digitro`` command, before its libraries are loaded.

Loading them takes a third of a second, and who starts a command may end it in that
time. The first process of a container would not even die of such a signal, but go on to
dial. Nothing is done in any other program that imports the package.
"""

# To load `signal`, `contextlib` and `typing` takes 8 ms, in which nobody would hear a
# signal. `_signal`, which is under `signal`, is a part of the interpreter.
import _signal  # type: ignore[import-not-found]  # there is no stub of it
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

__all__ = ["INTERRUPTED", "is_command", "leave_at_once", "signals"]

INTERRUPTED = 130
"""Exit code of a process that was interrupted."""


def is_command(argv: "Sequence[str]", original: "Sequence[str]") -> bool:
    """Whether a process is the command, by ``sys.argv`` and ``sys.orig_argv``."""
    first = argv[0] if argv else ""
    if first == "-m":  # so until the module is found; the package comes before it
        return not {"digitro_async", "-mdigitro_async"}.isdisjoint(original)
    return first.replace("\\", "/").rpartition("/")[2] in {"digitro", "digitro.exe"}


def signals() -> "Iterator[int]":
    """Yield the signals that end a command, but for those that are ignored."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(_signal, name, None)  # Windows has no SIGHUP
        if number is not None and _signal.getsignal(number) != _signal.SIG_IGN:
            yield number


def leave_at_once(*_: "int | FrameType | None") -> None:
    """End the process before anything has begun."""
    try:
        os.write(2, b"interrupted: nothing was dialled\n")
    except OSError:
        pass
    finally:
        os._exit(INTERRUPTED)


if is_command(sys.argv, sys.orig_argv):
    for _number in signals():
        _signal.signal(_number, leave_at_once)
    # A parent that waits for signals itself may leave them blocked for its children,
    # and this process would hear of none of them.
    if hasattr(_signal, "pthread_sigmask"):
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, list(signals()))
