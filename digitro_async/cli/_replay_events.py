"""Replays a captured stream: what it means by settings, and which have to change."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from digitro_async.call_events import (
    CallEvent,
    CallPhase,
    ChannelEvent,
    ChannelOpened,
    Disposition,
    Heartbeat,
    OtherEvent,
)
from digitro_async.cli._capture import pieces_of_file
from digitro_async.cli._event_lines import kind_of_event, line_of_event
from digitro_async.cli._exit import Exit
from digitro_async.cli._output import print_line
from digitro_async.event_settings import EventChannelSettings
from digitro_async.protocol import (
    EventReading,
    EventSurvey,
    RawEvent,
    events_in,
    fit_events,
)

__all__ = ["replay"]

_MOST_NAMES: Final = 20
"""Most names that are listed in one sentence."""


def replay(file: Path, settings: EventChannelSettings, *, raw: bool) -> Exit:
    """Print how a capture is understood, and what would have to change.

    Args:
        file: The capture.
        settings: The settings by which it is read.
        raw: Whether all that events hold is shown.
    """
    reading = EventReading(settings, "replay")
    captured = list(events_in(pieces_of_file(file)))
    understood = [reading.read(one, 0.0) for one in captured]
    for one, event in zip(captured, understood, strict=True):
        if raw and not isinstance(event, Heartbeat):
            print_line(line_of_event(event, one, shows_data=True))
    kinds: Counter[tuple[str, str]] = Counter()
    for event in understood:
        name = getattr(event, "name", None) or ""
        phase = f" ({event.phase})" if isinstance(event, CallEvent) else ""
        kinds[kind_of_event(event), f"{name}{phase}"] += 1
    for (kind, name), count in sorted(kinds.items()):
        print_line(f"{count:>7} {kind} {name}".rstrip())
    changes = list(_changes(settings, captured, understood))
    for change in changes:
        print_line(f"change: {change}")
    if not changes:
        print_line("every event was understood")
    return Exit.INCOMPLETE if changes else Exit.DONE


def _changes(
    settings: EventChannelSettings,
    captured: list[RawEvent],
    understood: list[ChannelEvent],
) -> Iterator[str]:
    """Yield which settings would have to change, in sentences."""
    fitted = fit_events(EventSurvey(captured))
    proposed = fitted.values
    if not any(isinstance(event, ChannelOpened) for event in understood):
        reading = EventReading(settings, "replay")
        named = any(reading.is_opening(name) for name in _names(understood))
        field = "id_fields" if named else "opened_names"
        what = "holds no id" if named else "is not in it"
        yield f"the opening event {what}: {_proposal(field, proposed)}"
    others = _names(event for event in understood if isinstance(event, OtherEvent))
    if others:
        shown = ", ".join(sorted(others)[:_MOST_NAMES])
        yield f"no setting knows the events {shown}"
    of_calls = [event for event in understood if isinstance(event, CallEvent)]
    if of_calls:
        yield from _changes_of_calls(of_calls, proposed)
    else:
        yield f"no event is about a call: {_proposal('call_id_fields', proposed)}"
        yield from fitted.questions


def _changes_of_calls(
    events: list[CallEvent], proposed: Mapping[str, Any]
) -> Iterator[str]:
    if not any(event.call_id for event in events):
        yield f"no event holds a call id: {_proposal('call_id_fields', proposed)}"
    if not any(event.phase is CallPhase.ENDED for event in events):
        yield f"no event tells of a call's end: {_proposal('call_phases', proposed)}"
    unknown = {
        event.word
        for event in events
        if event.disposition is Disposition.OTHER and event.word
    }
    if unknown:
        shown = ", ".join(sorted(unknown)[:_MOST_NAMES])
        yield f"dispositions lacks the words {shown}"
    elif not any(event.disposition for event in events):
        found = _proposal("disposition_fields", proposed)
        yield f"nothing says what became of calls: {found}"


def _names(events: Iterable[ChannelEvent]) -> set[str]:
    return {name for event in events if (name := getattr(event, "name", None))}


def _proposal(field: str, proposed: Mapping[str, Any]) -> str:
    found = proposed.get(field)
    if not found:
        return f"set {field}"
    return f"set {field}, perhaps {', '.join(map(str, found))}"
