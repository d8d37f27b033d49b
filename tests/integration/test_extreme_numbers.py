"""Numbers however large or small, each with a call on a real clock."""

import asyncio
from typing import Any

import pytest
from helpers import make_call, quiet_loop
from ways import WAYS, MakeSessions

from digitro_async import (
    PABX,
    ConfigurationError,
    DigitroClient,
    Outcome,
    PauseSettings,
    PoolSettings,
    RateLimit,
    RetrySettings,
    TimeoutSettings,
)
from digitro_async.testing import FakePABX

LARGE: list[Any] = [
    *(10**10, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 10**30, 10**400),
    *(1e9, 3e6, 1e10, 1e18, 1e300, 1.7e308, 5e-324, 1e-300, 1e-9),
]
NUMBERS: list[tuple[str, str]] = [
    *(("rate", name) for name in ("calls", "per")),
    *(("pool", name) for name in ("idle_seconds", "max_connections")),
    *(("timeouts", name) for name in ("total", "connect", "sock_connect", "sock_read")),
    *(
        ("retry", name)
        for name in ("max_attempts", "base_delay", "max_delay", "max_retry_after")
    ),
    *(("retry", name) for name in ("quota", "cost")),
    *(
        ("pause", name)
        for name in ("unknown_run", "unknown_budget", "unknown_window", "not_sent_run")
    ),
    *(("pause", name) for name in ("rejected_run", "first_pause", "max_pause")),
    *(("pabx", name) for name in ("max_in_flight", "channel_id")),
]
KINDS: dict[str, Any] = {
    "rate": lambda **given: RateLimit(**{"calls": 50, **given}),
    "pool": PoolSettings,
    "timeouts": TimeoutSettings,
    "retry": RetrySettings,
    "pause": PauseSettings,
}
TINY = 1e-6
"""No call is done in so short a time: it ends as a time-out."""


def with_number(group: str, name: str, value: Any, base_url: str) -> dict[str, Any]:
    """Return what a client is made of, with one number given."""
    made = {} if group == "pabx" else {group: KINDS[group](**{name: value})}
    own = {name: value} if group == "pabx" else {}
    channel = own.pop("channel_id", 1)
    client: dict[str, Any] = {
        key: made.pop(key) for key in ("retry", "pause") if key in made
    }
    pabx = PABX("one", base_url, channel, "demo-key", **made, **own)
    return {"pabx": pabx, **client}


@pytest.mark.parametrize(("group", "name"), NUMBERS)
@pytest.mark.parametrize("manager", WAYS.values())
async def test_a_number_works_or_is_refused(
    group: str, name: str, manager: MakeSessions
) -> None:
    """Every number, however large or small, is refused as such or makes a call."""
    async with quiet_loop(), FakePABX() as pabx:
        for value in LARGE:
            try:
                made = with_number(group, name, value, pabx.base_url)
            except ConfigurationError as error:
                assert str(error).startswith(name)  # noqa: PT017 - most are made
                continue
            if value < TINY and group in ("timeouts", "rate"):
                continue
            async with (
                manager() as sessions,
                DigitroClient(sessions=sessions, **made) as client,
            ):
                dispatcher = client.dispatcher
                dispatcher.reserve_slots("one", [0.0])
                results = client.dispatch([make_call(1)])
                async with asyncio.timeout(60), results:
                    [result] = [one async for one in results]
            if name == "channel_id":  # the simulator knows one
                assert result.error is not None
                assert result.error.status == 404
            else:
                assert result.outcome is Outcome.ACCEPTED, value
