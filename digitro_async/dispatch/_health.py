"""PURE: whether a client can make calls now, in a form for monitors."""

import enum
from collections.abc import Mapping, Sequence

import attrs

from digitro_async.dispatch._pause_status import THROTTLED
from digitro_async.dispatch._statistics import PABXStatistics, Statistics

__all__ = ["Health", "HealthStatus", "PABXHealth", "health_of"]


class HealthStatus(enum.StrEnum):
    """Whether calls can be made."""

    OK = "ok"
    """Every PABX takes calls."""
    DEGRADED = "degraded"
    """Some calls can be made, and something needs a look: see the reasons."""
    PAUSED = "paused"
    """No call starts now."""


@attrs.frozen(kw_only=True)
class PABXHealth:
    """The health of one PABX.

    Attributes:
        status: Whether it takes calls; a throttled one is ``degraded``.
        reason: Why it takes none, as a code; empty where it does.
        text: The same in words.
        address: Its host and port, with the path prefix where it has one.
        retry_after: Seconds until it is tried again by itself; None where it takes
            calls, or waits for ``resume`` or a channel id.
        in_flight: Calls on the wire.
        waiting: Calls that wait for their turn.
    """

    status: HealthStatus
    reason: str
    text: str
    address: str
    retry_after: float | None
    in_flight: int
    waiting: int


@attrs.frozen(kw_only=True)
class Health:
    """The health of a client at one moment.

    ``attrs.asdict`` makes a dictionary of it that ``json`` can write.

    Attributes:
        status: Whether calls can be made.
        reasons: Why the status is not ``ok``, in words; empty where it is.
        in_flight: Calls on the wire, over all PABX.
        ledger: Why the ledger of the last campaign can't be written, as a code; empty
            where it can, or where there is none.
        pabx: The health of each PABX, by name.
    """

    status: HealthStatus
    reasons: tuple[str, ...]
    in_flight: int
    ledger: str
    pabx: Mapping[str, PABXHealth]


def health_of(statistics: Statistics, *, ledger: str = "") -> Health:
    """Return the health of a client.

    Args:
        statistics: Its statistics.
        ledger: Why a ledger can't be written, as a code; empty where it can.
    """
    each = {name: _health_of_one(one) for name, one in statistics.pabx.items()}
    reasons = [f"PABX {name}: {one.text}" for name, one in each.items() if one.text]
    if ledger:
        reasons.append(f"the ledger of the last campaign can't be written ({ledger})")
    return Health(
        status=_overall([one.status for one in each.values()], well=not reasons),
        reasons=tuple(reasons),
        in_flight=statistics.in_flight,
        ledger=ledger,
        pabx=each,
    )


def _health_of_one(one: PABXStatistics) -> PABXHealth:
    pause, status = one.pause, HealthStatus.OK
    reason, text = "", ""
    if one.is_draining:
        status, reason, text = HealthStatus.PAUSED, "drained", "the client is closing"
    elif pause is not None:
        throttled = pause.code == THROTTLED
        status = HealthStatus.DEGRADED if throttled else HealthStatus.PAUSED
        reason, text = pause.code, pause.text
    return PABXHealth(
        status=status,
        reason=reason,
        text=text,
        address=one.address,
        retry_after=None if pause is None else pause.next_try_in,
        in_flight=one.in_flight,
        waiting=one.waiting,
    )


def _overall(statuses: Sequence[HealthStatus], *, well: bool) -> HealthStatus:
    if all(status is HealthStatus.PAUSED for status in statuses):
        return HealthStatus.PAUSED
    return HealthStatus.OK if well else HealthStatus.DEGRADED
