"""Calls in progress: how each ends, once, and how a lost answer is made up for."""

import pytest
from calls_in_progress_scene import EndScene

from digitro_async import CallEnd, Disposition, EndEvidence

A = b"number a"


def test_answered_and_ended() -> None:
    """A call that is answered and ends has that disposition, after the grace."""
    scene = EndScene()
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
    scene = EndScene(grace=0.0)
    call = scene.send()
    scene.see("answered")
    scene.see("ended")

    assert (scene.calls.count, scene.news()) == (1, [])
    scene.calls.accept(call, "id", scene.now)
    assert scene.ends() == [(Disposition.ANSWERED, EndEvidence.CALL_ID)]
    assert scene.calls.count == 0


def test_ended_before_answered() -> None:
    """An event that comes late, within the grace, still counts."""
    scene = EndScene()
    scene.accept()
    scene.see("ended")
    scene.wait(0.9)
    scene.see("answered")
    scene.wait(0.1)

    assert scene.ends() == [(Disposition.ANSWERED, EndEvidence.CALL_ID)]


def test_too_late() -> None:
    """What comes after the end changes nothing, and is not taken for a new call's."""
    scene = EndScene()
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
    scene = EndScene()
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
    scene = EndScene(most=1)
    call = scene.send()
    assert not scene.calls.has_room()
    scene.calls.not_placed(call)

    assert scene.calls.has_room()
    scene.wait(200)
    assert (scene.news(), call.was_not_placed) == ([], True)


def test_lost_answer_counts_until_its_deadline() -> None:
    """A call whose answer was lost counts until it can't be in progress any more."""
    scene = EndScene(most=1)
    scene.lose()
    scene.wait(99)
    assert not scene.calls.has_room()
    scene.wait(1)

    assert scene.calls.has_room()
    assert scene.ends() == [(Disposition.NONE_SEEN, EndEvidence.DEADLINE)]


def test_gap_keeps_the_count() -> None:
    """A gap frees no place by itself: the calls may go on."""
    scene = EndScene(most=1)
    scene.accept()
    scene.calls.close("one", scene.now)
    scene.calls.open("one", scene.now)
    scene.wait(99)
    assert not scene.calls.has_room()


def test_gap_timeout() -> None:
    """Where that is set, places are free some time after a gap, each of them once."""
    scene = EndScene(most=2, gap_timeout=20.0)
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
    scene = EndScene(grace=1.0)
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
    scene = EndScene(grace=0.0)
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
    scene = EndScene(grace=0.0)
    scene.accept("id")
    scene.see("answered")
    scene.accept("id")

    assert scene.ends() == [(Disposition.ANSWERED, EndEvidence.DEADLINE)]
    assert scene.calls.count == 1


def test_forgotten() -> None:
    """No more calls are followed than that; the oldest is given up."""
    scene = EndScene(most_calls=2)
    scene.accept("a")
    scene.see("answered", "a")
    scene.accept("b")
    scene.accept("c")

    assert scene.ends() == [(Disposition.ANSWERED, EndEvidence.FORGOTTEN)]
    assert len(scene.calls) == 2


def test_many_events_of_one_call() -> None:
    """However many events of one call come before its answer, its end is kept."""
    scene = EndScene(grace=0.0)
    call = scene.send()
    for _ in range(1000):
        scene.see("ringing")
    scene.see("ended", disposition=Disposition.BUSY)
    scene.calls.accept(call, "id", scene.now)

    assert scene.ends() == [(Disposition.BUSY, EndEvidence.CALL_ID)]


def test_answer_that_its_record_does_not_believe() -> None:
    """An answer that the ledger knows to be another call's gives no end."""
    scene = EndScene()
    call = scene.accept("id")
    scene.calls.withdraw(call)
    scene.see("ended", "id")
    scene.wait(100)

    assert scene.ends() == [(Disposition.NONE_SEEN, EndEvidence.DEADLINE)]


def test_withdrawn_without_an_answer() -> None:
    """A call without an answer has none to withdraw, and may be found by its number."""
    scene = EndScene()
    call = scene.lose(A)
    scene.calls.withdraw(call)
    scene.see("started", "x", A)
    scene.see("ended", "x", A)
    scene.wait(20)

    assert scene.ends() == [(Disposition.ENDED, EndEvidence.DESTINATION)]


def test_doubted_before_its_answer_was_lost() -> None:
    """A call that was doubted first is not found by its number either."""
    scene = EndScene()
    call = scene.send(A)
    scene.calls.doubt(call)
    scene.calls.lose(call, scene.now)
    scene.see("started", "x", A)
    scene.see("ended", "x", A)
    scene.wait(100)

    assert scene.ends() == [(Disposition.NONE_SEEN, EndEvidence.DEADLINE)]


def test_memory_is_bounded() -> None:
    """However many calls come and go, of ours and of others, little of them is kept."""
    scene = EndScene(most_unmatched=50, most_calls=50)
    for number in range(5000):
        scene.see("started", f"theirs {number}", b"theirs")
        scene.accept(f"ours {number}")
        if number % 2:
            scene.see("ended", f"ours {number}")
        scene.wait(0.5)
        scene.calls.news.clear()

    assert len(scene.calls) <= 50
    kept = [
        value
        for owner in (scene.calls, scene.calls._unmatched)
        for value in vars(owner).values()
        if hasattr(value, "__len__")
    ]
    assert sum(map(len, kept)) < 500
