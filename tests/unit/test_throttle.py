"""A pause that a throttle asks for belongs to the PABX, never to one call."""

import asyncio
import itertools
import math
import random
from typing import Any

import pytest
from helpers import (
    Attempt,
    ScriptedTransport,
    accepted,
    answered,
    make_call,
    make_pabx,
    per_second,
)
from hypothesis import given
from hypothesis import strategies as st
from virtual_time import virtual_time

from digitro_async import (
    Dispatcher,
    Outcome,
    PauseSettings,
    RetrySettings,
)
from digitro_async.dispatch._retry import throttle_pause
from digitro_async.protocol import Failure, Observation, classify_evidence
from digitro_async.protocol._classification import PABX_REASONS

ONCE = RetrySettings(max_attempts=1)

delays = st.floats(0, 1000)


def make_dispatcher(transport: Any, *, chance: float = 1.0, **settings: Any) -> Any:
    """Return a dispatcher over one PABX with those limits of retries."""
    retry = settings.pop("retry", ONCE)
    pabx = make_pabx(**settings)
    return Dispatcher(pabx, transport, retry=retry, chance=lambda: chance)


def always(seen: Observation) -> ScriptedTransport:
    """Return a transport whose attempts all see the same."""
    return ScriptedTransport(decide=lambda _: seen, latency=0.01)


class TestDecision:
    """How long a PABX that asked for fewer calls gets none."""

    @given(
        st.one_of(st.none(), st.floats(-10, 1e6)),
        st.integers(1, 5000),
        st.floats(0, 1),
        st.tuples(delays, delays, delays),
    )
    def test_within_its_limits(
        self,
        wish: float | None,
        run: int,
        chance: float,
        limits: tuple[float, float, float],
    ) -> None:
        """It is what was asked for, else a back-off with half of it certain."""
        base, longest, most = limits
        settings = RetrySettings(
            base_delay=base, max_delay=longest, max_retry_after=most
        )
        pause = throttle_pause(wish, run, settings, chance)
        ceiling = min(longest, base * 2.0 ** min(run - 1, 1000))

        if wish is not None and min(wish, most) > 0:
            assert pause == min(wish, most)
        else:
            assert ceiling / 2 <= pause <= ceiling
        assert math.isfinite(pause)

    def test_it_doubles(self) -> None:
        """Each throttle doubles the back-off, up to the longest."""
        settings = RetrySettings(base_delay=0.5, max_delay=20.0)
        pauses = [throttle_pause(None, run, settings, 1.0) for run in range(1, 9)]

        assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0]

    @pytest.mark.parametrize("wish", [0.0, -3.0, math.nan])
    def test_a_wish_for_nothing_is_none(self, wish: float) -> None:
        """A Retry-After of no time is backed off from as if there were none."""
        assert throttle_pause(wish, 3, RetrySettings(), 0.0) == 1.0


class TestPause:
    """Whatever becomes of the call, its PABX is held back."""

    @pytest.mark.parametrize("status", [429, 425])
    @pytest.mark.parametrize("retry", [ONCE, RetrySettings(quota=0)])
    def test_without_retries(self, status: int, retry: RetrySettings) -> None:
        """Where the call itself is not repeated, the PABX is held back all the same."""

        @virtual_time
        async def run() -> None:
            transport = always(answered(status))
            dispatcher = make_dispatcher(transport, retry=retry, rate=per_second(50))
            for number in range(8):
                result = await dispatcher.submit(make_call(number))
                assert result.outcome is Outcome.REFUSED
                assert dispatcher.statistics().pabx["one"].paused == "throttled"
            pauses = [b - a for a, b in itertools.pairwise(transport.times)]

            assert pauses == pytest.approx([0.5, 1, 2, 4, 8, 16, 20], abs=0.05)

        run()

    @virtual_time
    async def test_retry_after_of_a_call_that_is_not_repeated(self) -> None:
        """The next call waits as long as the PABX asked for."""
        transport = ScriptedTransport([answered(429, "30"), answered(429, "900")])
        dispatcher = make_dispatcher(transport)
        for number in range(3):
            await dispatcher.submit(make_call(number))

        assert transport.times == pytest.approx([0, 30, 330])

    @virtual_time
    async def test_an_acceptance_begins_anew(self) -> None:
        """After an accepted call the back-off is short again."""
        script = [answered(429)] * 4 + [accepted(1), answered(429)]
        transport = ScriptedTransport(script)
        dispatcher = make_dispatcher(transport)
        for number in range(7):
            await dispatcher.submit(make_call(number))

        assert transport.times == pytest.approx([0, 0.5, 1.5, 3.5, 7.5, 7.5, 8.0])

    @virtual_time
    async def test_a_hundred_at_once_count_once(self) -> None:
        """Throttles of calls that were on the wire together double nothing."""
        transport = ScriptedTransport([answered(429)] * 100, latency=0.2)
        dispatcher = make_dispatcher(transport, max_in_flight=100)
        calls = [dispatcher.submit(make_call(number)) for number in range(101)]
        await asyncio.gather(*calls)

        assert transport.times[99] == 0
        assert transport.times[100] == pytest.approx(0.7)

    @virtual_time
    async def test_resume_ends_it(self) -> None:
        """Who resumes the PABX ends its throttle and forgets its run."""
        transport = ScriptedTransport([answered(429)] * 9)
        dispatcher = make_dispatcher(transport, retry=RetrySettings(max_attempts=1))
        for number in range(5):
            await dispatcher.submit(make_call(number))
        dispatcher.resume()
        await dispatcher.submit(make_call(5))

        assert dispatcher.statistics().pabx["one"].resumes_in == pytest.approx(0.5)

    @virtual_time
    async def test_a_throttle_that_goes_on_costs_few_calls(self) -> None:
        """With an empty retry quota 50/s become one call for each back-off."""
        transport = always(answered(429))
        dispatcher = make_dispatcher(
            transport, retry=RetrySettings(), rate=per_second(50), chance=0.5
        )
        calls = (make_call(number) for number in range(100_000))
        async with dispatcher.stream(calls) as results:
            await asyncio.sleep(600)
            results.drain()

        # At most what is started before the first answer, 20 ms apart, each time.
        assert len(transport.attempts) < 3 * 60


@given(
    st.lists(st.sampled_from(["ok", "429", "429 2", "503"]), min_size=1, max_size=40),
    st.integers(1, 5),
    st.integers(0, 2**32),
)
def test_no_call_starts_while_its_pabx_is_held_back(
    kinds: list[str], at_once: int, seed: int
) -> None:
    """After a throttle nothing starts for its Retry-After, or half its back-off."""
    chance = random.Random(seed)

    def decide(attempt: Attempt) -> Observation | None:
        kind = kinds[attempt.number % len(kinds)]
        if kind == "ok":
            return None
        status, _, after = kind.partition(" ")
        return answered(int(status), after or None)

    @virtual_time
    async def run() -> None:
        transport = ScriptedTransport(decide=decide, latency=chance.random)
        dispatcher = Dispatcher(
            make_pabx(max_in_flight=at_once),
            transport,
            retry=ONCE,
            pause=PauseSettings(unknown_run=10**6, unknown_budget=10**6),
            chance=chance.random,
        )
        ended: list[tuple[float, float]] = []

        async def one(number: int) -> None:
            result = await dispatcher.submit(make_call(number), wait_while_paused=True)
            if result.outcome is Outcome.REFUSED:
                after = getattr(result.error, "retry_after", None)
                at = asyncio.get_running_loop().time()
                ended.append((at, 0.25 if after is None else after))

        await asyncio.gather(*(one(number) for number in range(60)))
        for at, pause in ended:
            assert not [t for t in transport.times if at < t < at + pause - 1e-6]

    run()


class TestAttempts:
    """Nobody's attempts are used up by what the PABX does."""

    def test_reasons(self) -> None:
        """A failure that leaves a call not placed is the PABX's, unless unforeseen."""
        for sending in (False, True):
            for status in (None, *range(100, 600)):
                for failure in (None, *Failure):
                    classification = classify_evidence(
                        Observation(sending, status, b"", failure)
                    )
                    if classification.outcome in (Outcome.NOT_SENT, Outcome.REFUSED):
                        foreseen = classification.reason != Failure.UNEXPECTED

                        assert (classification.reason in PABX_REASONS) is foreseen
