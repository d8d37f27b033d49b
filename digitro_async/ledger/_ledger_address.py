"""PURE: where a ledger is: a file of this machine, or a campaign in a database."""

import re
from pathlib import Path
from urllib.parse import unquote

import attrs

from digitro_async._common.text import printable
from digitro_async.errors import ConfigurationError
from digitro_async.privacy import MASK, Secret

__all__ = [
    "DEFAULT_CAMPAIGN",
    "SIGNS",
    "LedgerAddress",
    "check_campaign_name",
    "has_bare_sign",
    "ledger_address",
    "masked_address",
]

DEFAULT_CAMPAIGN = "default"
"""The campaign of a database where none is named."""

LONGEST_NAME = 64

SIGNS = (
    "the address of a database is postgresql://user@host:port/database, with %-escapes "
    "for signs such as @ and / in a password"
)
"""Says what an address is that libpq would take apart otherwise than it was meant."""

# Taken for a path each would be a new ledger, which has called nobody yet.
_LIKE_AN_ADDRESS = re.compile(
    r".*://|\s*(sqlite3?|file|postgres(ql)?|mysql):"
    r"|\s*(host|hostaddr|port|dbname|user|password|service)\s*=",
    re.IGNORECASE | re.DOTALL,
)
_FILE = re.compile(r"sqlite:///([^?#\x00-\x1f\x7f]+)", re.IGNORECASE)
_SERVER = re.compile(r"postgres(?:ql)?://([^#\x00-\x20\x7f]*)", re.IGNORECASE)

_SECRET_NAME = re.compile("pass|secret|token|key", re.IGNORECASE)


@attrs.frozen(kw_only=True)
class LedgerAddress:
    """The address of a ledger. It shows no password.

    Attributes:
        path: The file; None for a ledger in a database.
        server: The address of the database, with all that is in it; None for a file.
        campaign: Name of the campaign in that database; None where none is named.
        variable: Name of the environment variable that the address was read from; None
            where it was given by itself.
    """

    path: Path | None = None
    server: Secret | None = None
    campaign: str | None = None
    variable: str | None = None

    @property
    def shown(self) -> str:
        """The address as it may be printed: passwords are masked."""
        if self.server is None:
            return printable(str(self.path))
        shown = masked_address(self.server.reveal())
        return shown if self.campaign is None else f"{shown} ({self.campaign})"

    def __str__(self) -> str:
        return self.shown


def ledger_address(
    given: "str | Path | LedgerAddress", *, campaign: str | None = None
) -> LedgerAddress:
    """Return the address that a text or a path means.

    Args:
        given: ``sqlite:///file.db`` (``sqlite:////absolute/file.db``), a file's path,
            or ``postgresql://user@host/database``. Text that looks like half an address
            is refused; a ``Path`` is a path.
        campaign: Name of the campaign, for a database.

    Raises:
        ConfigurationError: If it means no kind of ledger, or a campaign is named of a
            file, which holds one.
    """
    found = given if isinstance(given, LedgerAddress) else _address_in(given)
    del given  # not even in the frame: it may have a password in it
    if isinstance(found, ConfigurationError):
        raise found
    if campaign is None:
        return found
    check_campaign_name(campaign)
    if found.server is None:
        raise ConfigurationError(
            "a ledger's file holds one campaign, which has no name: leave the name out",
            reason="campaign_of_file",
        )
    return attrs.evolve(found, campaign=campaign)


def masked_address(text: str) -> str:
    """Return an address in which every password is masked, to be printed."""
    scheme, mark, rest = text.partition("://")
    if not mark:
        return printable(text)
    base, query_mark, query = rest.partition("?")
    if "@" in query:  # of a password that is not escaped, perhaps
        return printable(f"{scheme}://{MASK}")
    named, at, place = base.rpartition("@")
    user, colon, _ = named.partition(":")
    pairs = "&".join(_masked_pair(pair) for pair in query.split("&"))
    user = f"{user}{colon}{MASK if colon else ''}{at}"
    return printable(f"{scheme}://{user}{place}{query_mark}{pairs}")


def check_campaign_name(name: str) -> None:
    """Refuse a name that no campaign can have.

    Raises:
        ConfigurationError: If it is no text of 1 to 64 printable characters.
    """
    if 0 < len(name) <= LONGEST_NAME and name.isprintable() and name == name.strip():
        return
    raise ConfigurationError(
        f"the name of a campaign is text of 1 to {LONGEST_NAME} printable characters, "
        "without blanks at its ends",
        reason="campaign_name",
    )


def has_bare_sign(text: str) -> bool:
    """Whether the address of a database has a sign that hides where its host begins.

    A password's own ``@`` or ``/`` ends it for libpq, which takes the rest for the
    host, the port or the database: none of these is shown.
    """
    rest = text.partition("://")[2].partition("?")[0]
    place, _, database = rest.partition("/")
    return place.count("@") > 1 or "@" in database


def _masked_pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    is_secret = equals and _SECRET_NAME.search(unquote(name))
    return f"{name}={MASK}" if is_secret else pair


def _address_in(given: str | Path) -> LedgerAddress | ConfigurationError:
    """Return the address that a text or a path means, or why it means none."""
    if isinstance(given, Path):
        return LedgerAddress(path=given)
    if not _LIKE_AN_ADDRESS.match(given):
        return LedgerAddress(path=Path(given))
    file = _FILE.fullmatch(given)
    if file is not None:
        return LedgerAddress(path=Path(unquote(file[1])))
    server = _SERVER.fullmatch(given)
    if server is not None and server[1].strip("/"):
        if has_bare_sign(given):
            return ConfigurationError(SIGNS, reason="ledger_address")
        return LedgerAddress(server=Secret(given))
    return ConfigurationError(
        "a ledger is a file's path, sqlite:///file.db or "
        "postgresql://user@host/database; a file whose name looks like an address is "
        "given as a Path, or with its folder",
        reason="ledger_address",
    )
