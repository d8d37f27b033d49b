"""Keeps event channels open, and hands on what they tell."""

from digitro_async.events._channel_course import ChannelCourse, ChannelState
from digitro_async.events._event_queue import EventQueue
from digitro_async.events._reader import EventReader, OnRawEvent

__all__ = [
    "ChannelCourse",
    "ChannelState",
    "EventQueue",
    "EventReader",
    "OnRawEvent",
]
