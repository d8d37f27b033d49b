"""What keeps the next call from starting, and that it is true."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitro_async import Limit, RateLimit
from digitro_async.dispatch._limits import Load, find_limit

CAP = RateLimit(50)


def make_load(**given: Any) -> Load:
    """Return the load of a PABX that is at its cap."""
    usual: dict[str, Any] = {
        "is_paused": False,
        "is_draining": False,
        "waiting": 99,
        "in_flight": 1,
        "recording": 0,
        "max_in_flight": 100,
        "cap": CAP,
        "lost_slots": 0,
        "latency": 0.02,
        "record_seconds": 0.001,
        "silent_for": 0.01,
    }
    return Load(**{**usual, **given})


LOADS = st.builds(
    Load,
    is_paused=st.booleans(),
    is_draining=st.booleans(),
    waiting=st.integers(0, 5),
    in_flight=st.integers(0, 5),
    recording=st.integers(0, 5),
    max_in_flight=st.integers(1, 5),
    cap=st.none()
    | st.builds(
        RateLimit,
        st.integers(1, 9),
        st.floats(0.1, 20),
        counted_within=st.none() | st.floats(0.01, 50),
    ),
    lost_slots=st.integers(0, 12),
    latency=st.none() | st.floats(0, 40),
    record_seconds=st.floats(0, 5),
    silent_for=st.floats(0, 100),
    in_progress=st.integers(0, 5),
    max_in_progress=st.none() | st.integers(1, 5),
)

TABLE: list[tuple[Limit, dict[str, Any]]] = [
    (Limit.CAP, {}),
    (Limit.CAP, {"latency": None}),
    (Limit.PAUSED, {"is_paused": True, "is_draining": True, "silent_for": 60.0}),
    (Limit.DRAINING, {"is_draining": True, "silent_for": 60.0}),
    (Limit.IDLE, {"is_draining": True, "in_flight": 0}),
    (Limit.IDLE, {"waiting": 0, "in_flight": 0}),
    (Limit.SILENT, {"silent_for": 2.1}),
    (Limit.CAP, {"silent_for": 2.0}),
    (Limit.LATENCY, {"latency": 2.0, "silent_for": 7.9, "in_flight": 33}),
    (Limit.SILENT, {"latency": 2.0, "silent_for": 8.1, "in_flight": 33}),
    (Limit.LEDGER, {"silent_for": 2.1, "recording": 1}),
    (Limit.LATENCY, {"latency": 2.0}),
    (Limit.CAP, {"latency": 0.1}),
    (Limit.LATENCY, {"latency": 0.12}),
    (Limit.LATENCY, {"latency": 2.0, "cap": RateLimit(50, counted_within=0.2)}),
    (Limit.CAP, {"latency": 2.0, "cap": RateLimit(50, counted_within=0.1)}),
    (
        Limit.LEDGER,
        {
            "latency": 2.0,
            "record_seconds": 0.3,
            "cap": RateLimit(50, counted_within=0.2),
        },
    ),
    (Limit.LEDGER, {"record_seconds": 0.5}),
    (Limit.LOST_SLOTS, {"lost_slots": 38}),
    (Limit.LOST_SLOTS, {"lost_slots": 50}),
    (Limit.CAP, {"lost_slots": 3}),
    (Limit.LATENCY, {"lost_slots": 20, "latency": 2.0}),
    (Limit.LOST_SLOTS, {"lost_slots": 40, "latency": 2.0}),
    (Limit.PLACES, {"in_flight": 100, "waiting": 0, "latency": 2.0}),
    (Limit.PLACES, {"in_flight": 100, "waiting": 5, "cap": None}),
    (Limit.LEDGER, {"in_flight": 100, "record_seconds": 0.5}),
    (Limit.MAX_IN_PROGRESS, {"in_progress": 30, "max_in_progress": 30}),
    (Limit.MAX_IN_PROGRESS, {"in_progress": 31, "max_in_progress": 30, "cap": None}),
    (Limit.CAP, {"in_progress": 29, "max_in_progress": 30}),
    (Limit.SOURCE, {"waiting": 0, "in_progress": 30, "max_in_progress": 30}),
    (Limit.SOURCE, {"waiting": 0, "in_flight": 3}),
    (Limit.SOURCE, {"waiting": 5, "in_flight": 3, "cap": None}),
]


@pytest.mark.parametrize(("limit", "given"), TABLE)
def test_limits(limit: Limit, given: dict[str, Any]) -> None:
    """Each of these loads is held back by what the table says."""
    assert find_limit(make_load(**given)) is limit


def test_every_limit_is_in_the_table() -> None:
    """No limit is left out of the table."""
    assert {limit for limit, _ in TABLE} == set(Limit)


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        ({"latency": 2.0, "record_seconds": 0.0}, 50 / 3),
        ({"latency": 0.0, "record_seconds": 0.0}, 50.0),
        ({"latency": None, "record_seconds": 1.0}, 25.0),
        ({"latency": 0.0, "record_seconds": 0.0, "lost_slots": 25}, 25.0),
        ({"lost_slots": 60}, 0.0),
        ({"cap": None}, None),
        (
            {
                "latency": 2.0,
                "record_seconds": 0.0,
                "cap": RateLimit(50, counted_within=0.5),
            },
            50 / 1.5,
        ),
    ],
)
def test_allowed_rate(given: dict[str, Any], allowed: float | None) -> None:
    """A call holds its slot from its turn to its answer and the window after it."""
    assert make_load(**given).allowed == pytest.approx(allowed)


@given(LOADS)
def test_limit_is_true(load: Load) -> None:
    """Whatever the load is, the facts that a limit stands for are there."""
    limit = find_limit(load)
    answers, record = load.latency or 0.0, load.record_seconds
    if load.cap is not None and load.in_flight < load.max_in_flight:
        answers = load.cap.seconds_held(answers) - load.cap.per
    facts = {
        Limit.PAUSED: load.is_paused,
        Limit.DRAINING: load.is_draining and load.in_flight > 0,
        Limit.IDLE: (load.in_flight == 0 and (load.is_draining or not load.waiting))
        or (load.cap is None and load.in_flight == 0),
        Limit.SILENT: load.in_flight > load.recording and load.silent_for > 2,
        Limit.LEDGER: record > answers or load.recording >= load.in_flight > 0,
        Limit.MAX_IN_PROGRESS: load.waiting > 0
        and load.in_progress >= (load.max_in_progress or 99),
        Limit.PLACES: load.in_flight >= load.max_in_flight,
        Limit.SOURCE: load.in_flight < load.max_in_flight
        and (not load.waiting or load.cap is None),
    }
    if limit in facts:
        assert facts[limit]
        return
    assert load.waiting
    assert load.cap is not None
    assert load.allowed is not None
    plain = load.cap.calls / load.cap.per
    if limit is Limit.CAP:
        assert load.allowed >= 0.9 * plain * 0.999
    else:
        assert load.allowed < 0.9 * plain
        assert (limit is Limit.LOST_SLOTS) <= (load.lost_slots > 0)


@given(LOADS)
def test_a_pause_outweighs_all(load: Load) -> None:
    """Where a PABX takes no calls, nothing else is named."""
    assert (find_limit(load) is Limit.PAUSED) is load.is_paused
