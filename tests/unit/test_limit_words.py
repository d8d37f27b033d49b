"""The line that says what holds a run back."""

from typing import Any

import pytest
from run_views import ADDRESS, make_one, make_view, refused

from digitro_async import Limit, PABXStatistics, PauseStatus, RateLimit
from digitro_async.cli._figure_words import clock, seconds_text
from digitro_async.cli._limit_words import explain, notes
from digitro_async.cli._run_view import RunPhase
from digitro_async.cli._screen_lines import plain_line, screen_lines

NEVER = "that were never answered"
NO_HOST = "last try no such host; next try in 0:20"
SLOW: dict[str, Any] = {"latency": 2.0, "in_flight": 33, "average_rate": 16.6}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "at the cap of 50/s"),
        ({"cap": RateLimit(500, per=10)}, "at the cap of 500 in 10 s"),
        (
            SLOW,
            (
                "the PABX answers in 2.0 s: a cap of 50/s allows 16.7/s without "
                "counted_within"
            ),
        ),
        (
            {**SLOW, "cap": RateLimit(50, counted_within=0.5)},
            (
                "the PABX answers in 2.0 s, calls are counted_within 0.50 s: a cap of "
                "50/s allows 33.3/s"
            ),
        ),
        ({**SLOW, "cap": RateLimit(50, counted_within=0.1)}, "at the cap of 50/s"),
        (
            {"in_flight": 100, "waiting": 0, "latency": 2.0},
            "all 100 places are taken (max_in_flight): answers in 2.0 s allow 50/s",
        ),
        (
            {"in_flight": 9, "max_in_flight": 9, "latency": None},
            "all 9 places are taken (max_in_flight)",
        ),
        (
            {"in_flight": 9, "max_in_flight": 9, "lack": "too many open files"},
            "this machine holds no more than 9 calls: too many open files",
        ),
        (
            {"in_flight": 50, "silent_for": 12.0},
            "no answer for 0:12: waiting for 50 calls on the wire",
        ),
        (
            {"record_seconds": 0.52},
            "the ledger takes 0.52 s to record a call: slow disk or database",
        ),
        (
            {"in_flight": 25, "recording": 25, "silent_for": 12.0},
            "the ledger has recorded no call for 0:12: slow disk or database",
        ),
        (
            {"lost_slots": 38},
            f"38 of 50 rate slots are kept for calls {NEVER}: 11.8/s till then",
        ),
        (
            {"in_progress": 30, "max_in_progress": 30},
            "30 calls in progress, at most 30 may be (max_in_progress)",
        ),
        ({"waiting": 0}, "starting calls"),
        ({"waiting": 0, "in_flight": 0}, "no call to start"),
        ({"waiting": 0, "in_flight": 0, "attempts": 0}, "starting calls"),
        ({"is_draining": True, "in_flight": 1}, "waiting for 1 call on the wire"),
    ],
)
def test_one_pabx(given: dict[str, Any], text: str) -> None:
    """Each limit is told with its figures."""
    assert explain(make_view(make_one(**given))) == [text]


@pytest.mark.parametrize(
    ("pause", "text"),
    [
        (
            refused(),
            f"paused: connection refused at {ADDRESS}; next try in 0:20, third try",
        ),
        (
            refused(tries=0, last_try="", next_try_in=5.0),
            f"paused: connection refused at {ADDRESS}; next try in 0:05, first try",
        ),
        (
            refused(tries=20, is_probing=True),
            f"paused: connection refused at {ADDRESS}; trying now, 21st try",
        ),
        (
            refused(last_try="no such host"),
            f"paused: connection refused at {ADDRESS}; {NO_HOST}, third try",
        ),
        (
            refused(text="paused by hand", next_try_in=None),
            "paused until somebody resumes it: paused by hand",
        ),
        (
            refused(code="no_channel", text="waits for a channel id"),
            "the PABX waits for a channel id",
        ),
        (
            refused(code="throttled", text="the PABX asked for fewer calls (429)"),
            "waiting: the PABX asked for fewer calls (429); calls go on in 0:20",
        ),
    ],
)
def test_pauses(pause: PauseStatus, text: str) -> None:
    """A pause is told with its cause, the next try and how many there were."""
    assert explain(make_view(make_one(pause=pause))) == [text]


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (7, "eighth"),
        (8, "9th"),
        (10, "11th"),
        (11, "12th"),
        (21, "22nd"),
        (112, "113th"),
    ],
)
def test_tries_are_counted(number: int, word: str) -> None:
    """The next try is the one after those that failed."""
    [text] = explain(make_view(make_one(pause=refused(tries=number))))

    assert text.endswith(f", {word} try")


def test_several_pabx() -> None:
    """PABX share a line where they agree, and have their own where they differ."""
    down = refused()
    a, b, c = make_one("a"), make_one("b", pause=down), make_one("c")

    assert explain(make_view(a, c)) == ["each PABX: at the cap of 50/s"]
    assert explain(make_view(a, b, c)) == [
        "a, c: at the cap of 50/s",
        f"b: paused: {down.text}; next try in 0:20, third try",
    ]


def test_a_share_of_a_cap() -> None:
    """Where processes share a cap, it is told what this one has of it."""
    whole = {"whole_caps": {ADDRESS: [RateLimit(80)]}}
    slow = "the PABX answers in 2.0 s: its share of the cap, 50 of 80/s, allows 16.7/s"
    slow += " without counted_within"
    alone = make_view(make_one(cap=RateLimit(80)), **whole)

    assert explain(make_view(**whole)) == ["at its share of the cap, 50 of 80/s"]
    assert explain(make_view(make_one(**SLOW), **whole)) == [slow]
    assert explain(alone) == ["at the cap of 80/s"]


def test_a_paused_campaign() -> None:
    """A campaign that is paused is told of with the way out, beside others' calls."""
    text = "campaign spring is paused by an operator: "
    text += "digitro resume --campaign spring"
    idle = make_one(in_flight=0, waiting=0)

    assert explain(make_view(idle, paused_campaigns=("spring",))) == [text]
    assert explain(make_view(paused_campaigns=("spring",))) == [
        text,
        "at the cap of 50/s",
    ]


def test_many_pabx_take_one_line() -> None:
    """Of many that agree three are named."""
    several = [make_one(f"p{number}") for number in range(1000)]
    lines = explain(make_view(*several, make_one("slow", **SLOW)))

    assert lines[0] == "p0, p1, p2 and 997 more: at the cap of 50/s"


@pytest.mark.parametrize(
    ("phase", "calls", "text"),
    [
        (RunPhase.STOPPING, 3, "stopping: waiting for 3 calls on the wire"),
        (RunPhase.STOPPING, 0, "stopping: no call is on the wire any more"),
        (RunPhase.FINISHING, 1, "waiting for 1 call on the wire"),
        (RunPhase.ENDING, 0, "waiting for the ends of the last calls (Ctrl-C: not to)"),
    ],
)
def test_the_end(phase: RunPhase, calls: int, text: str) -> None:
    """At its end a run waits for the calls on the wire, whatever else there is."""
    view = make_view(make_one(in_flight=calls, waiting=0), phase=phase)

    assert explain(view) == [text]


def test_the_end_is_not_near_while_calls_wait() -> None:
    """Contacts that were read and wait for their turn are held back as before."""
    assert explain(make_view(phase=RunPhase.FINISHING)) == ["at the cap of 50/s"]


def test_between_calls() -> None:
    """Where each contact has a result, the ends that may bring recalls are named."""
    one = make_one(waiting=0, in_flight=0, in_progress=12)
    given: dict[str, Any] = {"waits_for_source": True, "done": 9, "total": 9}
    again = make_view(one, **given, by_rules={"recalls": 3})
    none = make_view(one, **given)

    assert explain(again) == [
        "waiting for the ends of 12 calls, and for contacts that are called again"
    ]
    assert "time left" not in str(screen_lines(again, 80))
    assert explain(none) == ["reading the next contacts"]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"waits_for_source": True}, "reading the next contacts"),
        ({"processor": 0.97}, "this machine: the processor is busy with this program"),
    ],
)
def test_nothing_of_the_pabx(given: dict[str, Any], text: str) -> None:
    """Where nothing waits for the PABX, the reader or the processor is named."""
    assert explain(make_view(make_one(waiting=0), **given)) == [text]


@pytest.mark.parametrize(
    ("one", "usual", "seen"),
    [
        (make_one(waiting=0), Limit.CAP, Limit.CAP),
        (make_one(), Limit.SOURCE, Limit.SOURCE),
        (make_one(), Limit.LOST_SLOTS, Limit.CAP),
        (make_one(), Limit.PAUSED, Limit.CAP),
        (make_one(in_flight=9, silent_for=60.0), Limit.CAP, Limit.SILENT),
        (make_one(pause=refused()), Limit.CAP, Limit.PAUSED),
    ],
)
def test_what_changes_with_each_call_is_smoothed(
    one: PABXStatistics, usual: Limit, seen: Limit
) -> None:
    """The most frequent limit counts, but for one that is there from now on."""
    assert make_view(one, limits={"matriz": usual}).limit_of(one) is seen


def test_pauses_are_told_for_a_minute() -> None:
    """A pause that is over is named with how many there were; then it is forgotten."""
    last = refused(over_for=3.0, text="a call answered 500")
    one = make_one(pauses=1, last_pause=last)
    many = make_one("filial", pauses=1200, last_pause=last)

    assert notes(make_view(one)) == ["one pause, over since 0:03: a call answered 500"]
    assert notes(make_view(make_one(), many)) == [
        "filial: 1,200 pauses so far, the last over since 0:03: a call answered 500"
    ]
    assert notes(make_view(make_one(last_pause=refused(over_for=61.0)))) == []
    assert notes(make_view(make_one(last_pause=last, pause=refused()))) == []


def test_fresh_connections_are_told() -> None:
    """A PABX that closes kept connections is told for as long as that counts."""
    one = make_one(uses_fresh_connections=True)
    told = "the PABX closed kept connections under calls: each call has a new one now"

    assert notes(make_view(one)) == [told]
    assert notes(make_view(one, make_one("filial"))) == [f"matriz: {told}"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0:00"), (59.6, "1:00"), (61, "1:01"), (3725, "1:02:05")],
)
def test_clock(seconds: float, text: str) -> None:
    """Times are written as a clock writes them."""
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0021, "0.002 s"), (0.0249, "0.02 s"), (2.04, "2.0 s")]
)
def test_latencies(seconds: float, text: str) -> None:
    """A latency has as many digits as say something."""
    assert seconds_text(seconds) == text


def test_waiting_for_a_time() -> None:
    """Where rules let nobody be called, it says until when, and what Ctrl-C does."""
    idle = make_one(in_flight=0, waiting=0)
    view = make_view(
        idle,
        phase=RunPhase.WAITING,
        waits_until="2026-12-01 08:00:00-03:00",
        waits_for=43_201.0,
    )

    [told] = explain(view)
    assert told == (
        "nobody may be called before 2026-12-01 08:00:00-03:00 (in 12:00:01); Ctrl-C "
        "ends, and those who wait are kept"
    )
    assert "time left" not in "".join(span.text for span in plain_line(view))


def test_counts_of_rules() -> None:
    """What rules did is counted beside the outcomes."""
    view = make_view(by_rules={"deferred": 1200, "refused": 3})
    line = "".join(span.text for span in plain_line(view))

    assert "deferred 1,200, refused 3" in line
