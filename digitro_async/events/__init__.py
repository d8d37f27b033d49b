"""Keeps event channels open, and hands on what they tell."""

from digitro_async.events._channel_course import ChannelCourse, ChannelState
from digitro_async.events._client_channels import EventChannels
from digitro_async.events._reader import EventReader, OnRawEvent

__all__ = [
    "ChannelCourse",
    "ChannelState",
    "EventChannels",
    "EventReader",
    "OnRawEvent",
]
