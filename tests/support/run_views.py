"""Made-up runs, as a screen shows them."""

from typing import Any

from digitro_async import Outcome, PABXStatistics, PauseStatus, RateLimit
from digitro_async.cli._run_view import RunPhase, RunView

__all__ = ["make_one", "make_view", "refused"]

ADDRESS = "10.20.0.5:8089"


def make_one(name: str = "matriz", **given: Any) -> PABXStatistics:
    """Return the statistics of a PABX that is at its cap of 50 calls a second."""
    usual: dict[str, Any] = {
        "in_flight": 1,
        "waiting": 99,
        "attempts": 1678,
        "outcomes": dict.fromkeys(Outcome, 0),
        "rate": 49.0,
        "paused": "",
        "resumes_in": None,
        "alarms": 0,
        "address": ADDRESS,
        "average_rate": 48.9,
        "latency": 0.02,
        "max_in_flight": 100,
        "cap": RateLimit(50),
    }
    return PABXStatistics(name=name, **{**usual, **given})


def make_view(*pabx: PABXStatistics, **given: Any) -> RunView:
    """Return a run of 19,701 contacts."""
    usual: dict[str, Any] = {
        "phase": RunPhase.DIALLING,
        "done": 1678,
        "total": 19701,
        "outcomes": {Outcome.ACCEPTED: 1664, Outcome.UNKNOWN: 14},
        "rejected_rows": 3,
        "pabx": pabx or (make_one(),),
        "time_left": 369.0,
    }
    return RunView(**{**usual, **given})


def refused(**given: Any) -> PauseStatus:
    """Return the pause of a PABX that refuses connections."""
    usual: dict[str, Any] = {
        "code": "not_sent_run",
        "text": f"connection refused at {ADDRESS}",
        "address": ADDRESS,
        "tries": 2,
        "last_try": "connection refused",
        "next_try_in": 20.0,
        "seconds": 15.0,
    }
    return PauseStatus(**{**usual, **given})
