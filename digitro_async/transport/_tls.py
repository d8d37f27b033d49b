"""Makes the TLS contexts, whose failures say which certificate was shown."""

import ssl
from typing import Any

import aiohttp

from digitro_async._common.ca_files import problem_of_ca_file
from digitro_async._common.text import printable
from digitro_async.errors import ConfigurationError
from digitro_async.settings import TLSSettings

__all__ = ["context_of", "shown_certificate", "tls_of"]

_LONGEST_NAME = 100
"""Most characters of a certificate's name that are shown."""


class TellingSSLObject(ssl.SSLObject):
    """A TLS connection whose refusal of a certificate says which one was shown."""

    def do_handshake(self) -> None:
        """Do the handshake."""
        try:
            super().do_handshake()
        except ssl.SSLCertVerificationError as error:
            _note_certificate(error, self)
            raise


class TellingSSLSocket(ssl.SSLSocket):
    """A socket that waits, whose refusal of a certificate says which one was shown."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - as ssl has it
        """Do the handshake."""
        try:
            super().do_handshake(block)
        except ssl.SSLCertVerificationError as error:
            _note_certificate(error, self)
            raise


def _note_certificate(error: Any, connection: ssl.SSLObject | ssl.SSLSocket) -> None:
    error.shown = _certificate_of(connection)


def shown_certificate(error: BaseException) -> str:
    """Return names and dates of the certificate that was refused, if they are known."""
    shown: str = getattr(error, "shown", "")
    return shown


def tls_of(tls: TLSSettings) -> Any:
    """Return the value of aiohttp's option ``ssl``; every value verifies the PABX.

    Raises:
        ConfigurationError: If the file of the certificate authority can't be used.
    """
    if tls.fingerprint is not None:
        return aiohttp.Fingerprint(tls.fingerprint)
    return context_of(tls)


def context_of(tls: TLSSettings) -> ssl.SSLContext:
    """Return a TLS context that verifies by the authorities of the settings.

    Raises:
        ConfigurationError: If the file of the certificate authority can't be used.
    """
    problem = "" if tls.ca_file is None else problem_of_ca_file(tls.ca_file)
    if not problem:
        try:
            context = ssl.create_default_context(cafile=tls.ca_file)
        except (OSError, ssl.SSLError) as error:
            named = getattr(error, "reason", None) or type(error).__name__
            problem = f"a certificate in it is damaged ({named})"
    if problem:
        name = printable(str(tls.ca_file))
        raise ConfigurationError(f"ca_file can't be used: {name}: {problem}")
    context.set_alpn_protocols(("http/1.1",))
    context.sslobject_class = TellingSSLObject
    context.sslsocket_class = TellingSSLSocket
    return context


def _certificate_of(connection: ssl.SSLObject | ssl.SSLSocket) -> str:
    """Return names and dates of the certificate that was shown, if they can be had."""
    # A refused certificate is given by a method that is public from Python 3.13 on, and
    # there as bytes only.
    inner: Any = getattr(connection, "_sslobj", None)
    try:
        facts = inner.get_unverified_chain()[0].get_info()
        names = [value for _, value in facts.get("subjectAltName", ())]
        parts = [
            f"subject {_name_in(facts['subject'])}",
            f"issuer {_name_in(facts['issuer'])}",
            f"valid from {facts['notBefore']} to {facts['notAfter']}",
        ]
    except (AttributeError, LookupError, TypeError, ValueError):
        return ""
    if names:
        parts.insert(1, f"for {_cut(', '.join(names))}")
    return "; ".join(parts)


def _name_in(parts: Any) -> str:
    """Return the common name in a distinguished name, or else all of it."""
    values = {key: value for part in parts for key, value in part}
    name = values.get("commonName") or ", ".join(values.values())
    return _cut(name) or "without a name"


def _cut(text: str) -> str:
    # A server chose it.
    shown = printable(text)
    return shown if len(shown) <= _LONGEST_NAME else f"{shown[:_LONGEST_NAME]}..."
