"""PURE: the line that says what holds a run back, and what happens next."""

from collections.abc import Iterable

from digitro_async.cli._figure_words import clock, per_second, seconds_text
from digitro_async.cli._run_view import RunPhase, RunView
from digitro_async.dispatch._channel import NO_CHANNEL
from digitro_async.dispatch._limits import Limit
from digitro_async.dispatch._pause_status import PauseStatus
from digitro_async.dispatch._statistics import PABXStatistics
from digitro_async.settings import RateLimit

__all__ = ["explain", "notes"]

FRESH = "the PABX closed kept connections under calls: each call has a new one now"

RECENT_SECONDS = 60.0
"""Seconds for which a pause is told of after its end."""

BUSY = 0.9
"""Share of a processor from which on the process counts as held back by it."""

_TRIES = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


def explain(view: RunView) -> list[str]:
    """Return the lines that say what holds a run back: one where all PABX agree."""
    if view.phase is RunPhase.STOPPING:
        return [f"stopping: {_waiting_for(view.in_flight)}"]
    if view.phase is RunPhase.ENDING:
        calls = _calls(view.in_progress) if view.in_progress else "the last calls"
        return [f"waiting for the ends of {calls} (Ctrl-C: not to)"]
    if view.phase is RunPhase.WAITING and view.waits_until and not view.in_flight:
        left = clock(view.waits_for)
        until = f"nobody may be called before {view.waits_until} (in {left})"
        return [f"{until}; Ctrl-C ends, and those who wait are kept"]
    waiting = any(one.waiting or one.pause for one in view.pabx)
    if view.is_between_calls and not waiting:
        ends = f"waiting for the ends of {_calls(view.in_progress)}"
        return [f"{ends}, and for contacts that are called again"]
    if view.phase is RunPhase.FINISHING and view.in_flight and not waiting:
        return [_waiting_for(view.in_flight)]
    paused = [
        f"campaign {name} is paused by an operator: digitro resume --campaign {name}"
        for name in view.paused_campaigns
    ]
    if paused and not view.in_flight and not waiting:
        return paused
    return paused + _of_each_pabx(view)


def _of_each_pabx(view: RunView) -> list[str]:
    if len(view.pabx) == 1:
        return [_of_pabx(view, view.pabx[0])]
    said: dict[str, list[str]] = {}
    for one in view.pabx:
        said.setdefault(_of_pabx(view, one), []).append(one.name)
    if len(said) == 1:
        return [f"each PABX: {text}" for text in said]
    return [f"{_named(names)}: {text}" for text, names in said.items()]


def notes(view: RunView) -> list[str]:
    """Return the lines for what is worth knowing and holds nothing back."""
    fresh = [one for one in view.pabx if one.uses_fresh_connections]
    return [f"{_prefix(view, one)}{FRESH}" for one in fresh] + _past_pauses(view)


def _prefix(view: RunView, one: PABXStatistics) -> str:
    return f"{one.name}: " if len(view.pabx) > 1 else ""


def _past_pauses(view: RunView) -> list[str]:
    """Return a line for each PABX that was paused a short time ago, and goes on."""
    lines = []
    for one in view.pabx:
        last = one.last_pause
        if one.pause is not None or last is None or last.over_for is None:
            continue
        if last.over_for <= RECENT_SECONDS:
            ago = f"over since {clock(last.over_for)}: {last.text}"
            many = f"{one.pauses:,} pauses so far, the last {ago}"
            text = many if one.pauses > 1 else f"one pause, {ago}"
            lines.append(_prefix(view, one) + text)
    return lines


def _named(names: Iterable[str]) -> str:
    first, *others = names
    few = ", ".join([first, *others[:2]])
    return f"{few} and {len(others) - 2} more" if len(others) > 2 else few  # noqa: PLR2004


def _waiting_for(calls: int) -> str:
    if not calls:
        return "no call is on the wire any more"
    return f"waiting for {_calls(calls)} on the wire"


def _calls(calls: int) -> str:
    return f"{calls:,} call" if calls == 1 else f"{calls:,} calls"


def _of_pabx(view: RunView, one: PABXStatistics) -> str:  # noqa: C901 - a table
    limit = view.limit_of(one)
    if one.pause is not None:
        return _paused(one.pause)
    if limit is Limit.SILENT:
        calls = one.in_flight - one.recording
        return f"no answer for {clock(one.silent_for)}: {_waiting_for(calls)}"
    if limit is Limit.LEDGER:
        return _ledger(one)
    if limit is Limit.PLACES:
        return _places(one)
    if limit is Limit.MAX_IN_PROGRESS:
        most = one.max_in_progress or 0
        begun = _calls(one.in_progress)
        return f"{begun} in progress, at most {most:,} may be (max_in_progress)"
    if limit is Limit.CAP:
        share = _share(view, one)
        return f"at {share or f'the cap of {_cap(one)}'}"
    if limit is Limit.LATENCY:
        return _latency(one, _share(view, one))
    if limit is Limit.LOST_SLOTS:
        return _lost_slots(one)
    if limit is Limit.DRAINING:
        return _waiting_for(one.in_flight)
    if view.waits_for_source:
        return "reading the next contacts"
    if view.processor >= BUSY:
        return "this machine: the processor is busy with this program"
    if one.attempts and not (one.in_flight or one.waiting):
        return "no call to start"
    return "starting calls"


def _paused(pause: PauseStatus) -> str:
    if pause.code == NO_CHANNEL:
        return f"the PABX {pause.text}"
    if pause.next_try_in is None:
        return f"paused until somebody resumes it: {pause.text}"
    when = clock(pause.next_try_in)
    if pause.code == "throttled":
        return f"waiting: {pause.text}; calls go on in {when}"
    text = f"paused: {pause.text}"
    if pause.last_try and pause.last_try not in pause.text:
        text += f"; last try {pause.last_try}"
    if pause.is_probing:
        return f"{text}; trying now, {_nth(pause.tries + 1)} try"
    return f"{text}; next try in {when}, {_nth(pause.tries + 1)} try"


def _nth(number: int) -> str:
    if number <= len(_TRIES):
        return _TRIES[number - 1]
    teen = number // 10 % 10 == 1
    ending = {1: "st", 2: "nd", 3: "rd"}.get(0 if teen else number % 10, "th")
    return f"{number}{ending}"


def _cap(one: PABXStatistics) -> str:
    return "none" if one.cap is None else _rate(one.cap)


def _rate(cap: RateLimit) -> str:
    per = f"{cap.per:g}"
    return f"{cap.calls:,}/s" if per == "1" else f"{cap.calls:,} in {per} s"


def _share(view: RunView, one: PABXStatistics) -> str:
    """Return the share that this process has of a cap; no text where it has all."""
    whole = view.whole_cap(one)
    if whole is None or one.cap is None:
        return ""
    return f"its share of the cap, {one.cap.calls:,} of {_rate(whole)}"


def _ledger(one: PABXStatistics) -> str:
    if one.in_flight and one.recording >= one.in_flight and one.silent_for > 1:
        since = clock(one.silent_for)
        return f"the ledger has recorded no call for {since}: slow disk or database"
    took = seconds_text(one.record_seconds)
    return f"the ledger takes {took} to record a call: slow disk or database"


def _places(one: PABXStatistics) -> str:
    if one.lack:
        return (
            f"this machine holds no more than {one.max_in_flight:,} calls: {one.lack}"
        )
    text = f"all {one.max_in_flight:,} places are taken (max_in_flight)"
    if not one.latency:
        return text
    allowed = per_second(one.max_in_flight / (one.latency + one.record_seconds))
    return f"{text}: answers in {seconds_text(one.latency)} allow {allowed}"


def _latency(one: PABXStatistics, share: str) -> str:
    answers = f"the PABX answers in {seconds_text(one.latency or 0.0)}"
    held = f"{share}," if share else f"a cap of {_cap(one)}"
    allows = f"{held} allows {per_second(one.allowed_rate or 0.0)}"
    within = None if one.cap is None else one.cap.counted_within
    if within is None:
        return f"{answers}: {allows} without counted_within"
    return f"{answers}, calls are counted_within {seconds_text(within)}: {allows}"


def _lost_slots(one: PABXStatistics) -> str:
    slots = 0 if one.cap is None else one.cap.calls
    allowed = per_second(one.allowed_rate or 0.0)
    return (
        f"{one.lost_slots:,} of {slots:,} rate slots are kept for calls that were "
        f"never answered: {allowed} till then"
    )
