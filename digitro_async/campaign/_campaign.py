"""Campaign: a list in a ledger, dialled by a client, each contact once."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from digitro_async._common.validators import masked_fields
from digitro_async.campaign._campaign_run import CampaignRun
from digitro_async.campaign._import_summary import (
    ImportSummary,
    Pages,
    counted,
    numbered,
    source_of,
)
from digitro_async.client import DigitroClient
from digitro_async.errors import ConfigurationError, InvalidCallError
from digitro_async.ledger._ledger_port import Ledger
from digitro_async.ledger._records import AddResult, ClaimedContact, NewContact
from digitro_async.models import PredictiveCall
from digitro_async.privacy import Personal, Secret

if TYPE_CHECKING:  # who has no contact files shall not load what reads them
    from digitro_async.contacts import Contact, RejectedRow

__all__ = ["Campaign"]

PAGE = 2_000
"""Most rows of which the contacts are put into the ledger in one commit."""

Defaults = Mapping[str, str | Secret | Personal]

_FIELDS = {field.name: field for field in attrs.fields(PredictiveCall)}


class Campaign:
    """Dials the contacts of a ledger through a client.

    The intent of every call is durable before its first byte leaves and its outcome
    before its result is given, so a campaign that dies is resumed by running it again:
    nobody is called twice, and who may have been called is listed as unknown.

    Args:
        ledger: An open ledger.
        client: An open client.
        call: Field of a call to text, for contacts that leave it open.
        max_attempts: A contact that had so many attempts is not taken on by another
            run and stays pending, where the last one failed for no reason that is
            known to be the PABX's. What the PABX refuses or can't be reached for
            (429, 401, no connection) never uses a contact's attempts up.
        partial: Whether a ledger is dialled that lacks contacts, because a list was
            not put in to its end.

    Raises:
        ConfigurationError: If a value can't be used.
    """

    def __init__(
        self,
        ledger: Ledger,
        client: DigitroClient,
        *,
        call: Defaults,
        max_attempts: int = 5,
        partial: bool = False,
    ) -> None:
        call = masked_fields(PredictiveCall, call)  # errors show the locals of frames
        _check_defaults(call)
        if type(max_attempts) is not int or max_attempts < 1:
            raise ConfigurationError("max_attempts must be a whole number above 0")
        self._ledger = ledger
        self._client = client
        self._left_to_rows = _REQUIRED - call.keys()
        self._standard = {
            name: call.get(name, field.default)
            for name, field in _FIELDS.items()
            if name != "destination"
        }
        # With every name in it, a call's fields keep these names' own objects, by which
        # they are found at once; of text that was read, each would be compared.
        self._of_all: dict[str, Any] = {
            name: value
            for name, value in self._standard.items()
            if value is not attrs.NOTHING
        }
        self._max_attempts = max_attempts
        self._partial = partial

    async def add(
        self,
        contacts: "Iterable[Contact | RejectedRow]",
        *,
        repeated: "Callable[[Contact, int], None] | None" = None,
        rejected: "Callable[[RejectedRow], None] | None" = None,
        allow_duplicates: bool = False,
        edited: bool = False,
        finish: Callable[[], None] | None = None,
    ) -> ImportSummary:
        """Put contacts into the ledger; adding the same file again adds nothing.

        A contact is known again by its id or, without one, by its number. What a row
        says other than ``call`` is kept with it; where it says the same, a later run
        may say something else.

        A list that was not added to its end, by an error or because the process died,
        is remembered: nothing is dialled before it was, unless that is asked for. A
        file is known again by its content, another list by its first contacts.

        Args:
            contacts: An open contact file, or contacts. They are read as they are
                written: a million take no memory.
            repeated: Called with a contact that was put in from another line, and
                that line.
            rejected: Called with a row that is no contact.
            allow_duplicates: Whether a contact that comes several times is called so
                many times. Takes about 100 bytes of memory a contact.
            edited: Whether a file takes the place of one of its name that had another
                content and was not added to its end.
            finish: Called once all is added, before that is recorded.

        Raises:
            ConfigurationError: If a contact's id is empty.
            LedgerError: If the ledger can't be written.
            DigitroError: If the file can't be read to its end.
        """
        source = await source_of(contacts)
        number = await self._ledger.begin_import(**source, now=time.time())
        times: Counter[int] | None = Counter() if allow_duplicates else None
        imported, unnoted = ImportSummary(), 0
        async for page in Pages(contacts, PAGE):
            unnoted += page.rejected
            became: list[tuple[Contact, AddResult]] = []
            if page.contacts:
                became = await self._put_in(page.contacts, times, number, unnoted)
                unnoted = 0
            imported = counted(imported, became, page.rejected)
            page.tell(became, repeated, rejected)
        if finish is not None:
            finish()
        await self._ledger.end_import(
            number, now=time.time(), rejected=unnoted, edited=edited
        )
        return imported

    def run(self) -> CampaignRun:
        """Dial what is pending, each contact at most once a run.

        Example::

            async with campaign.run() as results:
                async for result in results:
                    print(result.key, result.outcome)

        The key of a result is the ledger's number of the contact. Entering raises
        ``LedgerError`` where a list was not added to its end, without ``partial``.
        """
        return CampaignRun(
            self._ledger,
            self._client,
            self._build_call,
            self._max_attempts,
            partial=self._partial,
        )

    async def _put_in(
        self,
        contacts: "list[Contact]",
        times: Counter[int] | None,
        importing: int,
        rejected: int,
    ) -> "list[tuple[Contact, AddResult]]":
        new = [self._new_contact(contact, times) for contact in contacts]
        added = await self._ledger.add(new, importing=importing, rejected=rejected)
        return list(zip(contacts, added, strict=True))

    def _new_contact(
        self, contact: "Contact", times: Counter[int] | None
    ) -> NewContact:
        own = contact.id
        if own == "":  # all of them would be one contact, and be called once
            raise ConfigurationError("the id of a contact is empty: give None instead")
        number = contact.call.destination.reveal()
        identity = f"number {number}" if own is None else f"id {own}"
        return NewContact(
            line=contact.line,
            identity=Personal(numbered(identity, times)),
            id=None if own is None else Personal(own),
            destination=contact.call.destination,
            pabx=contact.pabx,
            fields=self._own_fields(contact.call),
        )

    def _own_fields(self, call: PredictiveCall) -> dict[str, str]:
        """Return what a row says itself; the rest may change between runs."""
        own = {}
        for name, standard in self._standard.items():
            value = getattr(call, name)
            if value is None:
                continue
            text = value if isinstance(value, str) else value.reveal()
            if text != (standard if isinstance(standard, str) else _text(standard)):
                own[name] = text
        return own

    def _build_call(self, contact: ClaimedContact) -> PredictiveCall:
        try:
            return PredictiveCall(  # unnamed before: errors show locals
                **{**self._of_all, **contact.fields, "destination": contact.destination}
            )
        except TypeError:  # of names alone: a million calls go through here
            pass
        missing = self._left_to_rows - contact.fields.keys()
        if missing and contact.fields.keys() <= _FIELDS.keys():
            # Of every contact, probably: none of them is invalid for that.
            raise ConfigurationError(f"call: {min(missing)} is missing")
        raise InvalidCallError("its fields are damaged", reason="damaged_fields")


_REQUIRED = {
    name
    for name, field in _FIELDS.items()
    if field.default is attrs.NOTHING and name != "destination"
}


def _check_defaults(call: Defaults) -> None:
    """Refuse defaults that would make every contact invalid.

    Raises:
        ConfigurationError: If there is no such field or its text can't be in a call.
    """
    for name in call:
        if name not in _FIELDS or name == "destination":
            raise ConfigurationError(f"call: {name!r} is no field to set for all")
    fields = {**dict.fromkeys(_REQUIRED, "0"), **call}
    try:
        PredictiveCall(**fields, destination="0")  # type: ignore[arg-type]  # checked there
    except InvalidCallError as error:
        problem = str(error.args[0])
    else:
        return
    raise ConfigurationError(f"call: {problem}")


def _text(value: object) -> object:
    return value.reveal() if isinstance(value, Secret | Personal) else value
