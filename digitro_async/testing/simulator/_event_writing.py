"""PURE: the bytes of the simulator's events, under the names of the settings."""

import html
import json
from collections.abc import Mapping
from typing import Any, Final

import attrs

from digitro_async.call_events import CallPhase, Disposition
from digitro_async.errors import ConfigurationError
from digitro_async.event_settings import EventChannelSettings
from digitro_async.testing.simulator._call_script import CallStep
from digitro_async.testing.simulator._event_delivery import (
    EventDelivery,
    EventForm,
    HeartbeatForm,
)

__all__ = ["CallMoment", "EventWriting", "set_member"]

_CALL_NAME: Final = "CALL_EVENT"
"""Name of all events about calls where a field says how far the call is."""

_UNKNOWN_NAME: Final = "EVENT_WITHOUT_MEANING"
_ANY: Final = "*"
"""What stands for any one name in the name of a field."""

_NO_ELEMENT: Final = "<event/>"
_Values = list[tuple[tuple[str, ...], Any]]
"""The places for values, and the values; None for no value."""

_UNKNOWN_WORD: Final = "WORD_WITHOUT_MEANING"


@attrs.frozen(kw_only=True)
class CallMoment:
    """One step of one call, at the time of its event.

    Attributes:
        step: The step.
        call_id: Call id of the call.
        destination: The number called.
        at: The simulator's own time of the event, as text.
    """

    step: CallStep
    call_id: str
    destination: str = attrs.field(repr=False)
    at: str


def set_member(members: dict[str, Any], path: str, value: object) -> None:
    """Set a member by its path: names joined by dots, each but the last an object's."""
    *outer, last = path.split(".")
    for name in outer:
        members = members.setdefault(name, {})
    members[last] = value


class EventWriting:
    """Writes events as server-sent events, with the settings read the other way round.

    Args:
        settings: The names of events, of their members, and the words in them.
        delivery: The form of the data.

    Raises:
        ConfigurationError: If a form needs a name that the settings do not give.
    """

    def __init__(self, settings: EventChannelSettings, delivery: EventDelivery) -> None:
        if delivery.name_in_data and not settings.name_fields:
            raise ConfigurationError("name_in_data needs name_fields in the settings")
        if (
            delivery.heartbeat_form is HeartbeatForm.NAMED
            and not settings.heartbeat_names
        ):
            raise ConfigurationError(
                'heartbeat_form "named" needs heartbeat_names in the settings'
            )
        self._settings = settings
        self._delivery = delivery
        if delivery.form is EventForm.XML:
            _check_root(settings)
        self._names = _turned(settings.call_phases)
        self._words = _turned(settings.dispositions)

    def opened(self, channel_id: int) -> bytes:
        """Return the event that opens a channel."""
        value = str(channel_id) if self._delivery.id_as_text else channel_id
        values = [(self._settings.id_fields, value)]
        return self._event(self._settings.opened_names[0], values)

    def closed(self, channel_id: int) -> bytes:
        """Return the event that ends a channel; nothing where none has a name."""
        if not self._settings.closed_names:
            return b""
        values = [(self._settings.id_fields, channel_id)]
        return self._event(self._settings.closed_names[0], values)

    def heartbeat(self) -> bytes:
        """Return a heartbeat."""
        match self._delivery.heartbeat_form:
            case HeartbeatForm.COMMENT:
                return b": heartbeat\n\n"
            case HeartbeatForm.NAMED:
                return self._event(self._settings.heartbeat_names[0], [])
            case HeartbeatForm.EMPTY:
                return b"data: {}\n\n"

    def call(self, moment: CallMoment) -> bytes:
        """Return the event of a call's step; nothing where it has no name."""
        phase, values = moment.step.phase, self._values_of(moment)
        name = self._names.get(phase)
        if name is None or not moment.step.is_told:
            return b""
        if self._settings.phase_fields:
            values.append((self._settings.phase_fields, name))
            return self._event(_CALL_NAME, values)
        telling = self._telling_name(moment.step.disposition)
        if telling is None:
            return self._event(name, values)
        if self._settings.call_phases.get(telling) is phase:
            return self._event(telling, values)
        return self._event(telling, values) + self._event(name, values)

    def unknown(self, moment: CallMoment) -> bytes:
        """Return an event whose name the settings do not know."""
        return self._event(_UNKNOWN_NAME, self._values_of(moment))

    def garbage(self) -> bytes:
        """Return an event whose data is neither UTF-8 nor JSON."""
        name = next(iter(self._names.values()), _UNKNOWN_NAME)
        return f"event: {name}\n".encode() + b"data: \xff{]\x00\n\n"

    def huge(self, size: int) -> bytes:
        """Return an event of that many bytes, or somewhat more."""
        return self._event(_UNKNOWN_NAME, [(self._settings.call_id_fields, "x" * size)])

    def told(self, disposition: Disposition) -> Disposition:
        """Return the disposition that the events of a call can tell.

        Args:
            disposition: What became of the call.
        """
        if disposition is Disposition.NONE_SEEN:
            return disposition
        if disposition is Disposition.ANSWERED and CallPhase.ANSWERED in self._names:
            return disposition
        if CallPhase.ENDED not in self._names:
            return Disposition.NONE_SEEN
        word = self._word_of(disposition) or self._telling_name(disposition)
        return disposition if word else Disposition.ENDED

    def _telling_name(self, disposition: Disposition | None) -> str | None:
        """Return the name of the event that says by itself what became of a call."""
        if self._settings.disposition_fields or disposition is None:
            return None
        return self._words.get(disposition)

    def _word_of(self, disposition: Disposition | None) -> str | None:
        if not self._settings.disposition_fields or disposition is None:
            return None
        if disposition is Disposition.OTHER:
            return _UNKNOWN_WORD
        return self._words.get(disposition)

    def _values_of(self, moment: CallMoment) -> _Values:
        settings = self._settings
        return [
            (settings.call_id_fields, moment.call_id),
            (settings.destination_fields, moment.destination),
            (settings.disposition_fields, self._word_of(moment.step.disposition)),
            (settings.time_fields, moment.at),
        ]

    def _event(self, name: str, values: _Values) -> bytes:
        members: dict[str, Any] = {}
        for paths, value in values:
            for path in paths[:1] if value is not None else ():
                set_member(members, path.replace(_ANY, name), value)
        line = f"event: {name}\n"
        if self._delivery.name_in_data:
            line = ""
            if self._settings.name_fields[0] == _ANY:
                members.setdefault(name, {})
            else:
                set_member(members, self._settings.name_fields[0], name)
        return f"{line}data: {self._data(members)}\n\n".encode()

    def _data(self, members: Mapping[str, Any]) -> str:
        if self._delivery.form is EventForm.XML:
            return _elements(members) or _NO_ELEMENT
        return json.dumps(members)


def _check_root(settings: EventChannelSettings) -> None:
    """Demand that all members are in one element: XML has one root."""
    fields = (
        *(settings.id_fields[:1], settings.call_id_fields[:1]),
        *(settings.destination_fields[:1], settings.disposition_fields[:1]),
        *(settings.time_fields[:1], settings.name_fields[:1]),
    )
    paths = [path for group in fields for path in group if path != _ANY]
    roots = {path.partition(".")[0] for path in paths}
    if len(roots) > 1 or not all("." in path for path in paths):
        raise ConfigurationError(
            'form "xml" needs fields in one element, such as "*.ID" or "event.ID"'
        )


def _turned(meanings: Mapping[str, Any]) -> dict[Any, str]:
    """Return the first name of each meaning."""
    turned: dict[Any, str] = {}
    for name, meaning in meanings.items():
        turned.setdefault(meaning, name)
    return turned


def _elements(members: Mapping[str, Any]) -> str:
    return "".join(
        f"<{name}>"
        f"{_elements(value) if isinstance(value, Mapping) else html.escape(str(value))}"
        f"</{name}>"
        for name, value in members.items()
    )
