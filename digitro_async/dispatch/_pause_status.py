"""PURE: why a PABX is paused, and what happens next, for people and programs."""

from collections.abc import Sequence

import attrs

from digitro_async._common.reason_words import UNSENT
from digitro_async.dispatch._breaker import ORDERED, Breaker, BreakerState, PauseCause
from digitro_async.dispatch._channel import NO_CHANNEL, Channel
from digitro_async.protocol import MAX_RETRY_AFTER

__all__ = [
    "THROTTLED",
    "PauseStatus",
    "past_pause",
    "pause_status",
    "throttle_status",
]

THROTTLED = "throttled"
"""Code of the rest that a PABX asked for."""

_BY_HAND = {
    "operator": "paused by hand",
    ORDERED: "paused by the operator",
    "configuration": "it can't be used as it is configured",
}
_SEVERAL = {
    "unknown_run": "are unknown",
    "unknown_budget": "are unknown",
    "not_sent_run": "could not be sent",
    "rejected_run": "were rejected",
}


@attrs.frozen(kw_only=True)
class PauseStatus:
    """Why a PABX takes no calls, and when it is tried again.

    Attributes:
        code: The reason, as a code: the same as ``PABXStatistics.paused``.
        text: The reason in words, such as ``11 of the last 220 calls answered 500``.
        address: Host and port of the PABX.
        tries: Probes that failed since the pause began; 0 before the first one.
        last_try: How the last of them failed, in words; empty before the first one.
        is_probing: Whether a probe is on the wire.
        next_try_in: Seconds until the next probe, or until calls go on after a
            throttle; while a probe is on the wire until the one after it. None where
            it waits for ``resume`` or a channel id.
        seconds: Seconds since the pause began, None where that is not known.
        over_for: Seconds since a good probe ended it, None while it lasts.
    """

    code: str
    text: str
    address: str
    tries: int = 0
    last_try: str = ""
    is_probing: bool = False
    next_try_in: float | None = None
    seconds: float | None = None
    over_for: float | None = None


def pause_status(
    breaker: Breaker, channel: Channel, address: str, left: float | None, now: float
) -> PauseStatus | None:
    """Return the status of the pause of one PABX, None where it has none.

    Args:
        breaker: Its breaker.
        channel: Its channel.
        address: Its host and port.
        left: Seconds until it tries again by itself, None where it won't.
        now: The time.
    """
    # In this order: it may be resumed while another thread asks.
    state, cause, code = breaker.state, breaker.cause, breaker.reason
    if state is BreakerState.CLOSED or not code:
        if channel.id is not None:
            return None
        return PauseStatus(code=NO_CHANNEL, text=channel.need, address=address)
    return PauseStatus(
        code=code,
        text=breaker.told or _text_of(code, cause, address),
        address=address,
        tries=breaker.tries,
        last_try=breaker.last_problem.removeprefix(UNSENT),
        is_probing=state is BreakerState.PROBING,
        next_try_in=left,
        seconds=None if cause is None else now - cause.since,
    )


def past_pause(breaker: Breaker, address: str, now: float) -> PauseStatus | None:
    """Return the status of the last pause that came of answers, None without one.

    Args:
        breaker: The breaker of the PABX.
        address: Its host and port.
        now: The time.
    """
    if breaker.past is None:
        return None
    code, cause = breaker.past
    ended = breaker.ended
    return PauseStatus(
        code=code,
        text=_text_of(code, cause, address),
        address=address,
        seconds=now - cause.since,
        over_for=None if ended is None else now - ended,
    )


def throttle_status(
    address: str, left: float, tries: int, asked: float | None
) -> PauseStatus:
    """Return the status of the rest that a PABX asked for.

    Args:
        address: Its host and port.
        left: Seconds until the rest is over.
        tries: Times it asked since it accepted a call.
        asked: Seconds of its last Retry-After, None where it gave none.
    """
    # A server that repeats its request may write a phone number into the header.
    shown = None if asked is None else min(asked, MAX_RETRY_AFTER)
    header = "" if shown is None else f", Retry-After {shown:.0f} s"
    return PauseStatus(
        code=THROTTLED,
        text=f"the PABX asked for fewer calls (429{header})",
        address=address,
        tries=max(0, tries - 1),
        next_try_in=left,
    )


def _text_of(code: str, cause: PauseCause | None, address: str) -> str:
    if cause is None:
        return _BY_HAND.get(code, f"paused by hand ({code})")
    what = _what_failed(code, cause.problems)
    if code == "not_sent_run":
        if what.startswith(UNSENT):
            return f"{what.removeprefix(UNSENT)} at {address}"
        return f"{cause.failed:,} attempts in a row {what} ({address})"
    if cause.failed == 1 == cause.of:
        return f"a call {what}"
    if cause.failed == cause.of:
        return f"{cause.failed:,} calls in a row {what}"
    return f"{cause.failed:,} of the last {cause.of:,} calls {what}"


def _what_failed(code: str, problems: Sequence[tuple[str, int]]) -> str:
    if len(problems) == 1:
        return problems[0][0]
    each = ", ".join(
        f"{count:,} {problem.removeprefix(UNSENT)}" for problem, count in problems
    )
    return f"{_SEVERAL.get(code, 'failed')} ({each})"
