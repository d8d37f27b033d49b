"""Frozen settings, checked when they are made. All times are in seconds."""

import enum
from pathlib import Path
from typing import Any

import attrs

from digitro_async._common.validators import (
    at_least,
    positive,
    positive_seconds,
    quiet_init,
    yes_or_no,
)
from digitro_async.errors import ConfigurationError

__all__ = [
    "CallEndSettings",
    "PauseSettings",
    "PoolSettings",
    "RateLimit",
    "RetrySettings",
    "TLSSettings",
    "TimeoutSettings",
    "UnsetFields",
]


class UnsetFields(enum.StrEnum):
    """The ways to write a field that is None.

    The vendor says that CONTA and SENHA may be null
    (docs-pabx.digitro.com/api-10271002) and says nothing about other fields. To write
    null for all of them is this library's GUESS; ``OMIT`` leaves them out instead.
    """

    NULL = "null"
    OMIT = "omit"


@quiet_init
@attrs.frozen
class RateLimit:
    """A cap: at most ``calls`` in any window of ``per`` seconds, at the PABX.

    Calls start at even distances: 50 a second are one every 20 ms, never 50 at once.

    Args:
        calls: Most calls in a window.
        per: Length of the window in seconds.
        counted_within: Seconds after which the PABX is known to have counted a call
            that was sent, the way through the network included. With None nothing is
            known: a call may be counted until its answer, and keeps its place in the
            cap until ``per`` seconds after that. With a number it keeps its place until
            ``per`` seconds after its answer or after this time, whichever comes first.
            The cap then holds as far as the number is true.

    Raises:
        ConfigurationError: If a number is not above zero.
    """

    calls: int = attrs.field(validator=positive)
    per: float = attrs.field(default=1.0, validator=positive_seconds)
    counted_within: float | None = attrs.field(
        default=None,
        validator=attrs.validators.optional(positive_seconds),
        kw_only=True,
    )

    def seconds_held(self, latency: float) -> float:
        """Return the seconds that a call of that latency keeps its place in the cap.

        Args:
            latency: Seconds from its sending to its answer.
        """
        if self.counted_within is None:
            return self.per + latency
        return self.per + min(latency, self.counted_within)


def _maybe_seconds(owner: object, field: Any, value: Any) -> None:
    if value is not None:
        positive_seconds(owner, field, value)


@quiet_init
@attrs.frozen(kw_only=True)
class CallEndSettings:
    """The rules for telling from events what became of calls; times in seconds.

    Nothing is known of the order and the speed of the PABX's events, nor whether it
    rewrites numbers: all of these are this library's GUESSES.

    Args:
        grace: Seconds after the event of a call's end in which events that come late,
            out of order, still say what became of it. Its place for
            ``max_in_progress`` is free at once.
        gap_timeout: Seconds after a gap in the events for which calls that were in
            progress count for ``max_in_progress``: their ends may be lost. None counts
            them until their ``end_timeout``, as the cap may else be exceeded.
        match_window: Seconds from the start of a call whose answer was lost, in which
            the only new call to its number counts as that call. None never goes by the
            number: use it where others call the same numbers over the same PABX.
        destination_digits: How many of the last digits of numbers are compared, for a
            PABX that rewrites numbers; None compares numbers exactly.

    Raises:
        ConfigurationError: If a number is out of range.
    """

    grace: float = attrs.field(default=1.0, validator=at_least(0))
    gap_timeout: float | None = attrs.field(
        default=None, validator=attrs.validators.optional(at_least(0))
    )
    match_window: float | None = attrs.field(default=10.0, validator=_maybe_seconds)
    destination_digits: int | None = attrs.field(
        default=None, validator=attrs.validators.optional(positive)
    )


@quiet_init
@attrs.frozen(kw_only=True)
class PoolSettings:
    """The rules for keeping connections to one PABX host.

    Args:
        reuse: Whether calls share kept-alive connections. False opens a new connection
            for every call: slower, but no call can get an earlier call's answer.
        idle_seconds: Seconds that an idle connection is kept. Stay below the PABX's
            own limit, which the vendor does not publish.
        max_connections: Most connections to the host; with None only
            ``max_in_flight`` bounds them.
        rest: Seconds that a connection rests before it is used again, as long as there
            are others. An answer that nobody asked for arrives during the rest, and is
            not taken for the answer to the next call. Rests take about rate x ``rest``
            more connections; without a cap, one more for each call on the wire. None
            means 0.1 s for a PABX with a cap, and no rest for a PABX without one.

    Raises:
        ConfigurationError: If a number is out of range.
    """

    reuse: bool = attrs.field(default=True, validator=yes_or_no)
    idle_seconds: float = attrs.field(default=10.0, validator=positive_seconds)
    max_connections: int | None = attrs.field(
        default=None, validator=attrs.validators.optional(positive)
    )
    rest: float | None = attrs.field(
        default=None, validator=attrs.validators.optional(at_least(0))
    )


@quiet_init
@attrs.frozen(kw_only=True)
class TimeoutSettings:
    """Limits of one attempt, in seconds; waiting for a rate slot is not counted.

    Args:
        total: The whole attempt, from asking for a connection to the end of the answer.
        connect: Getting a connection, the wait for a pooled one included.
        sock_connect: Opening one TCP connection.
        sock_read: Longest silence while the answer is awaited or read.

    Raises:
        ConfigurationError: If a limit is not above zero.
    """

    total: float = attrs.field(default=30.0, validator=positive_seconds)
    connect: float = attrs.field(default=10.0, validator=positive_seconds)
    sock_connect: float = attrs.field(default=5.0, validator=positive_seconds)
    sock_read: float = attrs.field(default=30.0, validator=positive_seconds)


def _fingerprint(value: str | bytes | None) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        return b""  # refused below, as is text that is not hex
    try:
        return bytes.fromhex(value.replace(":", ""))
    except ValueError:
        return b""


@quiet_init
@attrs.frozen(kw_only=True)
class TLSSettings:
    """The certificate or the authority to trust over https, which is always verified.

    Give only one of the two: a certificate with the fingerprint is accepted whoever
    signed it, so an authority beside the fingerprint would check nothing.

    Args:
        ca_file: PEM file with the certificate authority to trust instead of the
            system's, for a PABX whose certificate a private authority signed.
        fingerprint: SHA-256 of the PABX's own certificate, as bytes or hex (with or
            without colons).

    Raises:
        ConfigurationError: If the fingerprint is not 32 bytes long, or both are given.
    """

    ca_file: Path | None = attrs.field(
        default=None, converter=attrs.converters.optional(Path)
    )
    fingerprint: bytes | None = attrs.field(default=None, converter=_fingerprint)

    @fingerprint.validator
    def _check(self, _: object, value: bytes | None) -> None:
        if value is not None and len(value) != 32:  # noqa: PLR2004 - SHA-256
            raise ConfigurationError("fingerprint must be a SHA-256: 64 hex digits")
        if value is not None and self.ca_file is not None:
            raise ConfigurationError("fingerprint goes without ca_file: give only one")


@quiet_init
@attrs.frozen(kw_only=True)
class RetrySettings:
    """The rules for sending a call again that provably was not placed.

    Only a call that was not sent or got a throttle (429) is ever sent again. The quota
    follows the standard mode of the AWS SDKs: a retry takes from the quota, an accepted
    call gives a little back, so retries soon end at a PABX that is down.

    A throttle also makes all other calls to its PABX wait, whatever is left of attempts
    and quota: for its Retry-After or, without one, for a back-off that doubles with
    each throttle until a call is accepted. The delays here limit this wait, too.

    Args:
        max_attempts: Attempts for one call, the first included.
        base_delay: Longest first back-off in seconds. This limit doubles with each
            attempt, and a back-off is drawn evenly between zero and the limit (full
            jitter). The wait after a throttle is at least half of the limit.
        max_delay: Longest back-off in seconds.
        max_retry_after: Longest Retry-After that is kept to, in seconds; a longer one
            counts as this number.
        quota: Size of the retry quota of one PABX.
        cost: Part of the quota that one retry takes.

    Raises:
        ConfigurationError: If a number is out of range.
    """

    max_attempts: int = attrs.field(default=3, validator=positive)
    base_delay: float = attrs.field(default=0.5, validator=at_least(0))
    max_delay: float = attrs.field(default=20.0, validator=at_least(0))
    max_retry_after: float = attrs.field(default=300.0, validator=at_least(0))
    quota: int = attrs.field(default=500, validator=at_least(0))
    cost: int = attrs.field(default=5, validator=positive)


@quiet_init
@attrs.frozen(kw_only=True)
class PauseSettings:
    """The rules for pausing a PABX because of its answers.

    A pause after unknown or unsent calls ends by itself: after ``first_pause``
    seconds one call is let through as a probe, and each probe that fails or is
    cancelled doubles the pause. A call that its caller cuts off while it is on the
    wire (``asyncio.timeout``) counts as unknown. A pause after 401, 403, 404, a
    redirect or many rejections in a row lasts until somebody calls ``resume``: the
    set-up is wrong, and further calls would use up the list for nothing. A throttle
    (429) is no pause, see ``RetrySettings``.

    Args:
        unknown_run: Number of unknown outcomes in a row that pauses the PABX.
        unknown_budget: Most unknown outcomes among the last ``unknown_window`` calls.
        unknown_window: Number of last calls to which ``unknown_budget`` applies.
        unknown_share: Share of unknown outcomes, from 0 to 1, up to which the pause
            for ``unknown_budget`` is brief: three calls' time for each of them.
        not_sent_run: Number of calls in a row, none of them sent, that pauses the PABX.
        rejected_run: Number of rejections in a row that pauses the PABX.
        first_pause: Seconds of the first pause.
        max_pause: Seconds of the longest pause.
        wait_for_resume: Whether ``dispatch`` waits for ``resume`` when every PABX
            is paused until then, instead of ending with ``PABXPausedError``.

    Raises:
        ConfigurationError: If a number is out of range.
    """

    unknown_run: int = attrs.field(default=10, validator=positive)
    unknown_budget: int = attrs.field(default=10, validator=at_least(0))
    unknown_window: int = attrs.field(default=1000, validator=positive)
    unknown_share: float = attrs.field(default=0.125, validator=at_least(0))
    not_sent_run: int = attrs.field(default=5, validator=positive)
    rejected_run: int = attrs.field(default=20, validator=positive)
    first_pause: float = attrs.field(default=5.0, validator=positive_seconds)
    max_pause: float = attrs.field(default=60.0, validator=positive_seconds)
    wait_for_resume: bool = attrs.field(default=False, validator=yes_or_no)
