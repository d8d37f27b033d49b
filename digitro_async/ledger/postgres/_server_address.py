"""Where a database is, with the password that nobody sees."""

import attrs
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from digitro_async._common.text import printable
from digitro_async.errors import ConfigurationError
from digitro_async.ledger._ledger_address import (
    SIGNS,
    check_campaign_name,
    has_bare_sign,
)
from digitro_async.privacy import Secret

__all__ = ["ServerAddress", "server_address", "shown_name"]


@attrs.frozen(kw_only=True)
class ServerAddress:
    """The address of one campaign's ledger.

    Attributes:
        conninfo: All that libpq needs to connect.
        campaign: Name of the campaign.
        name: The place as it may be shown: neither user nor password.
    """

    conninfo: Secret
    campaign: str
    name: str


def shown_name(user: object) -> str:
    """Return the shown name of an object's ``_address``, also where it has none yet."""
    # Python 3.11 shows the frames of the error by which its address is refused.
    address = vars(user).get("_address")
    return address.name if isinstance(address, ServerAddress) else "without an address"


def server_address(given: Secret, campaign: str) -> ServerAddress:
    """Return the address that a URL means.

    Args:
        given: ``postgresql://user@host/database?...``, or libpq's ``key=value`` words.
        campaign: Name of the campaign.

    Raises:
        ConfigurationError: If it means no database, or no campaign has such a name.
    """
    check_campaign_name(campaign)
    found = _parsed(given, campaign)
    if found is None:
        raise ConfigurationError(SIGNS, reason="ledger_address")
    return found


def _parsed(given: Secret, campaign: str) -> ServerAddress | None:
    if has_bare_sign(given.reveal()):
        return None
    try:
        words = conninfo_to_dict(given.reveal())
        conninfo = make_conninfo(
            **{
                "connect_timeout": "10",
                # A server that is gone without a word.
                "keepalives_idle": "10",
                "keepalives_interval": "5",
                "keepalives_count": "3",
                "tcp_user_timeout": "15000",
                "application_name": "digitro-async",
                **{name: str(value) for name, value in words.items()},
                "client_encoding": "UTF8",
            }
        )
    except (psycopg.Error, ValueError):  # their texts hold the address
        return None
    if not _are_ports(str(words.get("port") or "")):
        return None
    place = str(words.get("host") or words.get("hostaddr") or "local")
    port = f":{words['port']}" if words.get("port") else ""
    database = words.get("dbname")
    shown = printable(f"{place}{port}" + (f"/{database}" if database else ""))
    return ServerAddress(
        conninfo=Secret(conninfo),
        campaign=campaign,
        name=f"campaign {printable(campaign)} at {shown}",
    )


def _are_ports(text: str) -> bool:
    """Whether it is a port, or one for each of several hosts, or none."""
    return all(not one or one.isdecimal() for one in text.split(","))
