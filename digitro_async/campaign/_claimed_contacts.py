"""ClaimedContacts: contacts that a run has claimed, on their way to be called."""

from collections import deque
from collections.abc import Callable, Sequence

from digitro_async._common.drafts import draft_of
from digitro_async.errors import IllegalTransitionError, InvalidCallError
from digitro_async.ledger._ledger_port import Ledger
from digitro_async.ledger._records import ClaimedContact, ClaimOwner
from digitro_async.models import DispatchItem, PredictiveCall

__all__ = ["BuildCall", "ClaimedContacts"]

BuildCall = Callable[[ClaimedContact], PredictiveCall]
"""Makes the call of a contact, or raises ``InvalidCallError``."""

_ItemDraft = draft_of(DispatchItem)


class ClaimedContacts:
    """Contacts that are claimed, in the order in which they are to be called.

    Args:
        ledger: An open ledger.
        owner: The owner of the claims.
        build_call: Makes the call of a contact, or raises ``InvalidCallError``.
    """

    def __init__(
        self, ledger: Ledger, owner: ClaimOwner, build_call: BuildCall
    ) -> None:
        self._ledger = ledger
        self._owner = owner
        self._build_call = build_call
        self._contacts: deque[ClaimedContact] = deque()

    def __len__(self) -> int:
        return len(self._contacts)

    def put(self, contacts: Sequence[ClaimedContact]) -> None:
        """Put contacts at the end."""
        self._contacts.extend(contacts)

    def put_first(self, contacts: Sequence[ClaimedContact]) -> None:
        """Put contacts before all others."""
        self._contacts.extendleft(reversed(contacts))

    def take_ready(self) -> DispatchItem | None:
        """Take the first call where its contact can be called; else nothing."""
        if not self._contacts:
            return None
        contact = self._contacts[0]
        try:
            call = self._build_call(contact)
        except InvalidCallError:
            return None
        del self._contacts[0]
        draft = _ItemDraft()
        draft.call, draft.pabx, draft.key = call, contact.pabx, contact.number
        draft.__class__ = DispatchItem
        item: DispatchItem = draft
        return item

    async def take(self) -> DispatchItem | int:
        """Take the first call; the number of its contact where it can't be called.

        Raises:
            LedgerError: If that can't be recorded.
        """
        contact = self._contacts.popleft()
        try:
            call = self._build_call(contact)
        except InvalidCallError as error:
            reason = error.reason
        else:
            return DispatchItem(call=call, pabx=contact.pabx, key=contact.number)
        try:
            await self._ledger.invalidate(contact.number, self._owner, reason)
        except IllegalTransitionError as lost:
            if lost.reason != "not_claimed":  # withdrawn meanwhile, perhaps
                raise
        return contact.number
