"""The slots that a worker has of a shared cap: given, used, dropped and lost."""

import math

from digitro_async.dispatch._allotted_pacing import AllottedPacer, SharedCap
from digitro_async.dispatch._calls_in_progress import CallsInProgress
from digitro_async.dispatch._end_rules import EndRules
from digitro_async.dispatch._pacing import Pacer, quarantine_of
from digitro_async.dispatch._shared_places import SharedPlaces
from digitro_async.settings import RateLimit

LIMIT = RateLimit(4)


def new_cap() -> SharedCap:
    """Return a cap of 4 a second of which no slots are allotted."""
    return SharedCap(Pacer(LIMIT, total=5.0), LIMIT)


def new_pacer(cap: SharedCap, ends: float = math.inf) -> AllottedPacer:
    """Return what paces by that cap, until a lease ends."""
    pacer = AllottedPacer({LIMIT: cap})
    pacer.ends = ends
    return pacer


def test_nothing_starts_without_slots() -> None:
    """A worker without slots waits until it has some, and then goes at once."""
    cap = new_cap()
    pacer = new_pacer(cap)
    assert pacer.earliest(100.0) == math.inf

    cap.allot(2, 100.0)

    assert pacer.earliest(100.0) <= 100.0
    assert cap.holds(100.0) == 2
    assert pacer.limits == (RateLimit(2),)


def test_slots_that_calls_hold_are_dropped_once_they_are_free() -> None:
    """A slot goes when no call holds it, and before another call could take it."""
    cap = new_cap()
    pacer = new_pacer(cap)
    cap.allot(2, 100.0)
    pacer.start(100.0)
    cap.allot(0, 100.1)
    assert cap.holds(100.1) == 1

    pacer.finish(100.2, 100.0)

    assert cap.holds(101.1) == 1
    assert pacer.earliest(101.2) == math.inf
    assert cap.holds(101.2) == 0


def test_a_lost_call_keeps_its_slot_for_the_quarantine() -> None:
    """The slot of a call that was never answered is dropped when it is sure."""
    cap = new_cap()
    pacer = new_pacer(cap)
    cap.allot(1, 100.0)
    pacer.start(100.0)
    pacer.give_up(105.0, 100.0)
    cap.allot(0, 106.0)
    until = 100.0 + quarantine_of(5.0) + 1.0

    assert cap.taken_until(106.0) == [until]
    assert cap.holds(until - 0.1) == 1
    assert cap.holds(until) == 0


def test_nothing_starts_at_the_end_of_the_lease() -> None:
    """A start that would come at the end of the lease, or after, does not come."""
    cap = new_cap()
    pacer = new_pacer(cap, ends=100.2)
    cap.allot(4, 100.0)
    pacer.start(100.0)

    assert pacer.earliest(100.0) == math.inf  # the next would go at 100.25
    pacer.ends = 110.0
    assert pacer.earliest(100.0) == 100.25
    assert pacer.earliest(110.0) == math.inf


def test_a_lost_lease_takes_all_slots() -> None:
    """After a lost lease the calls that go on use up slots that are allotted anew."""
    cap = new_cap()
    pacer = new_pacer(cap)
    cap.allot(4, 100.0)
    pacer.start(100.0)
    cap.lose(100.1)
    assert cap.holds(100.1) == 0
    assert pacer.earliest(100.3) == math.inf

    cap.allot(2, 100.4)
    cap.holds(100.4)

    assert cap.pacer.slots == 2
    assert cap.pacer.taken == 1
    assert cap.holds(100.4) == 2


def test_the_most_that_calls_held() -> None:
    """What was used at once counts from one report to the next."""
    cap = new_cap()
    pacer = new_pacer(cap)
    cap.allot(4, 100.0)
    for now in (100.0, 100.25):
        pacer.start(now)
        pacer.finish(now, sent=False)
    assert cap.used == 1

    pacer.start(100.5)
    pacer.start(100.75)

    assert cap.used == 2
    cap.holds(103.0)
    cap.begin_period()
    assert cap.used == 2
    for started in (100.5, 100.75):
        pacer.finish(103.0, started)
    cap.holds(105.0)
    cap.begin_period()
    assert cap.used == 0


def test_a_pabx_without_a_cap_goes_by_the_lease_alone() -> None:
    """Where there is no cap on the rate, calls start as long as the lease lasts."""
    pacer = AllottedPacer({})
    assert pacer.earliest(100.0) == math.inf

    pacer.ends = 110.0

    assert pacer.earliest(100.0) == -math.inf
    assert pacer.earliest(110.0) == math.inf
    assert pacer.lost_slots == 0


def test_places_for_calls_in_progress() -> None:
    """Places are given back as calls leave them, and a lost lease leaves none."""
    calls = CallsInProgress(EndRules(end_timeout=600.0), most=5)
    places = SharedPlaces(calls)
    assert (places.most, calls.has_room()) == (5, False)

    places.allot(2, 100.0)
    calls.enter()
    calls.enter()
    assert (places.used, places.holds(100.0), calls.has_room()) == (2, 2, False)

    places.allot(1, 101.0)
    assert places.holds(101.0) == 2
    calls.leave()
    assert places.holds(101.0) == 1
    assert places.taken_until(101.0) == [701.0]

    places.lose(102.0)
    places.begin_period()
    assert places.holds(102.0) == 1
    assert not calls.has_room()
