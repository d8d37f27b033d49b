"""Reads a ledger for the view of its campaign, also one that is being dialled."""

import datetime as dt
from collections.abc import Iterable
from typing import Final

from digitro_async.ledger._ledger_address import LedgerAddress
from digitro_async.ledger._reader_port import LedgerReader
from digitro_async.models import PABX
from digitro_async.reports._campaign_view import CampaignView
from digitro_async.reports._pabx_caps import PABXCaps
from digitro_async.reports._recorded_past import RecordedPast
from digitro_async.reports._shown_texts import shown_ledger
from digitro_async.reports._view_building import (
    LISTED_STATES,
    LedgerSnapshot,
    build_view,
)

__all__ = ["CampaignReading"]

MOST_LISTED: Final = 25
"""Contacts of one kind that a view names one by one."""


class CampaignReading:
    """Reads what a ledger tells, again and again: what it recorded is read once.

    Args:
        name: Name of the ledger: its address, of which no folder, host or user is
            shown, or a text that may be shown as it is.
        pabx: The PABX as they are configured, for their caps.
        zone: The time zone of all that is shown; that of the machine by default.
        max_attempts: Attempts after which a contact counts as out of attempts.
        most_listed: Contacts of one kind that are named one by one.
    """

    def __init__(
        self,
        name: str | LedgerAddress,
        pabx: Iterable[PABX] = (),
        *,
        zone: dt.tzinfo | None = None,
        max_attempts: int = 5,
        most_listed: int = MOST_LISTED,
    ) -> None:
        self._name = name if isinstance(name, str) else shown_ledger(name)
        self._caps = PABXCaps.of(pabx)
        self._zone = zone
        self._max_attempts = max_attempts
        self._most_listed = most_listed
        self._past: RecordedPast | None = None

    def read(self, reader: LedgerReader, now: float) -> CampaignView:
        """Return the view of the campaign now.

        While it is dialled, figures are of moments that lie some seconds apart.

        Args:
            reader: An open reader of the ledger, the same one each time or another.
            now: The time.

        Raises:
            LedgerError: If it can't be read.
        """
        local = dt.datetime.fromtimestamp(now, dt.UTC).astimezone(self._zone)
        offset = (local.utcoffset() or dt.timedelta()).total_seconds()
        if self._past is None:
            self._past = RecordedPast(offset)
        steps, ends = self._past.take(reader)
        snapshot = LedgerSnapshot(
            name=self._name,
            made_at=now,
            offset=offset,
            zone=local.tzname() or "local time",
            problem=reader.why_not_dialled(),
            states=reader.counts(),
            exhausted=reader.count_exhausted(self._max_attempts),
            ends=reader.count_ends(),
            imports=reader.imports(),
            listed={
                name: reader.list_contacts(states, self._most_listed)
                for name, states in LISTED_STATES.items()
            },
            waiting=reader.waiting(now, self._max_attempts),
            first_waiting=reader.list_waiting(now, self._most_listed),
        )
        return build_view(snapshot, steps, ends, self._caps)
