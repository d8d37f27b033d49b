"""Names the cause where no connection to a PABX could be made, and the way out."""

from collections.abc import Mapping
from typing import Final

import attrs

from digitro_async._common.reasons import Failure

__all__ = ["CAUSES", "ConnectCause", "cause_text"]

CAUSES: Final[Mapping[str, str]] = {
    Failure.CONNECT: "no connection to the PABX could be made",
    Failure.REFUSED: "connection refused: nothing listens there; check host and port",
    Failure.RESET: "the connection was reset before a request was sent",
    Failure.HOST_UNREACHABLE: "the host can't be reached: it is off, or a firewall is "
    "in the way",
    Failure.NETWORK_UNREACHABLE: "this machine has no way to the network of the PABX",
    Failure.DNS: "there is no host of that name: check base_url",
    Failure.DNS_UNAVAILABLE: "the name could not be looked up: the name server gave no "
    "answer",
    Failure.CONNECT_TIMEOUT: "no connection came in time: nothing answers at that "
    "address",
    Failure.TIMEOUT: "no connection came within the time of the attempt",
    Failure.LOST: "the connection ended, or something spoke on it, before a request "
    "was sent: is this the port of another service?",
    Failure.TLS: "TLS failed",
    Failure.TLS_CUT: "the connection ended in the TLS handshake: the PABX may not take "
    "this version of TLS, or may ask for a client certificate",
    Failure.TLS_REFUSED: "the PABX refused the TLS handshake: it takes none of the "
    "ciphers, or it asks for a client certificate",
    Failure.TLS_VERSION: "the PABX and this machine have no version of TLS in common",
    Failure.NOT_TLS: "that port does not speak TLS: is base_url meant to be http://?",
    Failure.TLS_EXPECTED: "that port speaks TLS: base_url must begin with https://",
    Failure.EXPIRED: "the certificate of the PABX has expired, or the clock is wrong",
    Failure.NOT_YET_VALID: "the certificate of the PABX is not valid yet, or the clock "
    "is wrong",
    Failure.SELF_SIGNED: "the certificate of the PABX is self-signed: give its "
    "fingerprint, or give it as ca_file",
    Failure.WRONG_NAME: "the certificate of the PABX is for another name than that in "
    "base_url",
    Failure.UNTRUSTED: "the certificate of the PABX was signed by an authority that is "
    "not trusted: give the authority's certificate as ca_file",
    Failure.FINGERPRINT: "the certificate of the PABX has another fingerprint than the "
    "configured one",
    Failure.CLIENT_CERTIFICATE: "the PABX asks for a client certificate, and this "
    "library has none to show",
    Failure.OPEN_FILES: "too many open files: raise ulimit -n or lower max_in_flight",
    Failure.MEMORY: "this machine has no memory left for a connection",
    Failure.LOCAL_PORTS: "this machine has no local port or address left for a "
    "connection: lower the rate, or reuse connections",
    Failure.THREADS: "this machine can't start another thread to look up the name: "
    "raise ulimit -u, or give an address in base_url",
    Failure.BLOCKED: "this machine forbids the connection: its firewall, or a sandbox",
}
"""The words for each reason of a connection that could not be made."""


@attrs.frozen
class ConnectCause:
    """All that is known of a connection that could not be made; nothing is secret.

    Attributes:
        address: Host and port that were asked for.
        tried: The IP addresses that were tried last, in order.
        errno: The system's number of the error, None where it gave none.
        message: Words of the system, of OpenSSL and of the certificate, if any.
    """

    address: str
    tried: tuple[str, ...] = ()
    errno: int | None = None
    message: str = ""


def cause_text(reason: str, cause: ConnectCause | None) -> str:
    """Return the words for a reason, with the address where it is known.

    Args:
        reason: Why no connection could be made.
        cause: All that is known of it.
    """
    words = CAUSES.get(reason, CAUSES[Failure.CONNECT])
    if cause is None:
        return words
    place = f"at {cause.address}"
    host = cause.address.rpartition(":")[0].strip("[]")
    others = [address for address in cause.tried if address != host]
    if others:
        place += f", {' and '.join(others)}"
    if cause.errno is not None:
        place += f", errno {cause.errno}"
    said = f" ({cause.message})" if cause.message else ""
    return f"{words} [{place}]{said}"
