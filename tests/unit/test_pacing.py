import heapq
import itertools
import math
import random
from collections.abc import Iterator

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digitro_async.dispatch._pacing import CATCH_UP, Pacer
from digitro_async.settings import RateLimit

ROUNDING = 1e-9


@attrs.frozen
class Step:
    """The times of one call and of the timer before it."""

    latency: float
    sent: bool = True
    late: float = 0.0
    idle: float = 0.0


@attrs.frozen
class Sent:
    """One call that was started, and when it was answered."""

    start: float
    answer: float
    sent: bool


def run(limit: RateLimit, steps: list[Step], max_in_flight: int = 10**9) -> list[Sent]:
    """Start each call as soon as the pacer lets it, in virtual time.

    A call that was not sent gives its slot back when that is known; a timer may be
    late, the whole process may stall, and there may be nothing to send for a while.
    """
    pacer = Pacer(limit)
    now = 1000.0
    answers: list[tuple[float, bool]] = []
    done: list[Sent] = []

    def settle_until(moment: float) -> None:
        while answers and answers[0][0] <= moment:
            when, sent = heapq.heappop(answers)
            pacer.finish(when, sent=sent)

    for step in steps:
        now += step.idle
        settle_until(now)
        while True:
            when = pacer.earliest(now)
            if len(answers) >= max_in_flight:
                when = math.inf
            if when <= now:
                break
            now = min(when + step.late, answers[0][0] if answers else math.inf)
            assert now < math.inf, "nothing could ever start again"
            settle_until(now)
        pacer.start(now)
        heapq.heappush(answers, (now + step.latency, step.sent))
        done.append(Sent(now, now + step.latency, step.sent))
    return done


def most_in_a_window(limit: RateLimit, calls: list[Sent]) -> int:
    """Return the most calls that one window can hold at the PABX.

    The PABX receives each call at some moment between its start and its answer, and
    the worst choice of moments counts. A call can fall into the window that ends at T
    where it started before T and was answered less than a window before T; the count
    is highest just after a start.
    """
    received = [call for call in calls if call.sent]
    return max(
        (
            sum(
                other.start <= call.start < other.answer + limit.per
                for other in received
            )
            for call in received
        ),
        default=0,
    )


def gaps(calls: list[Sent]) -> Iterator[float]:
    """Yield the times between starts."""
    for one, other in itertools.pairwise(calls):
        yield other.start - one.start


limits = st.builds(
    RateLimit,
    calls=st.integers(1, 12),
    per=st.sampled_from([0.1, 1.0, 3.0, 60.0]),
)
steps = st.lists(
    st.builds(
        Step,
        latency=st.floats(0, 0.2) | st.floats(0, 200),
        sent=st.booleans() | st.just(value=True),
        late=st.just(0.0) | st.floats(0, 0.02) | st.floats(0, 100),
        idle=st.just(0.0) | st.floats(0, 0.5) | st.floats(0, 500),
    ),
    max_size=60,
)


@given(limit=limits, steps=steps, max_in_flight=st.integers(1, 20))
@example(limit=RateLimit(1), steps=[Step(0.0)] * 5, max_in_flight=20)
@example(limit=RateLimit(3), steps=[Step(5.0), *[Step(0.0)] * 9], max_in_flight=20)
@example(limit=RateLimit(2), steps=[Step(0.0, idle=99.0)] * 9, max_in_flight=20)
def test_no_window_holds_more_than_the_cap(
    limit: RateLimit, steps: list[Step], max_in_flight: int
) -> None:
    """Whatever the delays, no window at the PABX can hold more calls than the cap."""
    calls = run(limit, steps, max_in_flight)

    assert most_in_a_window(limit, calls) <= limit.calls


@given(limit=limits, steps=steps)
def test_starts_are_evenly_spaced(limit: RateLimit, steps: list[Step]) -> None:
    """Between any two starts lie as many spacings as calls, but for the catching up."""
    calls = run(limit, steps)
    spacing = limit.per / limit.calls
    for i, one in enumerate(calls):
        for j, other in enumerate(calls[i + 1 :], start=1):
            assert other.start - one.start >= j * spacing - CATCH_UP - ROUNDING


@given(limit=limits, latency=st.floats(0, 0.5), idle=st.floats(0, 1000))
def test_no_burst_after_idle_time(
    limit: RateLimit, latency: float, idle: float
) -> None:
    """Unused time is not saved up: after a rest the calls are spaced as ever."""
    rested = [Step(latency, idle=idle), *[Step(latency)] * 2 * limit.calls]
    calls = run(limit, [*[Step(latency)] * limit.calls, *rested])
    spacing = limit.per / limit.calls

    assert min(gaps(calls)) >= spacing - CATCH_UP - ROUNDING
    assert most_in_a_window(limit, calls) <= limit.calls


@pytest.mark.parametrize("calls", [1, 2, 5, 50, 200, 1000])
@pytest.mark.parametrize("window", [1.0, 60.0])
def test_most_of_the_cap_is_used(calls: int, window: float) -> None:
    """With answers within 1 % of a window, at least 97 % of the cap is used."""
    limit = RateLimit(calls, window)
    count = 3 * calls + 1
    started = run(limit, [Step(window / 100)] * count)
    lasted = started[-1].start - started[0].start

    assert (count - 1) / lasted >= 0.97 * calls / window


@pytest.mark.parametrize(
    ("calls", "latency"), [(10, 0.05), (50, 0.01), (200, 0.005), (999, 0.001)]
)
def test_calls_never_stand_still(calls: int, latency: float) -> None:
    """All gaps are about the same, as long as the slots bear, in every window."""
    started = run(RateLimit(calls), [Step(latency)] * 5 * calls)

    even = (1 + latency) / calls
    assert list(gaps(started)) == pytest.approx([even] * (5 * calls - 1), rel=0.06)


def test_slow_answers() -> None:
    """Before the first answer slots last for a window, as none can come back sooner."""
    started = run(RateLimit(10), [Step(2.0)] * 100)

    assert max(gaps(started)) < 1.2


@pytest.mark.parametrize("calls", [2, 10, 200])
@pytest.mark.parametrize("longest", [0.1, 1.0, 5.0])
def test_even_calls_cost_no_slot(calls: int, longest: float) -> None:
    """However uneven the answers, slots are not left unused for being even."""
    chance = random.Random(7)
    latencies = [chance.uniform(0, longest) for _ in range(40 * calls)]
    started = run(RateLimit(calls), [Step(latency) for latency in latencies])
    lasted = started[-1].start - started[0].start

    assert 40 * calls / lasted >= 0.97 * calls / (1 + longest / 2)


def test_the_free_slots_last_until_the_next_comes_back() -> None:
    """Two free slots and one that comes back in 6 s: a call every 2 s."""
    pacer = Pacer(RateLimit(4, 4.0))
    pacer.reserve([106.0, 107.0])
    pacer.start(100.0)

    assert pacer.earliest(100.0) == 103.0

    pacer.start(103.0)

    assert pacer.earliest(103.0) == 106.0


def test_waiting_for_a_slot_is_not_made_up_for() -> None:
    """A start that waited for its slot was not late: the next keeps its distance."""
    pacer = Pacer(RateLimit(2, 1.0))
    pacer.start(100.0)
    pacer.finish(100.4)
    pacer.start(100.7)
    pacer.finish(100.8)

    assert pacer.earliest(101.0) == pytest.approx(101.4)
    assert pacer.earliest(101.4) == pytest.approx(101.4)

    pacer.start(101.4)
    pacer.finish(101.4)

    assert pacer.earliest(101.8) == pytest.approx(101.9)


def test_a_late_timer_is_no_wait_for_a_slot() -> None:
    """Where slots were free lateness is made up for, though another came back."""
    pacer = Pacer(RateLimit(10))
    pacer.reserve([100.105])
    pacer.start(100.0)
    pacer.finish(100.0)

    assert pacer.earliest(100.108) == pytest.approx(100.1)

    pacer.start(100.108)

    assert pacer.earliest(100.108) == pytest.approx(100.2)


def test_the_first_call_is_not_late() -> None:
    """The second call comes a spacing after the first, not sooner."""
    pacer = Pacer(RateLimit(10))
    pacer.start(100.0)

    assert pacer.earliest(100.0) == pytest.approx(100.1)


def test_late_timers_are_made_up_for() -> None:
    """Timers that are up to 5 ms late cost next to nothing of the cap."""
    chance = random.Random(7)
    started = run(
        RateLimit(50), [Step(0.01, late=chance.uniform(0, 0.005)) for _ in range(1001)]
    )
    lasted = started[-1].start - started[0].start

    assert 1000 / lasted >= 0.97 * 50


def test_only_a_little_is_made_up_for() -> None:
    """However late a start is, the later ones gain a hundredth of a second at most."""
    pacer = Pacer(RateLimit(10))
    pacer.start(0.0)
    pacer.finish(0.0)
    pacer.start(1000.0)

    assert CATCH_UP == 0.01
    assert pacer.earliest(1000.0) == pytest.approx(1000.0 + 0.1 - CATCH_UP)


def test_first_calls_of_a_fast_limit() -> None:
    """Where spacing is below the catching up, no more start at once than it covers."""
    limit = RateLimit(1000)
    calls = run(limit, [Step(0.01)] * 100)
    at_once = sum(call.start == calls[0].start for call in calls)

    assert at_once <= 1 + CATCH_UP * limit.calls / limit.per + ROUNDING


def test_documented_spacing() -> None:
    """Fifty a second is one every 20 ms."""
    calls = run(RateLimit(50), [Step(0.0)] * 50)

    assert sorted(gaps(calls))[1:] == pytest.approx([0.02] * 48)
    assert calls[0].start == 1000.0


def test_slots_are_held_until_a_window_after_the_answer() -> None:
    """A slot comes back one window after the answer, to the moment."""
    pacer = Pacer(RateLimit(1, 8.0))
    pacer.start(100.0)

    assert pacer.earliest(107.0) == math.inf
    assert pacer.earliest(1000.0) == math.inf

    pacer.finish(1000.0)

    assert pacer.earliest(1000.0) == 1008.0
    assert pacer.earliest(1007.75) == 1008.0
    assert pacer.earliest(1008.0) <= 1008.0


def test_slots_of_what_was_not_sent_come_back_at_once() -> None:
    """A call that was not sent frees its slot at once, but not its turn."""
    pacer = Pacer(RateLimit(2, 8.0))
    pacer.start(100.0)
    pacer.start(104.0)

    assert pacer.earliest(104.0) == math.inf

    pacer.finish(104.0, sent=False)

    assert pacer.earliest(104.0) == pytest.approx(108.0, abs=2 * CATCH_UP)


def test_slots_come_back_in_the_order_of_the_answers() -> None:
    """The next start waits for the earliest slot that comes back."""
    pacer = Pacer(RateLimit(2, 8.0))
    pacer.start(100.0)
    pacer.start(104.0)
    pacer.finish(105.0)
    pacer.finish(107.0)

    assert pacer.earliest(112.0) == 113.0

    pacer.start(113.0)

    assert pacer.earliest(114.0) == pytest.approx(117.0, abs=2 * CATCH_UP)
    assert pacer.earliest(118.0) <= 118.0


@given(limit=limits, steps=steps, wait=st.floats(0, 100))
def test_asking_changes_nothing(
    limit: RateLimit, steps: list[Step], wait: float
) -> None:
    """Asking when a call may start is free, and asking later gets no earlier answer."""
    pacer = Pacer(limit)
    now = 0.0
    for step in steps:
        now += step.idle
        first = max(now, pacer.earliest(now))

        assert first == max(now, pacer.earliest(now))
        assert max(now + wait, pacer.earliest(now + wait)) >= first

        now = max(first, now + wait)
        pacer.start(now)
        pacer.finish(now, sent=step.sent)
