"""A PABX in threads of its own, whatever the loop of a test does."""

import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from helpers import answer

__all__ = ["ThreadedPABX"]


class ThreadedPABX:
    """Answers from a thread, when it may: whatever the loop of the test does.

    Args:
        pieces: In how many pieces it writes each answer.
    """

    def __init__(self, pieces: int = 1) -> None:
        self.received = 0
        self.may_answer, self._counting = threading.Event(), threading.Lock()
        self._pieces = pieces
        self._sock = socket.create_server(("127.0.0.1", 0))
        self._lines: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._sock.getsockname()[1]}"

    def close(self) -> None:
        """Listen no more."""
        self.may_answer.set()
        # A thread that still waited in a socket would wait in the next one that gets
        # its number, once the system starts its call anew.
        for one in (self._sock, *self._lines):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for one in (self._sock, *self._lines):
            one.close()

    def _start(self, act: Callable[..., None], *given: Any) -> None:
        self._threads.append(threading.Thread(target=act, args=given, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._sock.accept()
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._lines.append(line)
                self._start(self._serve, line)

    def _serve(self, line: socket.socket) -> None:
        data = b""
        with contextlib.suppress(OSError):
            while more := line.recv(65536):
                data += more
                head, _, body = data.partition(b"\r\n\r\n")
                found = re.search(rb"(?i)content-length: (\d+)", head)
                if found is None or len(body) < int(found[1]):
                    continue
                data = b""
                with self._counting:
                    self.received += 1
                    number = self.received
                self.may_answer.wait(200)
                whole = answer(f"call {number}")
                size = len(whole) // self._pieces + 1
                for begin in range(0, len(whole), size):
                    line.sendall(whole[begin : begin + size])
                    time.sleep(0.02)
