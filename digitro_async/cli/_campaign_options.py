"""Options of ``digitro campaign``, by the action that they are about."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import attrs
from cyclopts import Parameter

from digitro_async.cli._arguments import AtLeastOne, Switch
from digitro_async.cli._list_adding import AddOrder
from digitro_async.cli._reading_options import FileOptions
from digitro_async.errors import ConfigurationError

__all__ = [
    "ADDED_AS_FOUND",
    "NO_CONTACT_MEANT",
    "NO_TERMS",
    "AddingOptions",
    "MeantContacts",
    "MeantOptions",
    "OrderTerms",
    "TermOptions",
]


@attrs.frozen(kw_only=True)
class MeantContacts:
    """The contacts that are meant, in place of VALUE.

    Attributes:
        own_id: With withdraw, call-back: the id of the contact, in place of VALUE.
        number: With withdraw, call-back: the ledger's number of the contact, in place
            of VALUE.
        file: With withdraw: file with a contact on each line, in place of VALUE; - is
            the standard input.
    """

    own_id: Annotated[str | None, Parameter(name=["--id"])] = None
    number: str | None = None
    file: Annotated[Path | None, Parameter(allow_leading_hyphen=True)] = None

    @property
    def are_none(self) -> bool:
        """Whether nobody is meant by an option."""
        return self.own_id is None and self.number is None and self.file is None


@attrs.frozen(kw_only=True)
class AddedFile:
    """How a file is added.

    Attributes:
        rejects: With add: file for rows that are no contact.
        allow_duplicates: With add: call a contact as often as it stands in the file.
        edited: With add: the file was edited since its import stopped.
        update: With add: take over what the file says of pending contacts.
    """

    rejects: Path | None = None
    allow_duplicates: Switch = False
    edited: Switch = False
    update: Switch = False

    def order(self, contacts: str, read: FileOptions) -> AddOrder:
        """Return the order to add a file.

        Args:
            contacts: The file.
            read: The ways in which it is read.
        """
        return AddOrder(
            contacts=str(Path(contacts).absolute()),
            rejects=None if self.rejects is None else str(self.rejects.absolute()),
            read=read,
            allow_duplicates=self.allow_duplicates,
            edited=self.edited,
            update=self.update,
        )


@attrs.frozen(kw_only=True)
class OrderTerms:
    """The terms of a block or a callback.

    Attributes:
        until: With block: its last day, or the time when it ends; without, for ever.
        reason: With block: why, in some words; nothing personal.
        at: With call-back: when, such as 2026-12-01T09:00-03:00.
        place: With call-back: which of the contact's numbers, from 1; by default that
            of the last call.
    """

    until: str | None = None
    reason: str | None = None
    at: str | None = None
    place: AtLeastOne | None = None

    def check(self, action: str) -> None:
        """Refuse a term that is about another action.

        Raises:
            ConfigurationError: If there is one.
        """
        for about, option, given in self._given():
            if given is not None and action != about:
                raise ConfigurationError(f"{option} is about {about}")

    def _given(self) -> Iterator[tuple[str, str, object]]:
        yield "block", "--until", self.until
        yield "block", "--reason", self.reason
        yield "call-back", "--at", self.at
        yield "call-back", "--place", self.place


MeantOptions = Annotated[MeantContacts, Parameter(name="*")]
AddingOptions = Annotated[AddedFile, Parameter(name="*")]
TermOptions = Annotated[OrderTerms, Parameter(name="*")]
NO_CONTACT_MEANT = MeantContacts()
ADDED_AS_FOUND = AddedFile()
NO_TERMS = OrderTerms()
