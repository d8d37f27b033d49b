"""PURE: where a page is served, and which requests belong to it.

A page on this machine can be reached by every page in a browser on it. What keeps these
apart: the name in the Host header, which another site can't choose (DNS rebinding), and
where a request comes from, which a browser says (Origin, Sec-Fetch-Site).
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import Final

import attrs

from digitro_async.errors import ConfigurationError

__all__ = ["PagePlace", "page_place"]

_LOCAL: Final = "localhost"
_MOST_PORT: Final = 65_535
_PLACE: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})", re.ASCII)
_HOST: Final = re.compile(
    r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?", re.ASCII
)
_NAVIGATION: Final = frozenset({"none", "same-origin", "same-site", "cross-site"})


@attrs.frozen(kw_only=True)
class PagePlace:
    """Where a page is served.

    Attributes:
        host: The address or name that it listens at, without brackets.
        port: The port; 0 for any free one.
        names: Further names by which browsers may ask for it, as through a proxy.
    """

    host: str
    port: int
    names: frozenset[str] = frozenset()

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return _is_loopback(self.host)

    def why_refused(self, headers: Mapping[str, str], *, is_page: bool) -> str:
        """Return why a request is not answered, as a code; empty where it is.

        Args:
            headers: Its headers.
            is_page: Whether it asks for the page itself, to which links may lead.
        """
        host = headers.get("Host", "")
        found = _HOST.fullmatch(host)
        if found is None or not self._is_ours(found[1].lower()):
            return "wrong_host"
        origin = headers.get("Origin")
        if origin is not None and origin.lower() not in {
            f"http://{host.lower()}",
            f"https://{host.lower()}",
        }:
            return "wrong_origin"
        site = headers.get("Sec-Fetch-Site", "none")
        if is_page:
            return "" if site in _NAVIGATION else "wrong_origin"
        return "" if site in {"none", "same-origin"} else "wrong_origin"

    def _is_ours(self, name: str) -> bool:
        if name == _LOCAL or name in self.names:
            return True
        # Another site can have any name lead here, but no address.
        address = _address_in(name.strip("[]"))
        if address is None:
            return name == self.host.lower()
        return address.is_loopback or not self.is_loopback


def page_place(text: str, names: "frozenset[str] | tuple[str, ...]" = ()) -> PagePlace:
    """Return the place that a text such as ``127.0.0.1:8088`` names.

    Args:
        text: Address or name, and port; a port alone is one of this machine's.
        names: Further names by which browsers may ask for it.

    Raises:
        ConfigurationError: If it names none.
    """
    found = _PLACE.fullmatch(f"127.0.0.1:{text}" if text.isdecimal() else text)
    if found is None or int(found[2]) > _MOST_PORT:
        raise ConfigurationError(
            "must be an address and a port, such as 127.0.0.1:8088 or [::1]:8088"
        )
    host = found[1].strip("[]")
    lowered = frozenset(name.lower() for name in names)
    return PagePlace(host=host, port=int(found[2]), names=lowered)


def _address_in(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    address = _address_in(host)
    return host.lower() == _LOCAL or (address is not None and address.is_loopback)
