"""Checks the base URL of a PABX before it is used.

Programs parse URLs differently. A URL in which one program could see another host or
path than the next is refused here (OWASP SSRF Prevention Cheat Sheet), because the api
key goes where the URL says.
"""

import ipaddress
import re
from urllib.parse import urlsplit

from digitro_async.errors import ConfigurationError

__all__ = ["address_of", "check_base_url"]

_ALLOWED = re.compile(r"[A-Za-z0-9\-._~:/\[\]]+")
_NETLOC = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(:[1-9][0-9]*)?")
_HOST_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LONGEST_HOST = 253
_PORTS = {"http": 80, "https": 443}
_LOCALHOST = "127.0.0.1"


def check_base_url(url: str) -> str:
    """Return the base URL without a trailing slash, its scheme and host in lower case.

    Raises:
        ConfigurationError: If the URL is not plain ``http(s)://host[:port][/prefix]``.
    """
    problem = _problem_of(url)
    if problem:
        raise ConfigurationError(f"base_url {problem}")
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def address_of(base_url: str) -> str:
    """Return the address in a base URL: its host, port and path prefix.

    Base URLs that lead to one PABX have the same address, whatever their scheme and
    however they are written.

    Args:
        base_url: A result of ``check_base_url``.
    """
    parts = urlsplit(base_url)
    host, port = _host_itself(parts.hostname or ""), parts.port or _PORTS[parts.scheme]
    return f"{host}:{port}{parts.path}"


def _host_itself(host: str) -> str:
    if host == "localhost":
        return _LOCALHOST
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.is_loopback:
            return _LOCALHOST
        address = address.ipv4_mapped or address
    return f"[{address}]" if address.version == 6 else str(address)  # noqa: PLR2004


def _problem_of(url: object) -> str | None:
    if not isinstance(url, str):
        return "must be text"
    if not _ALLOWED.fullmatch(url):
        return (
            "may hold only letters, digits and -._~:/[] (no user name, query, "
            "fragment or percent signs)"
        )
    try:
        parts = urlsplit(url)
        _ = parts.port  # checks that it is not above 65535
    except ValueError:
        return "has no valid host or port"
    if parts.scheme not in {"http", "https"}:
        return "must begin with http:// or https://"
    if not _NETLOC.fullmatch(parts.netloc):  # urlsplit accepts [::1]x and x[::1]
        return "has no valid host or port"
    if not _is_host(parts.hostname or "", bracketed="[" in parts.netloc):
        return "has no valid host"
    if "[" in parts.path or "]" in parts.path:
        return "has a bracket outside the host"
    segments = parts.path.rstrip("/").split("/")[1:]
    if any(segment in {"", ".", ".."} for segment in segments):
        return "has an empty or dotted path segment"
    return None


def _is_host(host: str, *, bracketed: bool) -> bool:
    if bracketed:
        return _is_address(host, 6)
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        return _is_address(host, 4)  # no other forms: 127.1, 0x7f.1, 2130706433
    return len(host) <= _LONGEST_HOST and all(
        _HOST_NAME.fullmatch(label) for label in host.split(".")
    )


def _is_address(host: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(host).version == version
    except ValueError:
        return False
