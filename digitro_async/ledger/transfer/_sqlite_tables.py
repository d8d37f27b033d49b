"""PURE: the rows of a ledger's file, as SQL gives them and takes them."""

from collections.abc import Mapping
from typing import Final

from digitro_async.ledger.transfer._copied_tables import NOT_CARRIED, TABLES

__all__ = ["EMPTY", "READ", "WRITE"]

_LEFT = ", ".join(f"'{name}'" for name in NOT_CARRIED)

_OWNERS = "SELECT owner FROM contact UNION SELECT owner FROM event"

# What a table's column stands for that is not kept as it is carried.
_READ_AS: Final[Mapping[tuple[str, str], str]] = {
    ("owner", "began_at"): "CAST(round(began_at * 1000000) AS INTEGER)",
    ("owner", "lease_until"): "CAST(round(lease_until * 1000000) AS INTEGER)",
    **{
        (table, "owner"): f"(SELECT id FROM owner WHERE number = {table}.owner)"  # noqa: S608 - ours
        for table in ("contact", "event", "listening")
    },
    ("attempt", "number"): "row_number() OVER (ORDER BY contact, number)",
}
_WRITTEN_AS: Final[Mapping[tuple[str, str], str]] = {
    ("owner", "began_at"): "? / 1000000.0",
    ("owner", "lease_until"): "? / 1000000.0",
    **{
        (table, "owner"): "(SELECT number FROM owner WHERE id = ?)"
        for table in ("contact", "event", "listening")
    },
}
_WHICH: Final[Mapping[str, str]] = {
    "setting": f" WHERE name NOT IN ({_LEFT})",
    "owner": f" WHERE number IN ({_OWNERS})",
    "listening": f" WHERE owner IN ({_OWNERS})",
    "wait": " WHERE due IS NOT NULL OR priority <> 0",
}

READ: Final[Mapping[str, str]] = {
    table.name: "SELECT "  # noqa: S608 - our own texts
    + ", ".join(_READ_AS.get((table.name, name), f'"{name}"') for name in table.columns)
    + f' FROM "{table.name}"{_WHICH.get(table.name, "")} ORDER BY 1, 2'
    for table in TABLES
}
"""The rows of each table, in order."""

WRITE: Final[Mapping[str, str]] = {
    table.name: f'INSERT INTO "{table.name}" ('  # noqa: S608 - our own texts
    + ", ".join(f'"{name}"' for name in table.columns)
    + ") VALUES ("
    + ", ".join(_WRITTEN_AS.get((table.name, name), "?") for name in table.columns)
    + ")"
    for table in TABLES
}
"""What puts one row of each table in."""

EMPTY: Final = (
    "DELETE FROM identity_key",
    "DELETE FROM block_key",
    "DELETE FROM listening",
    "DELETE FROM owner",
    f"DELETE FROM setting WHERE name NOT IN ({_LEFT})",  # noqa: S608 - our own texts
)
"""What takes out what a new file has before anything was added."""
