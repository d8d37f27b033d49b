"""A call whose answer was lost, and the events of a call to the same number."""

import pytest
from calls_in_progress_scene import EndScene

from digitro_async import CallEnd, CallSeen, Disposition, EndEvidence

A, B = b"number a", b"number b"


def settled(scene: EndScene) -> list[str]:
    """Return the ids of calls that settled one of unknown outcome."""
    return [one.call_id for one in scene.news() if isinstance(one, CallSeen)]


def test_settled_by_number() -> None:
    """The only new call to the number of a lost one in its time is that call."""
    scene = EndScene()
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
    scene = EndScene()
    scene.lose(A)
    scene.see("started", "x", A)
    scene.see("ended", "x", A, Disposition.BUSY)
    scene.wait(11)

    assert [type(one) for one in scene.news()] == [CallSeen, CallEnd]


def test_two_calls_to_the_number() -> None:
    """Two new calls to the number leave it unknown, the second may come late."""
    scene = EndScene()
    scene.lose(A)
    scene.see("started", "x", A)
    scene.wait(9)
    scene.see("started", "y", A)
    scene.wait(80)

    assert settled(scene) == []


def test_two_lost_calls_to_the_number() -> None:
    """Two lost calls to one number stay unknown, however many events come."""
    scene = EndScene()
    scene.lose(A)
    scene.wait(30)
    scene.lose(A)
    scene.see("started", "x", A)
    scene.wait(60)

    assert settled(scene) == []


def test_id_of_an_accepted_call() -> None:
    """A call id that an answer gave settles no other call."""
    scene = EndScene()
    scene.lose(A)
    scene.accept("x", A)
    scene.see("started", "x", A)
    scene.wait(60)

    assert settled(scene) == []


def test_waits_for_answers_that_may_give_the_id() -> None:
    """A call that is not answered yet may be given the id, whatever its number."""
    scene = EndScene()
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
    scene = EndScene()
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
    scene = EndScene()
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
    scene = EndScene()
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
    scene = EndScene()
    scene.lose(A)
    for phase, number in events:
        scene.see(phase, "x", number)
    scene.wait(60)

    assert settled(scene) == []


def test_seen_before_it_was_sent() -> None:
    """A call that was seen before is not the lost one."""
    scene = EndScene()
    scene.see("started", "x", A)
    scene.wait(1)
    scene.lose(A)
    scene.see("answered", "x", A)
    scene.wait(60)

    assert settled(scene) == []


def test_long_known_call() -> None:
    """A call that others began long ago stays known, and is not the lost one."""
    scene = EndScene()
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
    scene = EndScene(**rules)
    scene.lose(A)
    scene.see("started", "x", A)
    scene.wait(60)

    assert settled(scene) == []


def test_doubtful_answer_is_not_matched() -> None:
    """A call whose answer may be another call's is not settled: that one has its id."""
    scene = EndScene()
    scene.lose(A, may_match=False)
    scene.see("started", "x", A)
    scene.wait(60)

    assert settled(scene) == []


def test_too_many_others() -> None:
    """Where calls of others push events out, what they may have hidden is unknown."""
    scene = EndScene(most_unmatched=2)
    scene.lose(A)
    scene.see("started", "x", A)
    for other in "123":
        scene.see("started", other, B)
    scene.see("started", "y", A)
    scene.wait(60)

    assert settled(scene) == []
