"""The process of ``warm_commands``: loads all that a command needs, and is forked.

Its one argument is the number of a socket. Each message is a job, with three streams;
the answer is the process id of the command. It ends when the socket does.
"""

import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
from typing import Any

from package_imports import PACKAGE, importable

LONGEST = 2**20
STREAMS = {"stdin": "r", "stdout": "w", "stderr": "w"}


def load_all() -> None:
    """Load what any command may load."""
    for name in importable():
        importlib.import_module(name)
    with contextlib.suppress(ImportError):
        importlib.import_module("uvloop")
    gc.collect()
    gc.freeze()


def fork() -> int:
    """Fork twice: return 0 in the grandchild, and its process id in this process.

    The child between them ends at once, so that whoever started us is its next parent.
    """
    reading, writing = os.pipe()
    between = os.fork()
    if not between:
        grandchild = os.fork()
        if grandchild:
            os.write(writing, b"%d" % grandchild)
            os._exit(0)
        os.close(reading)
        os.close(writing)
        return 0
    os.close(writing)
    os.waitpid(between, 0)
    with os.fdopen(reading) as said:
        return int(said.read())


def renew_streams() -> None:
    """Make Python's own streams anew: what they are depends on what is under them."""
    for number, (name, mode) in enumerate(STREAMS.items()):
        old = getattr(sys, name)
        given = {"encoding": old.encoding, "errors": old.errors, "closefd": False}
        stream: Any = open(number, mode, **given)  # noqa: PTH123, SIM115 - it stays
        stream.buffer.raw.name = f"<{name}>"
        stream.reconfigure(line_buffering=name == "stderr")
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def become(job: dict[str, Any], streams: list[int]) -> None:
    """Be the command: never return."""
    for standard, stream in enumerate(streams):
        os.dup2(stream, standard)
    for stream in streams:
        os.close(stream)
    renew_streams()
    if job["session"]:
        os.setsid()
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        usual: Any = signal.SIG_DFL
        if number == signal.SIGINT:
            usual = signal.default_int_handler
        signal.signal(number, signal.SIG_IGN if number in job["ignored"] else usual)
    if job["first"]:
        importlib.import_module(job["first"])
    sys.path[0] = job["folder"]
    sys.orig_argv = [sys.executable, "-m", PACKAGE, *job["words"]]
    sys.argv = ["-m", *job["words"]]
    importlib.reload(sys.modules[f"{PACKAGE}._start"])  # as when it is loaded first
    runpy.run_module(PACKAGE, run_name="__main__", alter_sys=True)


def main() -> None:
    """Do each job that comes."""
    load_all()
    jobs = socket.socket(fileno=int(sys.argv[1]))
    while True:
        message, streams, *_ = socket.recv_fds(jobs, LONGEST, 3)
        if not message:
            return
        command = fork()
        if not command:
            break
        for stream in streams:
            os.close(stream)
        jobs.send(b"%d" % command)
    jobs.close()
    become(json.loads(message), streams)


if __name__ == "__main__":
    main()
