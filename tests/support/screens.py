"""The screens of docs/screens.md, drawn from made-up runs by the command's own code.

``python tests/support/screens.py`` writes the page's captures anew.
"""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.live import Live
from run_views import ADDRESS, make_one, make_view, refused

from digitro_async import Disposition, Outcome, PauseStatus, RateLimit
from digitro_async.cli._counts import RunCounts, reasons_of, summary_of
from digitro_async.cli._live_table import draw
from digitro_async.cli._next_steps import next_steps
from digitro_async.cli._run_view import RunPhase, RunView
from digitro_async.cli._screen_lines import plain_line, screen_lines
from digitro_async.ledger import State

__all__ = ["Scene", "capture", "page_of", "plain", "scenes", "summary"]

PAGE = Path(__file__).parents[2] / "docs" / "screens.md"


class Scene(NamedTuple):
    """One screen.

    Attributes:
        name: What happens.
        meaning: What an operator does or waits for.
        view: The run.
    """

    name: str
    meaning: str
    view: RunView


def _faulty(over_for: float | None = None) -> PauseStatus:
    return PauseStatus(
        code="unknown_budget",
        text="11 of the last 218 calls answered 500",
        address=ADDRESS,
        next_try_in=0.6,
        over_for=over_for,
    )


def _throttled() -> PauseStatus:
    text = "the PABX asked for fewer calls (429, Retry-After 30 s)"
    return PauseStatus(code="throttled", text=text, address=ADDRESS, next_try_in=21.0)


def _new(**given: Any) -> RunView:
    """Return a run in which no call was answered yet."""
    pause = refused(**given)
    one = make_one(
        in_flight=int(pause.is_probing),
        attempts=8,
        average_rate=0.3,
        latency=None,
        pause=pause,
    )
    return make_view(one, done=0, outcomes={}, time_left=None)


def _slow(**given: Any) -> RunView:
    one = make_one(average_rate=16.6, latency=2.0, in_flight=33, **given)
    return make_view(one, time_left=1083.0)


def scenes() -> Iterator[Scene]:
    """Yield every screen of a run that goes on."""
    yield from _held_back()
    yield from _stopped()
    yield from _shared()
    yield from _at_its_end()


def _held_back() -> Iterator[Scene]:
    yield Scene(
        "Running",
        "The cap of the configuration holds the run back, and nothing else.",
        make_view(),
    )
    yield Scene(
        "Running, where the ends of calls are heard",
        "Beside the outcomes stand the calls in progress, and what became of those "
        "that ended.",
        _heard(),
    )
    full: dict[str, Any] = {"waiting": 27, "max_in_progress": 273, "in_flight": 0}
    yield Scene(
        "As many calls in progress as may be",
        "A place is free when a call ends. Raise `max_in_progress`, if the PABX and "
        "whoever answers can take more.",
        _heard(one=full),
    )
    yield Scene(
        "Slow answers",
        "A call holds its rate slot until its answer, so a slow PABX lowers the rate. "
        "A larger `max_in_flight` would change nothing. Where it is known how soon the "
        "PABX counts a call, give [`counted_within`](settings.md#rate-limit).",
        _slow(),
    )
    places: dict[str, Any] = {
        "cap": None,
        "waiting": 0,
        "in_flight": 20,
        "max_in_flight": 20,
    }
    one = make_one(**places, latency=2.0, average_rate=9.9)
    yield Scene(
        "Slow answers, few places",
        "Raise `max_in_flight`, if the PABX takes so many calls at once.",
        make_view(one, time_left=1820.0),
    )
    one = make_one(lost_slots=38, average_rate=11.8)
    yield Scene(
        "After many calls without an answer",
        "The PABX may count such a call later, so its rate slot is kept. It is free "
        "after the quarantine, or after the answer to a later call.",
        make_view(one, time_left=1527.0),
    )
    one = make_one(in_flight=26, recording=25, record_seconds=0.52, average_rate=32.4)
    yield Scene(
        "Slow disk",
        "Each call is on disk before it is sent. Put the ledger on a faster disk.",
        make_view(one, time_left=556.0),
    )
    idle = make_one(in_flight=0, waiting=0, average_rate=31.0)
    yield Scene(
        "Contacts are read too slowly",
        "The ledger is read for the next contacts.",
        make_view(idle, waits_for_source=True, time_left=581.0),
    )


def _heard(**given: Any) -> RunView:
    """Return a run in which the ends of calls are heard."""
    told = {
        Disposition.ANSWERED: 611,
        Disposition.BUSY: 142,
        Disposition.NO_ANSWER: 433,
        Disposition.MACHINE: 207,
        Disposition.NONE_SEEN: 12,
    }
    usual: dict[str, Any] = {
        "dispositions": {**dict.fromkeys(Disposition, 0), **told},
        "in_progress": 273,
    }
    return make_view(make_one(**{**usual, **given.pop("one", {})}), **given)


def _stopped() -> Iterator[Scene]:
    yield Scene(
        "PABX down from the start",
        "Nobody is used up. The run waits, and tries one call at a time, after 5, 10, "
        "20, 40 and then 60 s. Start the PABX, or correct `base_url`.",
        _new(),
    )
    yield Scene(
        "The probe is on the wire",
        "If it is accepted, all goes on.",
        _new(is_probing=True, next_try_in=40.0),
    )
    one = make_one(pause=refused(tries=3, next_try_in=29.0), in_flight=0)
    yield Scene(
        "PABX down in mid-run",
        "As above: calls go on by themselves after the first try that is accepted.",
        make_view(one, time_left=412.0),
    )
    one = make_one(pause=_faulty(), in_flight=0, average_rate=41.7)
    yield Scene(
        "One of twenty calls is answered with 500",
        "Each such call is `unknown`, and not made again. A brief pause; "
        "[what a pause costs](settings.md#what-a-pause-costs) says why it is brief. "
        "Ask who runs the PABX.",
        make_view(one, outcomes={Outcome.ACCEPTED: 1594, Outcome.UNKNOWN: 84}),
    )
    one = make_one(pauses=8, last_pause=_faulty(3.0), average_rate=41.7)
    yield Scene(
        "Three seconds later",
        "For a minute after the end of a pause its cause is shown.",
        make_view(one, outcomes={Outcome.ACCEPTED: 1594, Outcome.UNKNOWN: 84}),
    )
    one = make_one(pause=_throttled(), in_flight=0, average_rate=11.3)
    yield Scene(
        "The PABX asks for fewer calls",
        "Its own cap is lower than `rate`: lower `rate`.",
        make_view(one, time_left=1595.0),
    )
    one = make_one(in_flight=50, silent_for=12.0, average_rate=29.3)
    yield Scene(
        "The PABX has stopped answering",
        "The calls on the wire end with an answer, or as `unknown` after "
        "`timeouts.total`.",
        make_view(one, time_left=615.0),
    )
    one = make_one("filial", pause=refused(), in_flight=0, average_rate=0.0)
    yield Scene(
        "One of two PABX is down",
        "Contacts that name no PABX go to the other.",
        make_view(make_one(), one),
    )


def _shared() -> Iterator[Scene]:
    idle = make_one(in_flight=0, waiting=0, average_rate=0.0)
    shared = {ADDRESS: [RateLimit(140)]}
    yield Scene(
        "An operator paused the campaign",
        "No call of it is begun, and nobody is used up. The run goes on after "
        "`digitro resume`, with the same `--ledger`.",
        make_view(idle, time_left=None, paused_campaigns=("spring",)),
    )
    yield Scene(
        "A worker",
        "It takes what others leave, so there is no bar and no time left: "
        "`digitro status` has the whole of a campaign. Other processes have the rest "
        "of the cap of the configuration.",
        make_view(total=None, rejected_rows=0, whole_caps=shared),
    )


def _at_its_end() -> Iterator[Scene]:
    last = make_one(in_flight=3, waiting=0, average_rate=48.6)
    yield Scene(
        "At the end",
        "The last calls are on the wire.",
        make_view(
            last,
            phase=RunPhase.FINISHING,
            done=19698,
            outcomes={Outcome.ACCEPTED: 19684, Outcome.UNKNOWN: 14},
            time_left=0.1,
        ),
    )
    yield Scene(
        "Every call has its answer",
        "What becomes of the last calls is waited for, until their `end_timeout` at "
        "most. Ctrl-C ends the run at once: the next one records it.",
        _heard(
            phase=RunPhase.ENDING,
            done=19701,
            outcomes={Outcome.ACCEPTED: 19687, Outcome.UNKNOWN: 14},
            one={"in_flight": 0, "waiting": 0, "average_rate": 12.1},
        ),
    )
    yield Scene(
        "Interrupted",
        "No further call is begun. Ctrl-C again cuts these off: they are `unknown` "
        "then.",
        make_view(
            make_one(in_flight=3, waiting=0),
            phase=RunPhase.STOPPING,
            outcomes={
                Outcome.ACCEPTED: 1664,
                Outcome.UNKNOWN: 14,
                Outcome.NOT_SENT: 97,
            },
            put_back=97,
        ),
    )


def capture(view: RunView, width: int, height: int) -> str:
    """Return what a terminal of that size shows of a run."""
    console = Console(
        file=io.StringIO(), record=True, width=width, height=height, force_terminal=True
    )
    with Live(console=console, auto_refresh=False) as live:
        draw(live, screen_lines(view, width)[: height - 1])
        shown = console.export_text()
    return "\n".join(line.rstrip() for line in shown.splitlines())


def plain(view: RunView) -> str:
    """Return the line that a log gets of a run."""
    return "".join(span.text for span in plain_line(view))


def summary() -> str:
    """Return the end of a run that leaves contacts unknown and pending."""
    counts = RunCounts(began=0.0, ended=405.1, rejected_rows=3)
    counts.outcomes.update(
        {Outcome.ACCEPTED: 19187, Outcome.UNKNOWN: 14, Outcome.NOT_SENT: 500}
    )
    counts.put_back = 500
    counts.reasons.update(
        {
            ("server_fault", "answered 500"): 11,
            ("timeout", "got no whole answer in time"): 3,
        }
    )
    states = {**dict.fromkeys(State, 0), State.PENDING: 500, State.UNKNOWN: 14}
    ledger, config = "--ledger contacts.csv.ledger.db", Path("digitro.toml")
    lines = [*summary_of(counts, 19201), *reasons_of(counts)]
    return "\n".join([*lines, *next_steps(ledger, config, states, 0)])


def parts_of_page() -> dict[str, str]:
    """Return the captures of the page by their marks."""
    each = list(scenes())
    narrow = "\n\n".join(
        f"**{one.name}.** {one.meaning}\n\n{_block(capture(one.view, 80, 24))}"
        for one in each
    )
    wide = "\n\n".join(
        f"{one.name}:\n\n{_block(capture(one.view, 200, 50))}"
        for one in each
        if one.name in {"Running", "One of two PABX is down"}
    )
    lines = "\n".join(plain(one.view) for one in each[:2])
    return {
        "screens-80": narrow,
        "screens-200": wide,
        "screens-plain": _block(lines),
        "screens-end": _block(summary()),
    }


def page_of(page: str) -> str:
    """Return the page with its captures drawn anew."""
    for mark, part in parts_of_page().items():
        begin, end = f"<!-- {mark} -->\n", f"\n<!-- /{mark} -->"
        before, _, rest = page.partition(begin)
        page = f"{before}{begin}\n{part}\n{end}{rest.partition(end)[2]}"
    return page


def _block(text: str) -> str:
    return f"```text\n{text}\n```"


if __name__ == "__main__":
    PAGE.write_text(page_of(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
