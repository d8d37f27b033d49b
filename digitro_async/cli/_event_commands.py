"""``digitro events``: listen to an event channel, or replay what was captured."""

import asyncio
import contextlib
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal

import attrs
from cyclopts import Parameter
from cyclopts.validators import Number

from digitro_async._common.number_form import problem_of_number
from digitro_async._common.text import one_of
from digitro_async._common.validators import problem_of_text
from digitro_async.call_events import (
    ChannelClosed,
    ChannelEvent,
    ChannelOpened,
    Gap,
    Heartbeat,
)
from digitro_async.cli._arguments import Switch
from digitro_async.cli._capture import Capture
from digitro_async.cli._command_loop import on_interrupt, run_tuned
from digitro_async.cli._event_lines import kind_of_event, line_of_event
from digitro_async.cli._exit import Exit
from digitro_async.cli._output import print_error, print_line
from digitro_async.cli._replay_events import replay
from digitro_async.client import DigitroClient
from digitro_async.config import EVENT_PRESETS, load_config, load_event_preset
from digitro_async.errors import ConfigurationError, DigitroError
from digitro_async.event_settings import EventChannelSettings
from digitro_async.events import EventReader
from digitro_async.models import PABX, PredictiveCall
from digitro_async.protocol import RawEvent
from digitro_async.transport import SessionManager

__all__ = ["events"]

_Seconds = Annotated[float | None, Parameter(validator=Number(gt=0))]


def events(
    action: Literal["listen", "replay"],
    file: Path | None = None,
    /,
    *,
    config: Path = Path("digitro.toml"),
    pabx: str | None = None,
    preset: str | None = None,
    record: Path | None = None,
    call: str | None = None,
    raw: Switch = False,
    seconds: _Seconds = None,
) -> Exit:
    """Listen to the events of a PABX, or replay captured ones.

    ``digitro events listen`` opens the event channel and prints a line for each event,
    until Ctrl-C. ``digitro events replay FILE`` says how a capture would be understood,
    and which settings would have to change.

    Args:
        action: Listen, or replay.
        file: The capture to replay: of ``--record``, or of any program that writes down
            what came, such as ``curl --no-buffer``.
        config: Configuration file.
        pabx: Name of the PABX, where the configuration has several.
        preset: Replay by this preset alone: pabx, interact-cti, neo or simulator.
        record: New file for everything that comes, byte for byte. It holds numbers and
            names of people, and only you may read it.
        call: Make one call to this number, that of your own phone, once the channel is
            open.
        raw: Show all that events hold, with numbers and names of people.
        seconds: Seconds to listen; until Ctrl-C by default.
    """
    if action == "listen":
        if file is not None:
            raise ConfigurationError("listen takes no FILE; --record FILE writes one")
        if preset is not None:
            raise ConfigurationError(
                "--preset is for replay: listen takes the [events] table"
            )
        chosen = _chosen_pabx(config, pabx)
        made = None if call is None else _call_to(call, config)
        capture = None if record is None else Capture(record)
        listening = _Listening(shows_data=raw, capture=capture)
        return run_tuned(_listen(chosen, listening, made, seconds))
    if file is None:
        raise ConfigurationError("replay needs a FILE")
    if record is not None or seconds is not None or call is not None:
        raise ConfigurationError("--record, --seconds and --call go with listen")
    if preset is not None and preset not in EVENT_PRESETS:
        raise ConfigurationError(
            f"--preset: there is no such preset{one_of(preset, EVENT_PRESETS)}"
        )
    if preset is not None:
        # What a replay needs no value for: nothing is opened.
        settings = load_event_preset(
            preset, **({"open": "/"} if preset == "pabx" else {})
        )
        return replay(file, settings, raw=raw)
    return replay(file, _settings_of(_chosen_pabx(config, pabx)), raw=raw)


def _chosen_pabx(config: Path, name: str | None) -> PABX:
    several = load_config(config, can_resume=False).pabx
    known = [one.name for one in several]
    if name is not None and name not in known:
        raise ConfigurationError(
            f"--pabx: there is no such PABX in {config}{one_of(name, known)}"
        )
    chosen = [one for one in several if name in {None, one.name}]
    with_events = [one for one in chosen if one.events is not None]
    if not with_events:
        raise ConfigurationError(
            f"{config}: there is no [events] table, which says how the event channel is"
            " opened and read; docs/first-day.md has one, and --preset names one to"
            " replay by"
        )
    if len(with_events) > 1:
        names = ", ".join(one.name for one in with_events)
        raise ConfigurationError(f"--pabx: name one of {names}")
    return with_events[0]


def _call_to(number: str, config: Path) -> PredictiveCall:
    problem = problem_of_text(number, required=True, lines=False)
    if problem := problem or problem_of_number(number):
        raise ConfigurationError(f"--call {problem}")
    fields: dict[str, Any] = {**load_config(config, can_resume=False).call}
    for name in ("device", "device_password"):
        if name not in fields:
            raise ConfigurationError(f"{config}: [call] lacks {name}")
    return PredictiveCall(**{**fields, "destination": number})


def _settings_of(pabx: PABX) -> EventChannelSettings:
    assert pabx.events is not None  # noqa: S101 - for the type checker
    return pabx.events


class _Listening:
    """Prints events as they come, and counts them."""

    def __init__(self, *, shows_data: bool, capture: Capture | None) -> None:
        self.counts: Counter[str] = Counter()
        self.capture = capture
        self.opened = asyncio.Event()
        self.channel_id: int | None = None
        self._shows_data = shows_data
        self._raw: RawEvent | None = None

    def take_piece(self, piece: bytes) -> None:
        if self.capture is not None:
            self.capture.take(piece)

    def take_raw(self, raw: RawEvent, _: ChannelEvent) -> None:
        self._raw = raw

    def take(self, event: ChannelEvent) -> None:
        raw, self._raw = self._raw, None
        self.counts[kind_of_event(event)] += 1
        if isinstance(event, Heartbeat):
            return
        if isinstance(event, ChannelClosed | Gap):
            raw = None
        print_line(line_of_event(event, raw, shows_data=self._shows_data))
        if isinstance(event, ChannelOpened):
            self.channel_id = event.channel_id
            self.opened.set()


async def _listen(
    pabx: PABX,
    listening: _Listening,
    call: PredictiveCall | None,
    seconds: float | None,
) -> Exit:
    stop = asyncio.Event()
    called: asyncio.Task[bool] | None = None
    async with SessionManager() as sessions:
        sessions.load_tls(pabx)
        reader = EventReader(
            pabx,
            _settings_of(pabx),
            sessions,
            listening.take,
            on_raw=listening.take_raw,
            on_piece=listening.take_piece,
        )
        task = asyncio.create_task(reader.run())
        print_error(f"listening to {pabx.name} (Ctrl-C ends it)")
        if call is not None:
            called = asyncio.create_task(_call_once(pabx, call, listening, sessions))
        with on_interrupt(stop.set), contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await stop.wait()
        is_done = await _outcome_of(called)
        await reader.aclose()
        await task
    return _end(listening, is_done=is_done)


async def _call_once(
    pabx: PABX, call: PredictiveCall, listening: _Listening, sessions: SessionManager
) -> bool:
    """Make the one call, over the channel that is listened to; say what came of it."""
    await listening.opened.wait()
    over_it = attrs.evolve(
        pabx, channel_id=listening.channel_id, events=None, max_in_progress=None
    )
    async with DigitroClient(over_it, sessions=sessions) as client:
        try:
            accepted = await client.make_predictive_call(call)
        except DigitroError as error:
            print_error(f"{error.outcome}: {error}")
            return False
    print_error(f"accepted: {accepted.call_id}")
    return True


async def _outcome_of(called: asyncio.Task[bool] | None) -> bool:
    """Return whether the one call was accepted, where there is one to be made."""
    if called is None:
        return True
    if not called.done():
        called.cancel()  # it waits for a channel, or for an answer
        await asyncio.wait({called})
        print_error("the call was not made, or was cut off: look before another one")
    return not called.cancelled() and called.result()


def _end(listening: _Listening, *, is_done: bool) -> Exit:
    counts, capture = listening.counts, listening.capture
    counted = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    print_error(f"events: {counted or 'none'}")
    if capture is not None:
        capture.close()
        if capture.problem:
            print_error(f"digitro: --record lacks the last events: {capture.problem}")
            return Exit.PAUSED
    return Exit.DONE if counts["opened"] and is_done else Exit.INCOMPLETE
