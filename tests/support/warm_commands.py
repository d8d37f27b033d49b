"""Starts the ``digitro`` command from a process that has loaded all it needs.

To load the libraries takes a second of the processor for each start of the command, and
the tests start it some hundred times. Here one process loads them, and is forked; what
it becomes is the child of who asked, as any started process is. It takes its words,
folder, environment and streams from the start, and the way it hears signals.

Linux alone can give a process another parent. Elsewhere, and where something is asked
for that only a new interpreter can do, one is started as always.
"""

import atexit
import contextlib
import ctypes
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

__all__ = ["start_command"]

PROGRAM: Final = Path(__file__).with_name("warm_process.py")
FIRST: Final = """
import runpy, sys
sys.path.insert(0, {path!r})
import {first}
sys.argv[:1] = ["-m"]
sys.orig_argv = [sys.executable, "-m", "digitro_async", *sys.argv[1:]]
runpy.run_module("digitro_async", run_name="__main__", alter_sys=True)
"""
SET_CHILD_SUBREAPER: Final = 36
"""A number of ``prctl``: processes below whose parent ends become our children."""
LONGEST: Final = 2**20
"""Bytes of a message."""
OF_THE_START: Final = ("PYTHON", "LC_", "LANG", "COVERAGE", "TZ")
"""Begins the names in an environment that count when an interpreter starts."""
STOPS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def start_command(
    words: Sequence[str], *, cold: bool = False, first: str = "", **options: Any
) -> "subprocess.Popen[str]":
    """Start ``python -m digitro_async`` with those words, as ``Popen`` does.

    Args:
        words: The words behind it.
        cold: Whether the loading is part of what is tested.
        first: Name of a module of this folder to load first, empty for none.
        options: Of ``Popen``.
    """
    if not cold and _may_be_warm(options):
        with contextlib.suppress(ChildProcessError):
            return _WarmCommand([first, *words], **options)
    how = ["-c", FIRST.format(path=str(PROGRAM.parent), first=first)]
    how = how if first else ["-m", "digitro_async"]
    return subprocess.Popen([sys.executable, *how, *words], **options)


def _may_be_warm(options: Mapping[str, Any]) -> bool:
    streams = [options.get(name) for name in ("stdin", "stdout", "stderr")]
    return (
        sys.platform == "linux"
        and options.keys()
        <= {"stdin", "stdout", "stderr", "text", "cwd", "env", "start_new_session"}
        and not any(map(_is_a_terminal, streams))
        and _of_the_start(options.get("env") or os.environ) == _of_the_start(_LOADED)
    )


def _is_a_terminal(stream: Any) -> bool:
    """Whether a stream is one: Python's own streams are made otherwise for it."""
    number = stream.fileno() if hasattr(stream, "fileno") else stream
    return number is not None and number >= 0 and os.isatty(number)


def _is_ignored(number: int) -> bool:
    return signal.getsignal(number) == signal.SIG_IGN


def _of_the_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(OF_THE_START)
    }


_LOADED: Final = dict(os.environ)
"""The environment in which the warm process is started."""


class _WarmProcess:
    """The process that has loaded everything, and is forked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(PROGRAM), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                env=_LOADED,
                pass_fds=[theirs.fileno()],
            )
        self._prctl = ctypes.CDLL(None, use_errno=True).prctl

    def fork(self, job: Mapping[str, Any], streams: Sequence[int]) -> int:
        """Return the process id of a new child of this process."""
        message = json.dumps(job).encode("utf-8", "surrogateescape")
        with self._lock:
            self._prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
            try:
                socket.send_fds(self._socket, [message], streams)
                said = self._socket.recv(LONGEST)
            except OSError as error:
                raise ChildProcessError("the warm process has ended") from error
            finally:
                self._prctl(SET_CHILD_SUBREAPER, 0, 0, 0, 0)
        if not said:
            raise ChildProcessError("the warm process has ended")
        return int(said)

    def close(self) -> None:
        """End it."""
        self._socket.close()
        self._process.wait()


@functools.cache
def _warm_process() -> _WarmProcess:
    process = _WarmProcess()
    atexit.register(process.close)
    return process


class _WarmCommand(subprocess.Popen[str]):
    """A command that is forked from the warm process."""

    def _execute_child(self, args: Any, *given: Any) -> None:
        """Start it: ``Popen`` has made the pipes, and does all the rest."""
        options = dict(zip(_GIVEN, given, strict=False))
        pipes = [options[name] for name in _GIVEN if name in _PIPES]
        ends = (options["p2cread"], options["c2pwrite"], options["errwrite"])
        streams = [one if one >= 0 else own for own, one in enumerate(ends)]
        job = {
            "first": args[0],
            "words": args[1:],
            "folder": os.fspath(options["cwd"] or Path.cwd()),
            "environment": dict(options["env"] or os.environ),
            "session": options["start_new_session"],
            "ignored": [
                one for one in STOPS if signal.getsignal(one) == signal.SIG_IGN
            ],
        }
        try:
            self.pid = _warm_process().fork(job, streams)
            self._child_created = True
        finally:
            self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]  # of Popen


_PIPES: Final = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
_GIVEN: Final = (
    *("executable", "preexec_fn", "close_fds", "pass_fds", "cwd", "env"),
    *("startupinfo", "creationflags", "shell", *_PIPES),
    *("restore_signals", "gid", "gids", "uid", "umask", "start_new_session"),
)
"""What ``Popen`` hands over when it starts something, in this order."""
