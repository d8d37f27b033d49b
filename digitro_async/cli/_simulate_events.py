"""The options of ``digitro simulate`` about its event channel."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import attrs
from cyclopts import Parameter
from cyclopts.validators import Number

from digitro_async.call_events import Disposition
from digitro_async.cli._arguments import AtLeastOne
from digitro_async.cli._output import print_line
from digitro_async.config import EVENT_PRESETS, load_config, load_event_preset
from digitro_async.errors import ConfigurationError
from digitro_async.event_settings import EventChannelSettings
from digitro_async.testing import CallScript, EventDelivery, SimulatedEvents

__all__ = ["NO_EVENTS", "EventOptions", "SimulateEvents", "say_events"]

_NUMBER: Final = r"\d{1,9}(?:\.\d{1,9})?"
_SECONDS: Final = re.compile(rf"({_NUMBER})(?:-({_NUMBER}))?", re.ASCII)
_SHARE: Final = re.compile(rf"([a-z_]+)=({_NUMBER})", re.ASCII)


@attrs.frozen(kw_only=True)
class EventOptions:
    """The event channel, and what becomes of calls.

    Attributes:
        events: Open event channels and tell what becomes of calls, in the names of a
            preset (``simulator`` is made up, ``interact-cti`` and ``neo`` are sister
            products), or of a digitro.toml with an events table.
        shares: What becomes of calls, as shares such as ``answered=3,busy=1``.
        ring: Seconds for which calls ring, such as ``5`` or ``5-25``.
        talk: Seconds from the answer to the end of a call.
        max_channels: Event channels that may be open at once.
        heartbeat: Seconds between two heartbeats of an event channel.
    """

    events: str | None = None
    shares: str | None = None
    ring: str | None = None
    talk: str | None = None
    max_channels: AtLeastOne = 1
    heartbeat: Annotated[float, Parameter(validator=Number(gt=0))] = 15.0

    def settings(self, seed: int) -> dict[str, Any]:
        """Return the settings of a simulator.

        Args:
            seed: Seed of what becomes of calls.

        Raises:
            ConfigurationError: If an option can't be used.
        """
        if self.events is None:
            if self.shares or self.ring or self.talk:
                raise ConfigurationError("--shares, --ring and --talk need --events")
            return {}
        script: dict[str, Any] = {"seed": seed}
        if self.shares is not None:
            script["shares"] = _shares(self.shares)
        for name in ("ring", "talk"):
            if (given := getattr(self, name)) is not None:
                script[name] = _seconds(f"--{name}", given)
        return {
            "events": _load(self.events),
            "call_script": CallScript(**script),
            "event_delivery": EventDelivery(
                max_channels=self.max_channels, heartbeat=self.heartbeat
            ),
        }


SimulateEvents = Annotated[EventOptions, Parameter(name="*")]
NO_EVENTS: Final = EventOptions()


def say_events(events: SimulatedEvents) -> None:
    """Print what became of calls, and of event channels."""
    channels = events.channels
    print_line(
        f"event channels: {channels.opened} opened, {channels.refused} refused, "
        f"{channels.dropped} dropped; {events.due} events about calls"
    )
    ends = events.by_disposition
    told = ", ".join(f"{ends[one]} {one}" for one in Disposition if one in ends)
    print_line(
        f"became of calls: {told or 'none'}; at most {events.max_in_progress} in "
        f"progress, {events.in_progress} now"
    )


def _load(name: str) -> EventChannelSettings:
    """Return the event channel of a preset, or of a configuration file."""
    if name in EVENT_PRESETS:
        return load_event_preset(name)
    if not Path(name).exists():
        raise ConfigurationError(
            f"--events must be one of {', '.join(EVENT_PRESETS)}, or a digitro.toml"
        )
    for pabx in load_config(name).pabx:
        if pabx.events is not None:
            return pabx.events
    raise ConfigurationError(f"{name}: there is no [events] table")


def _seconds(option: str, text: str) -> tuple[float, float]:
    match = _SECONDS.fullmatch(text)
    if match is None:
        raise ConfigurationError(f"{option} must be seconds, such as 5 or 5-25")
    least, most = match.groups()
    return float(least), float(most or least)


def _shares(text: str) -> Mapping[Disposition, float]:
    found: dict[Disposition, float] = {}
    for part in text.split(","):
        match = _SHARE.fullmatch(part.strip())
        if match is None or match[1] not in list(Disposition):
            raise ConfigurationError(
                "--shares must be such as answered=3,busy=1; the names are "
                + ", ".join(Disposition)
            )
        found[Disposition(match[1])] = float(match[2])
    return found
