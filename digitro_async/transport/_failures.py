"""Turns aiohttp's exceptions into codes, because they must not leave this package.

The class of an exception says *what* failed and never *whether the request left*
(the evidence says that), so a wrong code here can't cause a second call.
"""

import asyncio
import errno
import os
import socket
import ssl
from typing import Final

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from digitro_async._common.text import printable
from digitro_async.protocol import CAUSES, ConnectCause, Failure
from digitro_async.transport._interim import InterimFloodError
from digitro_async.transport._tls import shown_certificate

__all__ = ["cause_of", "failure_of", "handshake_words", "lost_error"]

_CODES: tuple[tuple[type[BaseException], Failure], ...] = (
    # Children stand before their parents; the first match counts.
    (aiohttp.ConnectionTimeoutError, Failure.CONNECT_TIMEOUT),
    (aiohttp.ClientConnectorDNSError, Failure.DNS),
    (aiohttp.ClientSSLError, Failure.TLS),
    (aiohttp.ServerFingerprintMismatch, Failure.FINGERPRINT),
    (ssl.SSLError, Failure.TLS),
    (aiohttp.ClientConnectorError, Failure.CONNECT),
    (asyncio.TimeoutError, Failure.TIMEOUT),
    (aiohttp.ClientPayloadError, Failure.TRUNCATED),
    (aiohttp.ClientResponseError, Failure.MALFORMED),
    (HttpProcessingError, Failure.MALFORMED),
    (InterimFloodError, Failure.INTERIM),
    (aiohttp.ServerDisconnectedError, Failure.LOST),
    (OSError, Failure.LOST),
    (aiohttp.ClientConnectionError, Failure.LOST),
)

_OF_THIS_MACHINE: Final = {
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), Failure.OPEN_FILES),
    **dict.fromkeys((errno.ENOMEM, errno.ENOBUFS), Failure.MEMORY),
    errno.EADDRNOTAVAIL: Failure.LOCAL_PORTS,
    **dict.fromkeys((errno.EACCES, errno.EPERM), Failure.BLOCKED),
}
_OF_THE_WAY: Final = {
    errno.ECONNREFUSED: Failure.REFUSED,
    **dict.fromkeys((errno.EHOSTUNREACH, errno.EHOSTDOWN), Failure.HOST_UNREACHABLE),
    **dict.fromkeys(
        (errno.ENETUNREACH, errno.ENETDOWN, errno.EAFNOSUPPORT),
        Failure.NETWORK_UNREACHABLE,
    ),
    **dict.fromkeys((errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE), Failure.RESET),
    errno.ETIMEDOUT: Failure.CONNECT_TIMEOUT,
}

_NO_SUCH_NAME: Final = frozenset(
    number
    for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY")
    if (number := getattr(socket, name, None)) is not None
)

_CERTIFICATES: Final = {
    # X509_V_ERR_..., see x509_vfy.h of OpenSSL.
    9: Failure.NOT_YET_VALID,
    10: Failure.EXPIRED,
    18: Failure.SELF_SIGNED,
    **dict.fromkeys((62, 63, 64), Failure.WRONG_NAME),
}

_ASKS_FOR_ONE: Final = "CERTIFICATE_REQUIRED"

_HANDSHAKES: Final = (
    # Parts of OpenSSL's reasons; the first that fits counts.
    (_ASKS_FOR_ONE, Failure.CLIENT_CERTIFICATE),
    ("WRONG_VERSION_NUMBER", Failure.NOT_TLS),
    ("HTTP_REQUEST", Failure.NOT_TLS),
    ("PACKET_LENGTH_TOO_LONG", Failure.NOT_TLS),
    ("RECORD_LAYER_FAILURE", Failure.NOT_TLS),
    ("PROTOCOL_VERSION", Failure.TLS_VERSION),
    ("UNSUPPORTED_PROTOCOL", Failure.TLS_VERSION),
    ("NO_PROTOCOLS_AVAILABLE", Failure.TLS_VERSION),
    ("HANDSHAKE_FAILURE", Failure.TLS_REFUSED),
    ("CIPHER", Failure.TLS_REFUSED),
    ("INSUFFICIENT_SECURITY", Failure.TLS_REFUSED),
    ("UNEXPECTED_EOF", Failure.TLS_CUT),
)

_TLS_ALERT: Final = b"\x15\x03"
"""The first bytes of an alert of any version of TLS (RFC 8446 section 5.1)."""


def failure_of(
    error: BaseException,
    *,
    waiting_for_pool: bool,
    was_sent: bool = False,
    heard: bytes = b"",
) -> Failure:
    """Return the failure that an exception of aiohttp or asyncio means.

    Args:
        error: The exception.
        waiting_for_pool: Whether the attempt still waited for a pooled connection.
        was_sent: Whether the request may have left.
        heard: The bytes that came last on its connection.
    """
    if waiting_for_pool and isinstance(error, asyncio.TimeoutError):
        return Failure.POOL_TIMEOUT
    general = Failure.UNEXPECTED
    for kind, code in _CODES:
        if isinstance(error, kind):
            general = code
            break
    if not was_sent:
        return _exact_before_sending(error) or general
    if general is Failure.MALFORMED and heard.startswith(_TLS_ALERT):
        return Failure.TLS_EXPECTED
    if isinstance(error.__cause__, ssl.SSLError) and _ASKS_FOR_ONE in str(error):
        return Failure.CLIENT_CERTIFICATE  # TLS 1.3 refuses after the handshake
    return general


def _exact_before_sending(error: BaseException) -> Failure | None:
    """Return the exact cause where no connection was made, None where it is open."""
    inner = _inner(error)
    if isinstance(inner, RuntimeError) and "thread" in str(inner):
        return Failure.THREADS
    if isinstance(inner, ssl.SSLCertVerificationError):
        number = getattr(inner, "verify_code", None)
        return _CERTIFICATES.get(number or 0, Failure.UNTRUSTED)
    if isinstance(inner, ssl.SSLError):
        return _exact_of_handshake(inner)
    if not isinstance(inner, OSError) or isinstance(error, aiohttp.ClientSSLError):
        return None
    own = _OF_THIS_MACHINE.get(inner.errno or 0)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return own or _exact_of_look_up(inner)
    if not isinstance(error, aiohttp.ClientConnectorError):
        return own
    way = own or _OF_THE_WAY.get(inner.errno or 0)
    is_tls = bool(getattr(error.args[0], "is_ssl", False))
    if is_tls and (way is Failure.RESET or isinstance(inner, ConnectionError)):
        # asyncio gives no number where a handshake was cut off.
        return Failure.TLS_CUT if way in {None, Failure.RESET} else way
    return way


def _exact_of_handshake(error: ssl.SSLError) -> Failure | None:
    said = f"{_reason_of(error)} {error}"
    for part, code in _HANDSHAKES:
        if part in said:
            return code
    return None


def _reason_of(error: ssl.SSLError) -> str:
    return getattr(error, "reason", None) or ""  # errors made by hand have none


def _exact_of_look_up(error: OSError) -> Failure:
    if error.errno in _NO_SUCH_NAME or not isinstance(error, socket.gaierror):
        return Failure.DNS
    if error.errno == getattr(socket, "EAI_MEMORY", None):
        return Failure.MEMORY
    # A look-up that can't open a socket says that the name server gave no answer.
    return Failure.OPEN_FILES if _is_out_of_files() else Failure.DNS_UNAVAILABLE


def _is_out_of_files() -> bool:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno in {errno.EMFILE, errno.ENFILE}
    return False


def _inner(error: BaseException) -> BaseException:
    """Return the system's own error inside of aiohttp's."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return error.certificate_error
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.os_error
    return error


def cause_of(
    error: BaseException | None, address: str, tried: tuple[str, ...]
) -> ConnectCause:
    """Return all that is known of a connection that could not be made.

    Args:
        error: The exception, None where time ran out.
        address: Host and port that were asked for.
        tried: The IP addresses that were tried last.
    """
    if error is None or isinstance(error, TimeoutError):
        return ConnectCause(address, tried)
    inner = _inner(error)
    number = inner.errno if isinstance(inner, OSError) else None
    if isinstance(inner, ssl.SSLError):
        number = None  # OpenSSL's own, which says nothing
    return ConnectCause(address, tried, number or None, _message_of(inner))


def _message_of(error: BaseException) -> str:
    """Return the words of the system, of OpenSSL and of the certificate."""
    if isinstance(error, aiohttp.ServerFingerprintMismatch):
        return f"the certificate shown has the SHA-256 {error.got.hex()}"
    if isinstance(error, ssl.SSLCertVerificationError):
        said = getattr(error, "verify_message", "") or "certificate verify failed"
        shown = shown_certificate(error)
        return printable(f"{said.rstrip('.')}; {shown}" if shown else said)
    if isinstance(error, ssl.SSLError):
        return printable(_reason_of(error).replace("_", " ").lower())
    if isinstance(error, OSError):
        number = error.errno or 0
        if number in errno.errorcode and not isinstance(error, socket.gaierror):
            return os.strerror(number)  # asyncio's words repeat the address
        return printable(error.strerror or str(error))
    return ""


def handshake_words(error: OSError) -> str:
    """Return the words for a TLS handshake that failed, with those of the system.

    Args:
        error: What a socket's own handshake raised.
    """
    reason = Failure.TLS
    if isinstance(error, ssl.SSLError):
        reason = _exact_before_sending(error) or reason
    elif isinstance(error, ConnectionError):
        reason = Failure.TLS_CUT
    said = _message_of(error)
    return f"{CAUSES[reason]} ({said})" if said else CAUSES[reason]


def lost_error(error: BaseException | None) -> Exception:
    """Return what aiohttp raises for a connection that ended.

    Args:
        error: The cause, None where the PABX closed it.
    """
    if isinstance(error, OSError):
        lost: Exception = aiohttp.ClientOSError(*error.args)
    else:
        lost = aiohttp.ServerDisconnectedError()
    lost.__cause__ = error
    return lost
