"""A request is not written any more once the lease of its slot is over."""

import pytest
from helpers import make_call
from ways import WAYS

from digitro_async import DigitroClient, NotSentError, RateLimit, RetrySettings
from digitro_async.dispatch import CapKey
from digitro_async.testing import FakePABX

LONG = 1e6


class Clock:
    """A clock that is set by hand.

    Attributes:
        now: The time.
    """

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.mark.parametrize("way", WAYS)
async def test_the_last_look_before_a_request_is_written(way: str) -> None:
    """A call whose lease ended after its turn came is not sent, by whatever way."""
    clock = Clock()
    async with (
        FakePABX(rate=RateLimit(10)) as pabx,
        WAYS[way]() as sessions,
        DigitroClient(
            pabx.settings(), sessions=sessions, retry=RetrySettings(max_attempts=1)
        ) as client,
    ):
        sharing = client.dispatcher.share(clock)
        (report,) = sharing.caps()
        slots = {report.key: 2}
        shares = {report.key: {"": 2}}
        sharing.obey(slots, {}, shares=shares, asked_at=clock.now, lease=LONG)
        await client.make_predictive_call(make_call())
        clock.now += LONG
        with pytest.raises(NotSentError) as caught:
            await client.make_predictive_call(make_call())

        assert caught.value.outcome == "not_sent"
        assert pabx.posts == 1
        sharing.caps()
        (report,) = sharing.caps()
        assert (report.holds, report.used) == (2, 1)  # its slot was given back

        sharing.obey(slots, {}, shares=shares, asked_at=clock.now, lease=LONG)
        await client.make_predictive_call(make_call())
        assert pabx.posts == 2


async def test_a_call_held_back_says_nothing_of_the_pabx() -> None:
    """Calls that are held back by the end of a lease pause no PABX."""
    clock = Clock()
    async with FakePABX() as pabx, DigitroClient(pabx.settings(rate=None)) as client:
        sharing = client.dispatcher.share(clock)
        sharing.obey({}, {}, shares={}, asked_at=clock.now, lease=LONG)
        clock.now += LONG
        for _ in range(20):
            result = await client.dispatcher.submit(make_call(), deadline=0.5)
            assert result.error is not None
            assert result.error.reason == "lease_ended"

        assert client.statistics().pabx["simulator"].paused == ""
        assert pabx.posts == 0


async def test_nothing_starts_before_the_database_says_so() -> None:
    """A client whose caps are shared waits for slots, and again once it has left."""
    async with (
        FakePABX(rate=RateLimit(10)) as pabx,
        DigitroClient(pabx.settings()) as client,
    ):
        sharing = client.dispatcher.share()
        result = await client.dispatcher.submit(make_call(), max_wait=0.01)
        assert result.error is not None
        assert result.error.reason == "rate_wait_timeout"

        key = CapKey(f"{pabx.host}:{pabx.port}", 1.0)
        now = sharing.caps()
        assert [one.key for one in now] == [key]
        assert (now[0].most, now[0].holds) == (10, 0)
        assert sharing.leave() == {key: []}
        assert pabx.posts == 0
