"""Adds a contact file to a ledger, for an order that came from elsewhere."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from digitro_async.campaign import ImportSummary, import_rows
from digitro_async.campaign._row_pages import Rows
from digitro_async.cli._counts import RunCounts
from digitro_async.cli._importing import Plan, add_contacts
from digitro_async.cli._ledger_options import InsistingToDial
from digitro_async.cli._reading_options import FileOptions
from digitro_async.config import Config
from digitro_async.contacts import ContinuedRejects, RejectsFile
from digitro_async.errors import ConfigurationError
from digitro_async.ledger import Ledger

if TYPE_CHECKING:
    from digitro_async.campaign import Campaign

__all__ = ["AddOrder", "add_to_ledger", "add_to_run"]


@attrs.frozen(kw_only=True)
class AddOrder:
    """What file is added, and how it is read.

    Attributes:
        contacts: The whole path of the file.
        rejects: File for rows that are no contact; None for the one beside it.
        read: The ways in which the file is read.
        allow_duplicates: Whether a contact is called as often as it stands in it.
        edited: Whether it takes the place of one whose import stopped.
        update: Whether what it says of pending contacts is taken over.
    """

    contacts: str
    rejects: str | None = None
    read: FileOptions = attrs.field(factory=FileOptions)
    allow_duplicates: bool = False
    edited: bool = False
    update: bool = False

    def as_values(self) -> dict[str, Any]:
        """Return it as plain values."""
        return attrs.asdict(self)

    @classmethod
    def of_values(cls, values: Mapping[str, Any]) -> "AddOrder":
        """Return the order that plain values are.

        Raises:
            ConfigurationError: If they are none.
        """
        try:
            read = FileOptions(**values.get("read", {}))
            return cls(**{**values, "read": read})
        except TypeError:
            pass
        raise ConfigurationError("the order to add a list is of another version")


async def add_to_run(
    campaign: "Campaign", config: Config, values: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Add a file to the ledger of a run that goes on and calls its contacts too.

    Raises:
        ConfigurationError: If the file or the order can't be used.
        DigitroError: If the file or the ledger fails.
    """
    order = AddOrder.of_values(values)

    async def add(rows: Rows, **given: Any) -> ImportSummary:
        async with campaign.holding_back():
            return await campaign.add(rows, **given)

    return await _add(order, config, add)


async def add_to_ledger(
    ledger: Ledger, config: Config, order: AddOrder
) -> Mapping[str, Any]:
    """Add a file to a ledger that this process has open.

    Raises:
        ConfigurationError: If the file can't be used.
        DigitroError: If the file or the ledger fails.
    """
    return await _add(order, config, partial(import_rows, ledger))


async def _add(
    order: AddOrder, config: Config, add: Callable[..., Awaitable[ImportSummary]]
) -> Mapping[str, Any]:
    contacts, counts = Path(order.contacts), RunCounts()
    insist = InsistingToDial(edited=order.edited, update=order.update)
    with order.read.open(contacts, config) as file, _rejects_of(order) as rejects:
        plan = Plan(order.allow_duplicates, insist=insist, contacts=file)
        plan.rejects = rejects
        summary = await add_contacts(add, file, plan, counts)
        return {
            "new": summary.new,
            "known": summary.known,
            "updated": summary.updated,
            "changed": summary.changed,
            "rejected": counts.rejected_rows,
            "rejects": str(getattr(rejects, "name", order.rejects)),
            "reading": str(file.reading),
        }


def _rejects_of(order: AddOrder) -> RejectsFile:
    """Return the file for rejected rows: that of an import that stopped goes on."""
    if order.rejects is not None:
        return RejectsFile(Path(order.rejects))
    contacts = Path(order.contacts)
    beside = contacts.with_name(f"{contacts.stem}.rejects.csv")
    return ContinuedRejects(beside, other_names=True)
