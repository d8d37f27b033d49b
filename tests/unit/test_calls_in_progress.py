"""Calls in progress: how each ends, once, and how a lost answer is made up for."""

from typing import Any

import pytest

from digitro_async import CallEnd, CallPhase, CallSeen, Disposition, EndEvidence
from digitro_async.dispatch._call_history import Sighting
from digitro_async.dispatch._calls_in_progress import (
    CallInProgress,
    CallsInProgress,
    EndRules,
)

A, B = b"number a", b"number b"


class Scene:
    """Calls of one PABX, and a clock.

    Args:
        most: Most calls in progress.
        rules: Rules other than the usual ones.
    """

    def __init__(self, most: int | None = None, **rules: Any) -> None:
        usual = {"end_timeout": 100.0, "grace": 1.0, "match_window": 10.0, "keep": 50.0}
        self.calls = CallsInProgress(EndRules(**{**usual, **rules}), most)
        self.now = 0.0
        self.calls.open("one", -1.0)

    def send(self, number: bytes = A) -> CallInProgress:
        """Send a call."""
        self.calls.enter()
        return self.calls.send(None, "key", "one", number, self.now)

    def accept(self, call_id: str = "id", number: bytes = A) -> CallInProgress:
        """Send a call that is accepted."""
        call = self.send(number)
        self.calls.accept(call, call_id, self.now)
        return call

    def lose(self, number: bytes = A, **options: bool) -> CallInProgress:
        """Send a call whose answer is lost."""
        call = self.send(number)
        self.calls.lose(call, self.now, **options)
        return call

    def see(
        self,
        phase: str,
        call_id: str = "id",
        number: bytes | None = None,
        disposition: Disposition | None = None,
    ) -> None:
        """Let an event come."""
        seen = Sighting(
            CallPhase(phase), disposition, None, self.now, None, "NAME", self.now
        )
        self.calls.see(call_id, seen, number)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now + seconds
        while self.calls.next_due <= until:
            self.now = max(self.now, self.calls.next_due)
            self.calls.expire(self.now)
        self.now = until

    def news(self) -> list[CallEnd | CallSeen]:
        """Take what is new."""
        news = [one for _, one in self.calls.news]
        self.calls.news.clear()
        return news

    def ends(self) -> list[tuple[Disposition, EndEvidence]]:
        """Take the ends that are new."""
        ends = [one for one in self.news() if isinstance(one, CallEnd)]
        return [(one.disposition, one.evidence) for one in ends]


def test_answered_and_ended() -> None:
    """A call that is answered and ends has that disposition, after the grace."""
    scene = Scene()
    scene.accept()
    for phase in ("started", "ringing", "answered", "ended"):
        scene.wait(1)
        scene.see(phase)

    assert scene.news() == []
    assert scene.calls.count == 0
    scene.wait(1)
    (end,) = scene.news()
    assert isinstance(end, CallEnd)
    assert end.disposition is Disposition.ANSWERED
    assert (end.started_at, end.answered_at, end.ended_at) == (1.0, 3.0, 4.0)
    assert len(scene.calls) == 0


def test_events_before_the_answer() -> None:
    """Events that come before the answer gives the call id are its own."""
    scene = Scene(grace=0.0)
    call = scene.send()
    scene.see("answered")
    scene.see("ended")

    assert (scene.calls.count, scene.news()) == (1, [])
    scene.calls.accept(call, "id", scene.now)
    assert scene.ends() == [(Disposition.ANSWERED, EndEvidence.CALL_ID)]
    assert scene.calls.count == 0


def test_ended_before_answered() -> None:
    """An event that comes late, within the grace, still counts."""
    scene = Scene()
    scene.accept()
    scene.see("ended")
    scene.wait(0.9)
    scene.see("answered")
    scene.wait(0.1)

    assert scene.ends() == [(Disposition.ANSWERED, EndEvidence.CALL_ID)]


def test_too_late() -> None:
    """What comes after the end changes nothing, and is not taken for a new call's."""
    scene = Scene()
    scene.accept("id")
    scene.see("ended")
    scene.wait(1)
    assert scene.ends() == [(Disposition.ENDED, EndEvidence.CALL_ID)]

    scene.lose(A)
    for phase in ("started", "answered", "ended"):
        scene.see(phase, "id", A)
    scene.wait(50)
    assert scene.news() == []


@pytest.mark.parametrize(
    ("phase", "disposition"),
    [("ringing", Disposition.NONE_SEEN), ("answered", Disposition.ANSWERED)],
)
def test_no_end_in_time(phase: str, disposition: Disposition) -> None:
    """A call whose end nobody tells of ends by its time; what was told is kept."""
    scene = Scene()
    scene.accept()
    scene.wait(5)
    scene.see(phase)
    scene.wait(94)
    assert (scene.news(), scene.calls.count) == ([], 1)
    scene.wait(1)

    assert scene.ends() == [(disposition, EndEvidence.DEADLINE)]
    assert scene.calls.count == len(scene.calls) == 0


def test_not_placed() -> None:
    """A call that was not placed has no end and no place."""
    scene = Scene(most=1)
    call = scene.send()
    assert not scene.calls.has_room()
    scene.calls.not_placed(call)

    assert scene.calls.has_room()
    scene.wait(200)
    assert (scene.news(), call.was_not_placed) == ([], True)


def test_lost_answer_counts_until_its_deadline() -> None:
    """A call whose answer was lost counts until it can't be in progress any more."""
    scene = Scene(most=1)
    scene.lose()
    scene.wait(99)
    assert not scene.calls.has_room()
    scene.wait(1)

    assert scene.calls.has_room()
    assert scene.ends() == [(Disposition.NONE_SEEN, EndEvidence.DEADLINE)]


def test_gap_keeps_the_count() -> None:
    """A gap frees no place by itself: the calls may go on."""
    scene = Scene(most=1)
    scene.accept()
    scene.calls.close("one", scene.now)
    scene.calls.open("one", scene.now)
    scene.wait(99)
    assert not scene.calls.has_room()


def test_gap_timeout() -> None:
    """Where that is set, places are free some time after a gap, each of them once."""
    scene = Scene(most=2, gap_timeout=20.0)
    scene.accept("a")
    scene.accept("b")
    scene.calls.miss(scene.now)
    scene.wait(5)
    scene.calls.miss(scene.now)
    scene.see("ended", "b")
    scene.wait(14)
    assert scene.calls.count == 1
    scene.wait(1)

    assert scene.calls.count == 0
    scene.wait(100)
    assert scene.calls.count == 0
    assert len(scene.ends()) == 2


def test_doubted_answer() -> None:
    """A call whose id may be another call's takes no events of that id any more."""
    scene = Scene(grace=1.0)
    call = scene.accept("id")
    scene.see("answered")
    scene.see("ended")
    assert scene.calls.count == 0
    scene.calls.doubt(call)

    assert scene.calls.count == 1
    scene.see("ended")
    scene.wait(100)
    (end,) = scene.news()
    assert isinstance(end, CallEnd)
    assert (end.disposition, end.call_id) == (Disposition.NONE_SEEN, None)
    assert scene.calls.count == 0


def test_id_used_again() -> None:
    """An id that the PABX uses again is that of the new call, events before are not."""
    scene = Scene(grace=0.0)
    scene.accept("id")
    scene.see("answered")
    scene.see("ended")
    scene.wait(5)
    scene.see("ended")  # once more
    scene.wait(5)
    second = scene.send()
    scene.see("ended")  # and again
    scene.calls.accept(second, "id", scene.now)

    assert scene.ends() == [(Disposition.ANSWERED, EndEvidence.CALL_ID)]
    scene.see("started")
    scene.see("ended", disposition=Disposition.BUSY)
    assert scene.ends() == [(Disposition.BUSY, EndEvidence.CALL_ID)]


def test_id_used_again_while_the_first_waits() -> None:
    """Where the first call's end was not told, the second one's id ends it."""
    scene = Scene(grace=0.0)
    scene.accept("id")
    scene.see("answered")
    scene.accept("id")

    assert scene.ends() == [(Disposition.ANSWERED, EndEvidence.DEADLINE)]
    assert scene.calls.count == 1


def test_forgotten() -> None:
    """No more calls are followed than that; the oldest is given up."""
    scene = Scene(most_calls=2)
    scene.accept("a")
    scene.see("answered", "a")
    scene.accept("b")
    scene.accept("c")

    assert scene.ends() == [(Disposition.ANSWERED, EndEvidence.FORGOTTEN)]
    assert len(scene.calls) == 2


# A lost answer, and the events of a call to the same number.


def settled(scene: Scene) -> list[str]:
    """Return the ids of calls that settled one of unknown outcome."""
    return [one.call_id for one in scene.news() if isinstance(one, CallSeen)]


def test_settled_by_number() -> None:
    """The only new call to the number of a lost one in its time is that call."""
    scene = Scene()
    scene.lose(A)
    scene.wait(2)
    scene.see("started", "x", A)
    scene.see("started", "y", B)
    scene.wait(7)
    assert scene.news() == []
    scene.wait(1)
    assert scene.news() == [CallSeen(pabx="one", call_id="x", name="NAME", seen_at=2.0)]

    scene.see("answered", "x")
    scene.see("ended", "x")
    scene.wait(1)
    assert scene.ends() == [(Disposition.ANSWERED, EndEvidence.DESTINATION)]
    assert scene.calls.count == 0


def test_ended_before_it_is_settled() -> None:
    """Events from before the match count: also the end."""
    scene = Scene()
    scene.lose(A)
    scene.see("started", "x", A)
    scene.see("ended", "x", A, Disposition.BUSY)
    scene.wait(11)

    assert [type(one) for one in scene.news()] == [CallSeen, CallEnd]


def test_two_calls_to_the_number() -> None:
    """Two new calls to the number leave it unknown, the second may come late."""
    scene = Scene()
    scene.lose(A)
    scene.see("started", "x", A)
    scene.wait(9)
    scene.see("started", "y", A)
    scene.wait(80)

    assert settled(scene) == []


def test_two_lost_calls_to_the_number() -> None:
    """Two lost calls to one number stay unknown, however many events come."""
    scene = Scene()
    scene.lose(A)
    scene.wait(30)
    scene.lose(A)
    scene.see("started", "x", A)
    scene.wait(60)

    assert settled(scene) == []


def test_id_of_an_accepted_call() -> None:
    """A call id that an answer gave settles no other call."""
    scene = Scene()
    scene.lose(A)
    scene.accept("x", A)
    scene.see("started", "x", A)
    scene.wait(60)

    assert settled(scene) == []


def test_waits_for_answers_that_may_give_the_id() -> None:
    """A call that is not answered yet may be given the id, whatever its number."""
    scene = Scene()
    other = scene.send(B)
    scene.lose(A)
    scene.see("started", "x", A)
    scene.wait(15)
    assert settled(scene) == []
    scene.calls.accept(other, "x", scene.now)
    scene.wait(20)
    assert settled(scene) == []


def test_goes_on_after_those_answers() -> None:
    """Once such calls have their answers the lost one is settled."""
    scene = Scene()
    other = scene.send(B)
    scene.lose(A)
    scene.see("started", "x", A)
    scene.wait(15)
    scene.calls.accept(other, "y", scene.now)
    scene.wait(1)

    assert settled(scene) == ["x"]


@pytest.mark.parametrize("when", ["before", "after", "not yet open"])
def test_gap_leaves_it_unknown(when: str) -> None:
    """Where events may be missing since it was sent, a lost call stays unknown."""
    scene = Scene()
    if when == "not yet open":
        scene.calls.close("one", scene.now)
    scene.lose(A)
    scene.wait(1)
    if when == "before":
        scene.calls.miss(scene.now)
    scene.see("started", "x", A)
    scene.calls.open("one", scene.now)
    if when == "after":
        scene.calls.miss(scene.now)
    scene.wait(60)

    assert settled(scene) == []


def test_gap_before_the_call() -> None:
    """A gap that was over before the call was sent does not matter."""
    scene = Scene()
    scene.calls.miss(scene.now)
    scene.wait(1)
    scene.lose(A)
    scene.see("started", "x", A)
    scene.wait(11)

    assert settled(scene) == ["x"]


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([("answered", A)], id="no beginning"),
        pytest.param([("started", A), ("ringing", B)], id="two numbers"),
        pytest.param([("started", None)], id="no number"),
    ],
)
def test_unfit_events(events: list[tuple[str, bytes | None]]) -> None:
    """A call that may be older, or to another number, settles nothing."""
    scene = Scene()
    scene.lose(A)
    for phase, number in events:
        scene.see(phase, "x", number)
    scene.wait(60)

    assert settled(scene) == []


def test_seen_before_it_was_sent() -> None:
    """A call that was seen before is not the lost one."""
    scene = Scene()
    scene.see("started", "x", A)
    scene.wait(1)
    scene.lose(A)
    scene.see("answered", "x", A)
    scene.wait(60)

    assert settled(scene) == []


def test_long_known_call() -> None:
    """A call that others began long ago stays known, and is not the lost one."""
    scene = Scene()
    scene.see("started", "x", A)
    scene.wait(60)
    scene.see("started", "z", B)  # clears what is old
    scene.lose(A)
    scene.see("started", "x", A)
    scene.wait(60)

    assert settled(scene) == []


@pytest.mark.parametrize(
    "rules", [{"match_window": None}, {"begin": None}], ids=["window", "begin"]
)
def test_no_matching(rules: dict[str, None]) -> None:
    """Without a window, or events of beginnings, no call is settled by its number."""
    scene = Scene(**rules)
    scene.lose(A)
    scene.see("started", "x", A)
    scene.wait(60)

    assert settled(scene) == []


def test_doubtful_answer_is_not_matched() -> None:
    """A call whose answer may be another call's is not settled: that one has its id."""
    scene = Scene()
    scene.lose(A, may_match=False)
    scene.see("started", "x", A)
    scene.wait(60)

    assert settled(scene) == []


def test_too_many_others() -> None:
    """Where calls of others push events out, what they may have hidden is unknown."""
    scene = Scene(most_unmatched=2)
    scene.lose(A)
    scene.see("started", "x", A)
    for other in "123":
        scene.see("started", other, B)
    scene.see("started", "y", A)
    scene.wait(60)

    assert settled(scene) == []


def test_many_events_of_one_call() -> None:
    """However many events of one call come before its answer, its end is kept."""
    scene = Scene(grace=0.0)
    call = scene.send()
    for _ in range(1000):
        scene.see("ringing")
    scene.see("ended", disposition=Disposition.BUSY)
    scene.calls.accept(call, "id", scene.now)

    assert scene.ends() == [(Disposition.BUSY, EndEvidence.CALL_ID)]
