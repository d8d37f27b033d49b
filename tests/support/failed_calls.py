"""Calls that fail, for tests of what is said of them."""

from typing import Any

import pytest
from helpers import make_call, make_pabx
from ways import MakeSessions

from digitro_async import DigitroClient, RetrySettings, SessionManager
from digitro_async.errors import DigitroError

__all__ = ["failure_at"]

ONCE = RetrySettings(max_attempts=1)


async def failure_at(
    base_url: str, manager: MakeSessions = SessionManager, **settings: Any
) -> Any:
    """Make one call and return its error."""
    pabx = make_pabx(base_url=base_url, **settings)
    async with (
        manager() as sessions,
        DigitroClient(pabx, retry=ONCE, sessions=sessions) as client,
    ):
        with pytest.raises(DigitroError) as caught:
            await client.make_predictive_call(make_call())
    return caught.value
