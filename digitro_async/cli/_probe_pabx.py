"""Looks at the way to a PABX, one step after the other, and makes no call.

The only request is ``GET`` of the base URL itself, without the api key. That no PABX
dials for it is a GUESS: the vendor documents ``POST`` to longer paths alone.
"""

import hashlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from digitro_async._common.text import words_of_os_error
from digitro_async.cli._findings import Finding, Level
from digitro_async.errors import ConfigurationError
from digitro_async.models import PABX
from digitro_async.transport import context_of, handshake_words

__all__ = ["probe"]

_PORTS: Final = {"http": 80, "https": 443}
_FEW_DAYS: Final = 30
_DAY: Final = 86_400
_MOST_APART: Final = 60.0
"""Seconds that clocks may be apart before somebody should look."""


def probe(pabx: PABX, seconds: float) -> Iterator[Finding]:
    """Yield the result of each step on the way to a PABX, until one fails.

    Args:
        pabx: The PABX.
        seconds: Longest time of one step, in seconds.
    """
    parts = urlsplit(pabx.base_url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    way = _Way(pabx, parts, seconds)
    try:
        yield way.finding("dns", way.look_up(host, port))
        yield way.finding("tcp", way.connect())
        yield from way.secure(host)
        yield from way.ask()
    except _StepError as failed:
        yield Finding(Level.FAILED, failed.check, f"{pabx.name}: {failed}")
    finally:
        way.close()


class _StepError(Exception):
    """A step that failed, and the way out."""

    def __init__(self, check: str, text: str) -> None:
        super().__init__(text)
        self.check = check


class _Way:
    """The way to one PABX: its addresses, then a connection."""

    def __init__(self, pabx: PABX, parts: SplitResult, seconds: float) -> None:
        self._pabx = pabx
        self._parts = parts
        self._seconds = seconds
        self._addresses: list[Any] = []
        self._socket: socket.socket | None = None

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()

    def finding(self, check: str, text: str, level: Level = Level.OK) -> Finding:
        """Return the result of a step that did not fail."""
        return Finding(level, check, f"{self._pabx.name}: {text}")

    def look_up(self, host: str, port: int) -> str:
        """Find the addresses of the host."""
        found: list[Any] = []
        thread = threading.Thread(
            target=_look_up, args=(host, port, found.append), daemon=True
        )
        thread.start()
        thread.join(self._seconds)
        if not found:
            text = f"{host}: no name server answered in {self._seconds:g} s"
            raise _StepError("dns", f"{text}: check the network of this machine")
        if isinstance(found[0], OSError):
            raise _StepError(
                "dns",
                f"{host} has no address ({_words(found[0])}): check the host of "
                "base_url, and the name servers of this machine",
            )
        self._addresses = found[0]
        first, *others = dict.fromkeys(address[0] for *_, address in found[0])
        more = f" and {len(others)} more" if others else ""
        return first if first == host else f"{host} is {first}{more}"

    def connect(self) -> str:
        """Connect to the first address that takes a connection."""
        problem = ""
        for family, kind, protocol, _, address in self._addresses:
            place = f"{address[0]}:{address[1]}"
            began = time.monotonic()
            connection = None
            try:
                connection = socket.socket(family, kind, protocol)
                connection.settimeout(self._seconds)
                connection.connect(address)
            except OSError as error:
                if connection is not None:
                    connection.close()
                problem = problem or f"{place}: {_connect_problem(error)}"
            else:
                self._socket = connection
                return f"{place} connects in {_milliseconds(began)}"
        raise _StepError("tcp", problem)

    def secure(self, host: str) -> Iterator[Finding]:
        """Do the TLS handshake, if the base URL asks for one."""
        if self._parts.scheme == "http":
            is_near = self._addresses[0][4][0] in {"127.0.0.1", "::1"}
            yield self.finding(
                "tls",
                "none, as base_url says http://: keys and numbers go unencrypted",
                Level.OK if is_near else Level.WARNING,
            )
            return
        try:
            context = self._context()
            assert self._socket is not None  # noqa: S101 - for the type checker
            self._socket = context.wrap_socket(self._socket, server_hostname=host)
        except TimeoutError:
            text = "the handshake timed out: check scheme and port of base_url"
            raise _StepError("tls", text) from None
        except OSError as error:  # of which SSLError is one
            raise _StepError("tls", handshake_words(error)) from None
        yield self._certificate(self._socket)

    def _context(self) -> ssl.SSLContext:
        tls = self._pabx.tls
        try:
            context = context_of(tls)
        except ConfigurationError as error:
            raise _StepError("tls", str(error)) from None
        if tls.fingerprint is not None:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE  # the fingerprint is compared instead
        return context

    def _certificate(self, connection: ssl.SSLSocket) -> Finding:
        version, wanted = connection.version(), self._pabx.tls.fingerprint
        if wanted is not None:
            shown = connection.getpeercert(binary_form=True) or b""
            found = hashlib.sha256(shown).digest()
            if found != wanted:
                raise _StepError(
                    "tls",
                    "the certificate has another fingerprint than tls.fingerprint: "
                    f"{found.hex(':')}; make sure that it is the PABX's own",
                )
            return self.finding("tls", f"{version}, certificate by its fingerprint")
        ends = str((connection.getpeercert() or {}).get("notAfter", ""))
        days = int((ssl.cert_time_to_seconds(ends) - time.time()) // _DAY)
        text = f"{version}, certificate valid for {days} more days (until {ends})"
        if days < _FEW_DAYS:
            return self.finding("tls", f"{text}: renew it soon", Level.WARNING)
        return self.finding("tls", text)

    def ask(self) -> Iterator[Finding]:
        """Ask for the base URL itself, and look at the answer's status and clock."""
        path = f"{self._parts.path}/"
        asking = http.client.HTTPConnection(self._parts.netloc)
        asking.sock = self._socket
        began, sent_at = time.monotonic(), time.time()
        try:
            asking.request("GET", path, headers={"Connection": "close"})
            answer = asking.getresponse()
        except (http.client.HTTPException, ValueError) as error:
            text = f"answers what is no HTTP ({type(error).__name__}): check port and"
            raise _StepError("http", f"{text} scheme of base_url") from None
        except OSError as error:
            text = f"no answer to GET {path} ({_words(error)})"
            raise _StepError(
                "http", f"{text}: check port and scheme of base_url, and the PABX"
            ) from None
        yield self._answer(answer.status, path, _milliseconds(began))
        # The answer was written at about the middle of that time.
        yield self._clock(answer.getheader("Date"), (sent_at + time.time()) / 2)

    def _answer(self, status: int, path: str, took: str) -> Finding:
        text = f"answers GET {path} with {status} in {took}"
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            more = "look whether the PABX, or what stands before it, is in order"
            return self.finding("http", f"{text}: {more}", Level.WARNING)
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            more = "calls follow no redirect: check scheme, port and path of base_url"
            return self.finding("http", f"{text}: {more}", Level.WARNING)
        return self.finding("http", f"{text}; key and channel show only in a call")

    def _clock(self, date: str | None, now: float) -> Finding:
        if date is None:
            return self.finding("clock", "not compared: its answer has no Date")
        try:
            apart = now - parsedate_to_datetime(date).timestamp()
        except (ValueError, TypeError, OverflowError):
            return self.finding("clock", "not compared: its Date can't be read")
        if abs(apart) > _MOST_APART:
            way = "ahead of" if apart > 0 else "behind"
            return self.finding(
                "clock",
                f"this machine is {abs(apart):.0f} s {way} it: set both by NTP",
                Level.WARNING,
            )
        return self.finding("clock", f"within {max(1, round(abs(apart)))} s of its own")


def _look_up(host: str, port: int, found: Callable[[object], None]) -> None:
    try:
        found(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except OSError as error:
        found(error)
    except UnicodeError:
        found(OSError("it is no host name"))


def _words(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "timed out"
    return words_of_os_error(error)


def _connect_problem(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return (
            "connection refused: nobody listens there; check host and port of "
            "base_url, and that the PABX serves its API"
        )
    if isinstance(error, TimeoutError):
        return "no connection in time: check host and port of base_url, and firewalls"
    return f"{_words(error)}: check host and port of base_url, and the network"


def _milliseconds(began: float) -> str:
    return f"{(time.monotonic() - began) * 1000:.0f} ms"
