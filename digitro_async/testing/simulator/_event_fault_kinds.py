"""PURE: the catalogue of what can go wrong at the simulator's event channel.

A kind of fault is one member of ``EventFaultKind``, with its text and its traits. How
it is injected stands in ``_event_injection.py`` and ``_channel_handler.py``.
"""

from collections.abc import Iterable
from typing import Final

from digitro_async.testing.simulator._fault_traits import (
    FaultTraits,
    KindWithTraits,
    Stage,
)

__all__ = ["EventFaultKind"]


def _channel(*details: str, status: int | None = 200) -> FaultTraits:
    return _traits(Stage.CHANNEL, details, status)


def _event(*details: str) -> FaultTraits:
    return _traits(Stage.EVENT, details, None)


def _traits(stage: Stage, details: Iterable[str], status: int | None) -> FaultTraits:
    return FaultTraits(stage=stage, status=status, outcomes=(), details=details)


_PLAIN_EVENT: Final = _event()


class EventFaultKind(KindWithTraits):
    """A way in which the simulator's event channel misbehaves.

    None of them changes what becomes of a call, or of its POST. All of it is the
    simulator's invention.

    Attributes:
        traits: Facts about the kind.
    """

    REFUSE_CHANNEL = (
        "refuse_channel",
        _channel("status", "retry_after", status=403),
    )
    """The request for a channel gets ``status`` (403)."""
    STALL_CHANNEL = "stall_channel", _channel(status=None)
    """The request for a channel is never answered."""
    NO_OPENING_EVENT = "no_opening_event", _channel()
    """The request gets a 200, and no event ever comes; no channel is open."""
    REUSED_CHANNEL_ID = "reused_channel_id", _channel()
    """The channel gets the id of the channel before."""
    LOSE_EVENT = "lose_event", _PLAIN_EVENT
    """The event is never sent."""
    DELAY_EVENT = "delay_event", _event("pause")
    """The event is sent ``pause`` seconds (0.5) late; later ones overtake it."""
    DUPLICATE_EVENT = "duplicate_event", _PLAIN_EVENT
    """The event is sent twice."""
    REORDER_EVENTS = "reorder_events", _event("pause")
    """The event is sent behind the next one, at the latest after ``pause`` seconds
    (0.5)."""
    FOREIGN_EVENT = "foreign_event", _PLAIN_EVENT
    """Before the event comes one like it about a call that others made."""
    UNKNOWN_EVENT = "unknown_event", _PLAIN_EVENT
    """Before the event comes one whose name the settings do not know."""
    GARBAGE_EVENT = "garbage_event", _PLAIN_EVENT
    """Before the event comes one whose data is neither UTF-8 nor JSON."""
    HUGE_EVENT = "huge_event", _event("size")
    """Before the event comes one of ``size`` bytes (2 MiB)."""
    SPLIT_EVENT = "split_event", _event("pause")
    """The event is sent byte by byte, ``pause`` seconds (0.001) after each."""
    DROP_CHANNEL = "drop_channel", _PLAIN_EVENT
    """Every channel is reset at the event, which is lost."""
    CLOSE_CHANNEL = "close_channel", _PLAIN_EVENT
    """Every channel is closed at the event, which is lost, with a closing event where
    the settings name one."""
    MUTE_CHANNEL = "mute_channel", _PLAIN_EVENT
    """From the event on every channel is open and silent, without heartbeats too."""
