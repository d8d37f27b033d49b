"""Admissions of one PABX, and turns that are taken and given back."""

import asyncio
from typing import Any

from helpers import make_pabx

from digitro_async import PauseSettings, RetrySettings
from digitro_async.dispatch._admission import Admission
from digitro_async.dispatch._breaker import BreakerState
from digitro_async.dispatch._ticket import Ticket
from digitro_async.errors import NotSentError, Outcome
from digitro_async.protocol import AttemptResult, Classification

ACCEPTED = AttemptResult(Classification(Outcome.ACCEPTED))
UNKNOWN = AttemptResult(Classification(Outcome.UNKNOWN))
UNSENT = AttemptResult(Classification(Outcome.NOT_SENT, NotSentError, "connect_failed"))


def make_admission(*, pause: PauseSettings | None = None, **settings: Any) -> Admission:
    """Return an admission of a PABX with those settings."""
    return Admission(make_pabx(**settings), RetrySettings(), pause or PauseSettings())


def start(admission: Admission) -> Ticket[Admission]:
    """Start a call whose turn is now."""
    ticket = admission.acquire_nowait(now())
    assert ticket is not None
    return ticket


def now() -> float:
    """Return the loop's time."""
    return asyncio.get_running_loop().time()


def open_breaker(admission: Admission) -> None:
    """Pause an admission by calls whose outcome is unknown."""
    for _ in range(10):
        ticket = start(admission)
        assert not ticket.is_probe
        ticket.release(UNKNOWN, now())

    assert admission.standing.breaker.state is BreakerState.OPEN


async def settled() -> None:
    """Let everything run that can."""
    for _ in range(5):
        await asyncio.sleep(0)
