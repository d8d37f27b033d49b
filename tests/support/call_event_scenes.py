"""PABX whose events are read, and the events of scripted calls."""

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from helpers import make_pabx

from digitro_async import (
    PABX,
    CallEvent,
    CallPhase,
    ChannelOpened,
    ChannelRequest,
    DigitroClient,
    Disposition,
    EventChannelSettings,
)
from digitro_async.privacy import Personal

__all__ = ["END_TIMEOUT", "listening", "open_channel", "tell", "tell_later"]

END_TIMEOUT = 300.0


def listening(end_timeout: float = END_TIMEOUT, **given: Any) -> PABX:
    """Return a PABX whose events are read."""
    events = EventChannelSettings(
        open=ChannelRequest(path="/events"),
        opened_names="OPENED",
        call_phases={"STARTED": CallPhase.STARTED, "ENDED": CallPhase.ENDED},
        destination_fields="NUMBER",
        end_timeout=end_timeout,
    )
    return make_pabx(events=events, **{"max_in_flight": 10, **given})


def open_channel(client: DigitroClient) -> None:
    """Let the events of a client come from now on."""
    event = ChannelOpened(pabx="one", seen_at=time.time(), channel_id=1)
    client.dispatcher.take_event(event)


def tell(
    client: DigitroClient,
    call_id: str,
    phase: CallPhase,
    disposition: Disposition | None = None,
    destination: str | None = None,
) -> None:
    """Let a client hear of a call."""
    event = CallEvent(
        pabx="one",
        seen_at=time.time(),
        name=phase.upper(),
        phase=phase,
        call_id=call_id,
        disposition=disposition,
        word=None if disposition is None else disposition.upper(),
        destination=None if destination is None else Personal(destination),
        at="10:00:00",
    )
    client.dispatcher.take_event(event)


async def tell_later(
    client: DigitroClient,
    seconds: float,
    call_ids: Iterable[str],
    disposition: Disposition,
) -> None:
    """Let a client hear of the ends of calls after a time."""
    await asyncio.sleep(seconds)
    for call_id in call_ids:
        tell(client, call_id, CallPhase.ENDED, disposition)
