"""Steps and ends of calls are summed up as a plain count of them would be."""

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitro_async import Disposition
from digitro_async.ledger import EndRecord, Step, StepRecord
from digitro_async.reports import AttemptOutcome
from digitro_async.reports._campaign_tally import CampaignTally
from digitro_async.reports._end_tally import EndTally
from digitro_async.reports._latencies import LATENCY_BOUNDS, Latencies

NOW = 1_800_000_000.0
ENDS = {
    Step.ACCEPT: AttemptOutcome.ACCEPTED,
    Step.REJECT: AttemptOutcome.REJECTED,
    Step.MARK_UNKNOWN: AttemptOutcome.UNKNOWN,
    Step.NOT_PLACED: AttemptOutcome.NOT_PLACED,
}


def steps(*told: tuple[int, Step, float, str | None]) -> list[StepRecord]:
    """Return steps of one PABX: contact, step, seconds, reason."""
    return [
        StepRecord(place, contact, step, NOW + at, "one", reason)
        for place, (contact, step, at, reason) in enumerate(told, 1)
    ]


def tally_of(told: Sequence[StepRecord]) -> CampaignTally:
    """Sum steps up."""
    tally = CampaignTally()
    tally.take(told)
    return tally


attempts = st.lists(
    st.tuples(
        st.integers(1, 30),
        st.integers(0, 20_000),
        st.sampled_from([*ENDS, None]),
        st.sampled_from(["one", "two"]),
    ),
    max_size=60,
)


def steps_of(
    made: Sequence[tuple[int, int, Step | None, str]],
) -> list[StepRecord]:
    """Return the steps of attempts that follow each other."""
    told: list[tuple[int, Step, float, str, str | None]] = []
    for contact, at, step, pabx in sorted(made, key=lambda one: one[1]):
        told.append((contact, Step.INTEND, at, pabx, None))
        if step is not None:
            reason = None if step is Step.ACCEPT else "timeout"
            told.append((contact, step, at + 0.25, pabx, reason))
    return [
        StepRecord(place, contact, step, NOW + at, pabx, reason)
        for place, (contact, step, at, pabx, reason) in enumerate(told, 1)
    ]


@given(attempts)
def test_attempts_are_counted(
    made: list[tuple[int, int, Step | None, str]],
) -> None:
    """Every attempt that has an outcome counts once, by PABX, outcome and reason."""
    tally = tally_of(steps_of(made))
    wanted = Counter(
        (pabx, ENDS[step]) for _, _, step, pabx in made if step is not None
    )

    assert tally.by_pabx == wanted
    assert tally.by_reason == {
        (*key, "timeout"): count
        for key, count in wanted.items()
        if key[1] is not AttemptOutcome.ACCEPTED
    }
    per_contact = Counter(contact for contact, *_ in made)
    assert tally.attempts_made() == Counter(per_contact.values())


@given(attempts, st.integers(0, 120))
def test_several_goes(made: list[tuple[int, int, Step | None, str]], cut: int) -> None:
    """Steps that are given in two goes come to what they do in one."""
    told = steps_of(made)
    at_once, in_two = tally_of(told), tally_of(told[:cut])
    in_two.peak()
    in_two.take(told[cut:])

    for name in ("by_pabx", "by_reason", "standstills", "last", "last_at"):
        assert getattr(in_two, name) == getattr(at_once, name)
    assert in_two.open_attempts == at_once.open_attempts
    assert in_two.peak() == at_once.peak()
    assert in_two.begun.span == at_once.begun.span


@given(attempts)
def test_the_busiest_second(made: list[tuple[int, int, Step | None, str]]) -> None:
    """The busiest second of a PABX, and of all, has the most attempts that began."""
    tally = tally_of(steps_of(made))
    together = Counter(at for _, at, *_ in made)
    of_one = Counter(at for _, at, _, pabx in made if pabx == "one")

    for counts, pabx in ((together, None), (of_one, "one")):
        peak = tally.peak(pabx)
        most = max(counts.values(), default=0)
        assert (peak[0] if peak else 0) == most
        if peak is not None:
            assert counts[peak[1] - int(NOW)] == most


def test_a_peak_among_very_many_seconds() -> None:
    """The busiest second is known long after it, when its own count is forgotten."""
    told = [(i, Step.INTEND, float(i), None) for i in range(1, 5000)]
    told[100:100] = [(9000 + i, Step.INTEND, 100.5, None) for i in range(7)]
    peak = tally_of(steps(*told)).peak()

    assert peak == (8, int(NOW) + 100)


def test_a_time_without_attempts() -> None:
    """A time without attempts is told with the reason of the last attempt before."""
    tally = tally_of(
        steps(
            (1, Step.INTEND, 0, None),
            (1, Step.ACCEPT, 1, None),
            (2, Step.INTEND, 59, None),
            (2, Step.NOT_PLACED, 60, "throttled"),
            (3, Step.INTEND, 659, None),
            (3, Step.ACCEPT, 660, None),
            (4, Step.INTEND, 900, None),
        )
    )

    assert [(one.seconds, one.reason) for one in tally.standstills] == [
        (600, "throttled"),
        (241, ""),
    ]
    assert tally.standstills[0].began_at == NOW + 59


def test_a_process_that_ended() -> None:
    """An intent whose owner is gone counts as unknown, and a later change apart."""
    tally = tally_of(
        steps(
            (1, Step.INTEND, 0, None),
            (1, Step.RECOVER, 500, None),
            (1, Step.RECONCILE_ACCEPTED, 900, None),
            (2, Step.SKIP, 901, "Maria asked for it"),
        )
    )

    assert tally.by_pabx == {("one", AttemptOutcome.UNKNOWN): 1}
    assert tally.by_reason == {("one", AttemptOutcome.UNKNOWN, "owner_gone"): 1}
    assert tally.later_steps == {Step.RECONCILE_ACCEPTED: 1, Step.SKIP: 1}
    assert (Step.SKIP, "another_reason") in tally.later_reasons


@pytest.mark.parametrize("at", [float("nan"), float("inf"), -1.0, 1e15])
def test_times_that_are_damaged(at: float) -> None:
    """A step at a time that can't be is passed over, and the others count."""
    told = [
        StepRecord(1, 1, Step.INTEND, at, "one", None),
        *steps((2, Step.INTEND, 0, None)),
    ]

    assert tally_of(told).open_attempts == {"one": 1}


@given(st.lists(st.floats(-1, 100_000), max_size=60))
def test_latencies(seconds: list[float]) -> None:
    """Each duration is in the bar below whose end it is; percentiles are near."""
    latencies = Latencies()
    for one in seconds:
        latencies.add(one)
    bars = latencies.bars()
    kept = sorted(max(0.0, min(one, 86_400.0)) for one in seconds)

    assert latencies.count == sum(bars) == len(seconds)
    for place, bound in enumerate(LATENCY_BOUNDS):
        assert sum(bars[: place + 1]) == sum(one < bound for one in seconds)
    median = latencies.quantile(0.5)
    if kept:
        wanted = kept[-(-len(kept) // 2) - 1]
        assert median is not None
        allowed = max(0.02 * wanted, 0.000_2) if wanted < 1000 else 1000
        assert abs(median - wanted) <= max(allowed, 1.0 if wanted >= 10 else 0)


def test_ends() -> None:
    """Ends count by PABX, by time, by local hour, and each contact reached once."""
    ends = EndTally(offset=-10_800.0)
    answered = EndRecord(
        1, "one", NOW, Disposition.ANSWERED, NOW + 2, NOW + 7, NOW + 67
    )
    ends.take(
        [
            answered,
            answered._replace(begun_at=NOW + 7200),
            EndRecord(2, "one", NOW, Disposition.NONE_SEEN, None, None, None),
            EndRecord(3, "two", NOW, Disposition.NO_ANSWER, NOW + 2, None, NOW + 32),
        ]
    )

    assert ends.count_reached() == 1
    assert ends.told == 3
    assert (ends.ended_in(5), ends.answered_in(5), ends.answered_in(7)) == (2, 1, 1)
    assert ends.by_pabx["two", Disposition.NO_ANSWER] == 1
    assert (ends.ring.count, ends.ring.quantile(1.0)) == (3, 30.0)
    assert (ends.talk.count, ends.talk.quantile(0.5)) == (2, 60.0)
