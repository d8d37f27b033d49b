"""Campaign: a list in a ledger, dialled by a client, each contact once."""

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from digitro_async._common.call_class import CallMaker
from digitro_async._common.validators import masked_fields, opened
from digitro_async.calls import (
    NEEDED_FIELDS,
    OPTIONAL_FIELDS,
    AnyDestination,
    check_defaults,
)
from digitro_async.campaign._campaign_run import CampaignRun
from digitro_async.campaign._claimed_contacts import BuildCall
from digitro_async.campaign._claims import Claims
from digitro_async.campaign._import import import_rows
from digitro_async.campaign._import_gate import ImportGate
from digitro_async.campaign._import_summary import ImportSummary
from digitro_async.campaign._row_pages import Rows
from digitro_async.client import DigitroClient
from digitro_async.contacts import ContactRow, RejectedRow
from digitro_async.dispatch import Calls
from digitro_async.errors import ConfigurationError, InvalidCallError
from digitro_async.ledger import (
    AddResult,
    ClaimedContact,
    ClaimOwner,
    Ledger,
    new_owner,
)
from digitro_async.models import PredictiveCall
from digitro_async.privacy import Personal, Secret

if TYPE_CHECKING:  # who applies no rules loads none
    from digitro_async.campaign._ruled_claims import RuledClaims
    from digitro_async.campaign._rules_in_force import RulesInForce
    from digitro_async.rules import CallingRules

__all__ = ["Campaign"]

Defaults = Mapping[str, str | Secret | Personal]

SMALLEST_PAGE = 500
"""Fewest contacts that are claimed at once."""

_FIELDS = {*NEEDED_FIELDS, *OPTIONAL_FIELDS, "destination"}


class Campaign:
    """Dials the contacts of a ledger through a client.

    The intent of every call is durable before its first byte leaves and its outcome
    before its result is given. So a campaign that died goes on when it is run again:
    nobody is called twice, and who may have been called is listed as unknown.

    Args:
        ledger: An open ledger.
        client: An open client.
        call: Field of a call to text, for contacts whose rows don't give the field.
        max_attempts: Attempts after which a contact is not taken on by another run and
            stays pending. Only those count that failed for no reason that is known to
            be the PABX's: a refusal of the PABX (429, 401), or a PABX that can't be
            reached, never uses a contact's attempts up.
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
        check_defaults(call)
        if type(max_attempts) is not int or max_attempts < 1:
            raise ConfigurationError("max_attempts must be a whole number above 0")
        self._ledger = ledger
        self._client = client
        # With every name in it, a call's fields keep these names' own objects, by which
        # they are found at once; of text that was read, each would be compared.
        self._defaults: dict[str, Any] = {**OPTIONAL_FIELDS, **call}
        self._missing = frozenset(NEEDED_FIELDS).difference(call)
        self._maker = _maker_over(self._defaults, self._missing)
        self._max_attempts = max_attempts
        self._partial = partial
        self._gate = ImportGate(ledger, partial=partial)

    async def add(
        self,
        rows: Rows,
        *,
        repeated: Callable[[ContactRow, int], None] | None = None,
        rejected: Callable[[RejectedRow], None] | None = None,
        changed: Callable[[ContactRow, AddResult], None] | None = None,
        allow_duplicates: bool = False,
        edited: bool = False,
        update: bool = False,
        finish: Callable[[], None] | None = None,
    ) -> ImportSummary:
        """Put contacts into the ledger; adding the same list again adds nothing.

        A contact is known again by its id or, without one, by its number. The fields of
        its row are kept with it and stand over the defaults of every run. A field that
        the row leaves open has the default of the run in which the contact is called.

        A pending contact of which a row says another number or other fields than the
        ledger is ``withheld``: no run calls it, until a list says what the ledger does,
        or ``update`` takes over what the list says.

        A list that was not added to its end, by an error or because the process died,
        is remembered: nothing is dialled before it was, unless that is asked for. A
        file is known again by its content, another list by its first contacts.

        Args:
            rows: An open contact file, or an iterable or async iterable of
                ``ContactRow``. It is read as its contacts are written: a million take
                no memory.
            repeated: Called with a row whose contact was put in from another line, and
                that line.
            rejected: Called with a row that is no contact.
            changed: Called with a row of whose contact the ledger kept another number
                or other fields, and with what differs.
            allow_duplicates: Whether a contact that comes several times is called as
                often. Takes about 100 bytes of memory a contact.
            edited: Whether a file takes the place of one of its name that had another
                content and was not added to its end.
            update: Whether a pending contact takes over the number and the fields that
                its row says now. Nobody who was called is called again.
            finish: Called once all is added, before that is recorded.

        Raises:
            ConfigurationError: If a contact's id is empty, or is no ``ContactRow``.
            LedgerError: If the ledger can't be written.
            DigitroError: If the file can't be read to its end.
        """
        return await import_rows(
            self._ledger,
            rows,
            repeated=repeated,
            rejected=rejected,
            changed=changed,
            allow_duplicates=allow_duplicates,
            edited=edited,
            update=update,
            finish=finish,
        )

    def holding_back(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Return a block for ``add`` while a run goes on.

        The run calls no contact that is added in it before the block has ended, and
        none of a list that is not added to its end then. Nobody else adds meanwhile.
        """
        return self._gate.adding()

    def run(
        self,
        *,
        max_calls: int | None = None,
        wait_for_ends: bool = True,
        rules: "CallingRules | None" = None,
        wait: float | None = None,
        clock: Callable[[], float] | None = None,
    ) -> CampaignRun:
        """Dial the pending contacts, each at most once a run, or as rules say.

        Example::

            async with campaign.run() as results:
                async for result in results:
                    print(result.key, result.outcome)

        The key of a result is the ledger's number of the contact. Entering raises
        ``LedgerError`` where a list was not added to its end, without ``partial``.

        With rules the gates are asked about each contact as it comes up, and again
        right before its intent; contacts that are put off, recalls and callbacks wait
        in the ledger, and come up by themselves. Without them, contacts that wait are
        left alone until they are due.

        Args:
            max_calls: Most contacts that this run takes on, None for no limit; the
                rest stays pending.
            wait_for_ends: Whether the results end only once every call has its end, or
                its ``end_timeout`` is over. Without ``events`` nothing is waited for.
            rules: The rules; ``CampaignRun.heeding`` tells what comes of them.
            wait: With rules, the most seconds to wait for a contact that is due later;
                None to wait as long as any contact waits.
            clock: Tells the Unix time by which rules are applied; None for that of the
                machine.

        Raises:
            ConfigurationError: If there are rules and the ledger can't keep who waits.
        """
        owner = new_owner()
        if rules is not None:
            return self._run_by_rules(
                owner, rules, max_calls, wait, clock, wait_for_ends=wait_for_ends
            )

        def make_claims(build_call: BuildCall) -> Claims:
            return Claims(
                self._ledger,
                owner,
                build_call,
                page=max(SMALLEST_PAGE, self._client.dispatcher.capacity),
                max_attempts=self._max_attempts,
                most=max_calls,
                gate=self._gate,
            )

        return self.run_claims(owner, make_claims, wait_for_ends=wait_for_ends)

    def _run_by_rules(
        self,
        owner: ClaimOwner,
        rules: "CallingRules",
        max_calls: int | None,
        wait: float | None,
        clock: Callable[[], float] | None,
        *,
        wait_for_ends: bool,
    ) -> CampaignRun:
        from digitro_async.campaign._ruled_claims import RuledClaims  # noqa: PLC0415 - who applies no rules loads none

        heeding = self.heed(rules, owner, clock)

        def make_claims(build_call: BuildCall) -> "RuledClaims":
            return RuledClaims(
                self._ledger,
                owner,
                build_call,
                heeding,
                page=2 * self._client.dispatcher.capacity,
                max_attempts=self._max_attempts,
                most=max_calls,
                gate=self._gate,
                wait=wait,
                wait_for_ends=wait_for_ends,
            )

        return self.run_claims(
            owner, make_claims, wait_for_ends=wait_for_ends, heeding=heeding
        )

    def heed(
        self,
        rules: "CallingRules",
        owner: ClaimOwner,
        clock: Callable[[], float] | None = None,
    ) -> "RulesInForce":
        """Return rules in force over the ledger, for ``run_claims``.

        Args:
            rules: The rules.
            owner: The owner of the claims.
            clock: Tells the Unix time; None for that of the machine.

        Raises:
            ConfigurationError: If the ledger can't keep who waits.
        """
        from digitro_async.campaign._rules_in_force import RulesInForce  # noqa: PLC0415 - as above

        return RulesInForce(rules, self._ledger, owner, clock=clock or time.time)

    def run_claims(
        self,
        owner: ClaimOwner,
        make_claims: Callable[[BuildCall], Calls],
        *,
        wait_for_ends: bool = True,
        heeding: "RulesInForce | None" = None,
    ) -> CampaignRun:
        """Dial contacts that the caller claims, as ``run`` does those of its own.

        Args:
            owner: The owner of the claims.
            make_claims: Takes what makes the call of a claimed contact, and returns the
                calls. The key of each is the ledger's number of its contact.
            wait_for_ends: See ``run``.
            heeding: The rules by which they are claimed.
        """
        make_run: Callable[..., CampaignRun] = CampaignRun
        if heeding is not None:
            from digitro_async.campaign._ruled_run import RuledRun  # noqa: PLC0415 - as above

            make_run = partial(RuledRun, heeding)
        return make_run(
            self._ledger,
            self._client,
            owner,
            make_claims(self._build_call),
            partial=self._partial,
            wait_for_ends=wait_for_ends,
        )

    def _build_call(self, contact: ClaimedContact) -> PredictiveCall:
        """Return the call of a contact: its own fields over the defaults of this run.

        Raises:
            InvalidCallError: If the contact's fields make no call.
            ConfigurationError: If a field is missing, of every contact probably.
        """
        if self._missing.issubset(contact.fields):
            made = self._maker.make(contact.destination.reveal(), contact.fields)
            if made is not None:  # nearly every one
                call: PredictiveCall = made
                return call
        try:
            return PredictiveCall(  # unnamed before: errors show locals
                **{
                    **self._defaults,
                    **contact.fields,
                    # It came through a door that checked it, or on purpose did not.
                    "destination": AnyDestination(contact.destination.reveal()),
                }
            )
        except TypeError:  # of names alone: a million calls go through here
            pass
        given = {*self._defaults, *contact.fields}
        missing = [name for name in NEEDED_FIELDS if name not in given]
        if missing and given <= _FIELDS:
            # Nobody is made invalid for that.
            raise ConfigurationError(
                f"call: {missing[0]} is missing: neither the contact nor a default "
                "gives it"
            )
        raise InvalidCallError("its fields are damaged", reason="damaged_fields")


def _maker_over(defaults: Mapping[str, Any], missing: Iterable[str]) -> CallMaker:
    """Return what makes the calls of contacts, of whom each gives what is missing."""
    texts = {**defaults, **dict.fromkeys((*missing, "destination"), "0")}
    return CallMaker(
        PredictiveCall(**{name: opened(value) for name, value in texts.items()})
    )
