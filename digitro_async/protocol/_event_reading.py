"""EventReading: what an event means, by the settings of its channel."""

from collections.abc import Mapping
from typing import Any, Final

from digitro_async.call_events import (
    CallEvent,
    CallPhase,
    ChannelClosed,
    ChannelEvent,
    ChannelOpened,
    ChannelReason,
    Disposition,
    Gap,
    Heartbeat,
    OtherEvent,
)
from digitro_async.event_settings import EventChannelSettings
from digitro_async.privacy import Personal
from digitro_async.protocol._decoding import MAX_CALL_ID
from digitro_async.protocol._event_fields import (
    ANY_NAME,
    FieldPath,
    field_path,
    first_text,
    members_of,
)
from digitro_async.protocol._sse import RawEvent

__all__ = ["EventReading", "channel_id_of"]

LONGEST_WORD: Final = 200
"""Most characters of a name or a word that are kept."""

_UNNAMED: Final = "message"
"""The name that server-sent events have where they are given none."""

_MOST_DIGITS: Final = 18

_NO_MEMBERS: Final[dict[str, Any]] = {}


class EventReading:
    """Turns the events of one channel into values, by its settings.

    Args:
        settings: The settings of the channel.
        pabx: Name of the PABX.
    """

    def __init__(self, settings: EventChannelSettings, pabx: str) -> None:
        self._pabx = pabx
        self._opened = _folded(settings.opened_names)
        self._closed = _folded(settings.closed_names)
        self._heartbeats = _folded(settings.heartbeat_names)
        self._phases = _folded_keys(settings.call_phases)
        self._dispositions = _folded_keys(settings.dispositions)
        self._name_fields = _paths(settings.name_fields)
        self._id_fields = _paths(settings.id_fields)
        self._call_id_fields = _paths(settings.call_id_fields)
        self._phase_fields = _paths(settings.phase_fields)
        self._disposition_fields = _paths(settings.disposition_fields)
        self._destination_fields = _paths(settings.destination_fields)
        self._time_fields = _paths(settings.time_fields)

    def read(
        self, raw: RawEvent, now: float, *, chosen_id: int | None = None
    ) -> ChannelEvent:
        """Return what an event means.

        Args:
            raw: The event as it came.
            now: Unix time at which it was read.
            chosen_id: The id that the client chose for the channel, None where the PABX
                gives it.
        """
        if raw.is_too_large:
            return Gap(
                pabx=self._pabx,
                seen_at=now,
                since=now,
                reason=ChannelReason.EVENT_TOO_LARGE,
                lost=1,
            )
        members = members_of(raw.data)
        name = self.name_of(raw, members)
        if name is None:
            if not members and (members is not None or not raw.data.strip()):
                return Heartbeat(pabx=self._pabx, seen_at=now)
            folded = ""
        else:
            folded = name.casefold()
            if folded in self._opened:
                channel_id = self._channel_id_in(raw, members, chosen_id)
                if channel_id is not None:
                    return ChannelOpened(
                        pabx=self._pabx, seen_at=now, channel_id=channel_id
                    )
            if folded in self._closed:
                return ChannelClosed(
                    pabx=self._pabx,
                    seen_at=now,
                    channel_id=self._channel_id_in(raw, members, chosen_id),
                    reason=ChannelReason.CLOSED_BY_PABX,
                )
            if folded in self._heartbeats:
                return Heartbeat(pabx=self._pabx, seen_at=now)
        return self._call_event(
            raw, _NO_MEMBERS if members is None else members, name, folded, now
        ) or OtherEvent(
            pabx=self._pabx, seen_at=now, name=name, data=Personal(raw.data)
        )

    def name_of(self, raw: RawEvent, members: dict[str, Any] | None) -> str | None:
        """Return the name of an event, None where it has none."""
        name = "" if raw.name is None else raw.name.strip()
        if name and name.casefold() != _UNNAMED:
            return name[:LONGEST_WORD]
        for path in self._name_fields if members else ():
            if path == (ANY_NAME,):
                if members is not None and len(members) == 1:
                    return next(iter(members))[:LONGEST_WORD]
                continue
            found = None if members is None else first_text(members, (path,))
            if found is not None:
                return found.strip()[:LONGEST_WORD]
        return None

    def is_opening(self, name: str | None) -> bool:
        """Whether an event of that name opens the channel, whatever else it holds."""
        return name is not None and name.casefold() in self._opened

    def _channel_id_in(
        self, raw: RawEvent, members: dict[str, Any] | None, chosen_id: int | None
    ) -> int | None:
        text = raw.data if members is None else first_text(members, self._id_fields)
        found = channel_id_of(text)
        return chosen_id if found is None else found

    def _call_event(
        self,
        raw: RawEvent,
        members: dict[str, Any],
        name: str | None,
        folded: str,
        now: float,
    ) -> CallEvent | None:
        """Return an event about a call, None where nothing says that it is one."""
        call_id = first_text(members, self._call_id_fields)
        phase = self._phases.get(folded)
        own = self._dispositions.get(folded)
        if phase is None:
            said = first_text(members, self._phase_fields)
            phase = None if said is None else self._phases.get(said.strip().casefold())
        if call_id is None and phase is None and own is None:
            return None
        word = first_text(members, self._disposition_fields)
        disposition = own
        if word is not None:
            disposition = self._dispositions.get(word.strip().casefold(), own)
            # Before its end, an unknown word may say anything.
            if disposition is None and phase is CallPhase.ENDED:
                disposition = Disposition.OTHER
        elif own is not None:
            word = name
        destination = first_text(members, self._destination_fields)
        at = first_text(members, self._time_fields)
        return CallEvent(
            pabx=self._pabx,
            seen_at=now,
            name=name or "",
            phase=CallPhase.OTHER if phase is None else phase,
            call_id=None if call_id is None else call_id[:MAX_CALL_ID],
            disposition=disposition,
            word=None if word is None else word[:LONGEST_WORD],
            destination=None if destination is None else Personal(destination),
            at=None if at is None else at[:LONGEST_WORD],
            data=Personal(raw.data),
        )


def channel_id_of(text: str | None) -> int | None:
    """Return the channel id that a text is, None where it is none."""
    text = "" if text is None else text.strip().strip('"')
    if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS:
        return int(text)
    return None


def _folded(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name.strip().casefold() for name in names)


def _folded_keys(meanings: Mapping[str, Any]) -> dict[str, Any]:
    return {name.strip().casefold(): meaning for name, meaning in meanings.items()}


def _paths(names: tuple[str, ...]) -> tuple[FieldPath, ...]:
    return tuple(field_path(name) for name in names)
