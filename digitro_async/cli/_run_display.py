"""RunDisplay: what a screen shows of a run, looked at again and again."""

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence

from digitro_async.cli._counts import RunCounts
from digitro_async.cli._heeded_lines import Heeding, counts_of_rules
from digitro_async.cli._live_progress import SAMPLE_SECONDS
from digitro_async.cli._run_view import RunPhase, RunView
from digitro_async.cli._screen_lines import plain_line, screen_lines
from digitro_async.cli._screen_parts import Line
from digitro_async.cli._time_left import TimeLeft
from digitro_async.cli._waiting_contacts import local_moment
from digitro_async.dispatch import Limit, Statistics
from digitro_async.settings import RateLimit

__all__ = ["RunDisplay", "seconds_between_looks"]

FEW_PABX = 20
"""Number of PABX up to which every look is cheap."""

WAITING_SECONDS = 600.0
"""Seconds between two plain lines while nobody may be called."""

LOOKS = 8
"""Looks at what holds a PABX back, of which the most frequent answer counts."""


def seconds_between_looks(pabx: int) -> float:
    """Return how often so many PABX are looked at."""
    return SAMPLE_SECONDS if pabx <= FEW_PABX else 4 * SAMPLE_SECONDS


class RunDisplay:
    """Shows a run: takes a view of it for each screen.

    Args:
        counts: Results so far.
        total: Contacts that the run began with, None where they are not counted.
        statistics: Returns the counts of the client at this moment.
        phase: Returns how far the run has come.
        paused_campaigns: Returns the campaigns that are paused.
        heeding: What the rules do in the run; None where none are applied.
        whole_caps: The caps as they are configured, where processes share them.
    """

    def __init__(
        self,
        counts: RunCounts,
        total: int | None,
        statistics: Callable[[], Statistics],
        phase: Callable[[], RunPhase],
        *,
        paused_campaigns: Callable[[], tuple[str, ...]] = tuple,
        heeding: Heeding | None = None,
        whole_caps: Mapping[str, Sequence[RateLimit]] | None = None,
    ) -> None:
        self._counts, self._total = counts, total
        self._statistics, self._phase = statistics, phase
        self._paused_campaigns = paused_campaigns
        self._heeding = heeding
        self._due: float | None = None
        self._told: float | None = None
        self._whole_caps = whole_caps or {}
        self._time_left = TimeLeft()
        self._limits: dict[str, deque[Limit]] = {}
        self._processor: deque[tuple[float, float]] = deque(maxlen=LOOKS)

    @property
    def plain_seconds(self) -> float | None:
        """Seconds between two plain lines while a contact's time is waited for.

        The first one comes at once: nothing else happens then. None at other times.
        """
        if self._due is None:
            self._told = None
            return None
        if self._told != self._due:
            self._told = self._due
            return 0.0
        return WAITING_SECONDS

    def screen(self, width: int, *, ascii_only: bool) -> Sequence[Line]:
        """Return the lines of a screen of this moment."""
        return screen_lines(self.view(), width, ascii_only=ascii_only)

    def line(self) -> Line:
        """Return the same as one line."""
        return plain_line(self.view())

    def view(self) -> RunView:
        """Return the view of this moment."""
        now, counts, statistics = time.monotonic(), self._counts, self._statistics()
        done = counts.done
        total = None if self._total is None else max(self._total, done)
        for one in statistics.pabx.values():
            if one.attempts:  # before, nothing holds it back but the start
                recent = self._limits.setdefault(one.name, deque(maxlen=LOOKS))
                recent.append(one.limit)
        due = None if self._heeding is None else self._heeding.waits_until
        self._due = due
        return RunView(
            by_rules=counts_of_rules(self._heeding),
            waits_until="" if due is None else local_moment(due),
            waits_for=0.0 if due is None else max(0.0, due - time.time()),
            phase=self._phase(),
            done=done,
            total=total,
            outcomes=dict(counts.outcomes),
            put_back=counts.put_back,
            rejected_rows=counts.rejected_rows,
            pabx=tuple(statistics.pabx.values()),
            limits={
                name: Counter(recent).most_common(1)[0][0]
                for name, recent in self._limits.items()
            },
            waits_for_source=statistics.waits_for_source,
            whole_caps=self._whole_caps,
            paused_campaigns=self._paused_campaigns(),
            processor=self._share_of_processor(now),
            time_left=self._time_left.update(
                now, done, (total or done) - done, is_down=_is_down(statistics)
            ),
        )

    def _share_of_processor(self, now: float) -> float:
        self._processor.append((now, time.process_time()))
        (began, before), (_, used) = self._processor[0], self._processor[-1]
        return (used - before) / (now - began) if now - began > 1 else 0.0


def _is_down(statistics: Statistics) -> bool:
    """Whether no PABX can be reached."""
    pauses = [one.pause for one in statistics.pabx.values()]
    return all(pause and pause.code == "not_sent_run" for pause in pauses)
