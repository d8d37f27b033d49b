"""Events as lines of text, without what is private unless it is asked for."""

from digitro_async._common.text import iso_time
from digitro_async.call_events import (
    CallEvent,
    ChannelClosed,
    ChannelEvent,
    ChannelOpened,
    Gap,
    Heartbeat,
    OtherEvent,
)
from digitro_async.protocol import RawEvent, all_fields, members_of

__all__ = ["kind_of_event", "line_of_event"]


def line_of_event(
    event: ChannelEvent, raw: RawEvent | None = None, *, shows_data: bool = False
) -> str:
    """Return one line about an event.

    Args:
        event: What the event means.
        raw: The event as it came, None where none did.
        shows_data: Whether all of it is shown, with numbers and names of people.
    """
    line = f"{iso_time(event.seen_at)} {event.pabx} {_words(event)}"
    if raw is None:
        return line
    if shows_data:
        return f"{line} | {raw.name or ''} {raw.data}".rstrip()
    if isinstance(event, OtherEvent) and (names := _names_of_fields(raw.data)):
        return f"{line} fields: {names}"
    return line


def kind_of_event(event: ChannelEvent) -> str:
    """Return the word for the kind of an event."""
    return {
        ChannelOpened: "opened",
        ChannelClosed: "closed",
        Heartbeat: "heartbeat",
        CallEvent: "call",
        Gap: "gap",
    }.get(type(event), "other")


def _words(event: ChannelEvent) -> str:
    kind = kind_of_event(event)
    if isinstance(event, ChannelOpened):
        return f"{kind} channel_id={event.channel_id}"
    if isinstance(event, ChannelClosed):
        return f"{kind} channel_id={event.channel_id} reason={event.reason}"
    if isinstance(event, Gap):
        lost = "" if event.lost is None else f" lost={event.lost}"
        return f"{kind} since={iso_time(event.since)} reason={event.reason}{lost}"
    if isinstance(event, CallEvent):
        facts = {
            "name": event.name,
            "phase": event.phase,
            "call_id": event.call_id and repr(event.call_id),
            "disposition": event.disposition,
            "word": event.word and repr(event.word),
            "destination": event.destination,
            "at": event.at and repr(event.at),
        }
        shown = " ".join(f"{name}={fact}" for name, fact in facts.items() if fact)
        return f"{kind} {shown}"
    if isinstance(event, OtherEvent):
        return f"{kind} name={event.name!r}"
    return kind


def _names_of_fields(data: str) -> str:
    members = members_of(data)
    return "" if members is None else ", ".join(name for name, _ in all_fields(members))
