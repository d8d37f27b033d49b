"""PURE: when the next call may start, so that the PABX never sees more than its cap.

The cap is "no window of W seconds holds more than N calls, counted at the PABX". What
the PABX counts happens somewhere between our send and its answer, so counting our
sends is not enough: a slow call can land in a later window. Therefore N *slots* exist;
a call holds one from its start until its answer plus W. If N + 1 calls fell within one
window, then when the last was started each of the others had its answer less than W
ago or still to come, so all N slots were taken: a contradiction, whatever the delays.

Inside the cap, starts are spaced W / N apart, so that there is no burst either. Answers
take time, so slots come back a little more slowly than that: the free ones are spread
over the time until the next comes back. Otherwise calls would go at the full rate for
almost a window and stand still for the rest, in every window anew.

A call that was sent and never answered is *lost*, and may be counted much later: a PABX
that stood still reads what its kernel kept, of connections that were reset long ago
too. Its slot comes back one window after the PABX answered a call that was started
after it was given up, for by then it has been read; or one window after the quarantine,
in which the network and the PABX are trusted to have delivered or dropped it. Without
an answer since, it comes back for one call at a time only.

Where the PABX is known to count a call at most S seconds after it was sent
(``RateLimit.counted_within``), a ``CountedPacer`` takes a call for answered S seconds
after its request was written at the latest, answered or not, lost or not. The proof is
the same: a call can fall into a window only between its start and that moment, or its
answer if that came before, and its slot comes back W after the earlier of the two. If
N + 1 calls fell within one window, then when the last was started none of the others
had its slot back. That the PABX keeps to S is the user's word, the network's delay
included; that the request was not written later than noted is this library's.

The number of slots may change while calls go on, for a cap that several processes share
(``_allotted_pacing``): slots that are added count at once, and only those are taken
away that no call holds.

So that the PABX is ever asked again, the last slot is kept for a call that finds nobody
else on the wire: as long as answers come quickly that costs nothing, since then most
slots are waiting for their window to end, and those don't count.
"""

import math
from collections import deque
from collections.abc import Iterable, Mapping

import attrs

from digitro_async.settings import RateLimit

__all__ = ["Lost", "Pacer", "Together", "quarantine_of"]

CATCH_UP = 0.01
"""Seconds of lateness that later starts may make up for; beyond it time is lost.

A start that had to wait for a slot is not late: there is nothing to make up for.
"""

LATE_DELIVERY_SECONDS = 60.0
"""Seconds in which the network and the PABX may still deliver a call given up."""


def quarantine_of(total: float) -> float:
    """Return how many seconds after its start a call may still be delivered.

    Args:
        total: Most seconds that one attempt takes.
    """
    return 2 * total + LATE_DELIVERY_SECONDS


@attrs.define(eq=False)
class Lost:
    """A call that was sent and never answered.

    Attributes:
        at: When it was given up: whatever starts later is sent later.
        until: When its slot comes back at the latest.
    """

    at: float
    until: float


class Pacer:
    """Slots and spacing of one PABX. Time is an argument; nothing here waits.

    Args:
        limit: The cap.
        total: Most seconds that one attempt takes.
        rest: Seconds from the last lost call until the last slot is used.
    """

    __slots__ = (
        "_calls",
        "_cooling",
        "_held",
        "_last_loss",
        "_left",
        "_limit",
        "_lost",
        "_next",
        "_patient_until",
        "_quarantine",
        "_rest",
        "_slow",
        "_spacing",
        "_window",
    )

    def __init__(
        self, limit: RateLimit, *, total: float = 30.0, rest: float = 5.0
    ) -> None:
        self._limit = limit
        self._calls = self._left = limit.calls
        self._window = limit.per
        self._spacing = limit.per / limit.calls
        self._quarantine = quarantine_of(total)
        self._rest = rest
        self._held = 0
        self._cooling: deque[float] = deque()
        self._lost: deque[Lost] = deque()
        self._last_loss = -math.inf
        self._next = -math.inf
        # Of two slots one is half of the cap: it is kept once an answer has told how
        # long answers take. Of more slots it is kept from the first moment on.
        knows = limit.calls > 2  # noqa: PLR2004 - see above
        self._slow = limit.per / 2 if knows else -math.inf
        self._patient_until = -math.inf if knows else math.inf

    @property
    def limits(self) -> tuple[RateLimit, ...]:
        """The caps that it keeps."""
        return (self._limit,)

    @property
    def lost_slots(self) -> int:
        """Slots that are kept for calls that were sent and never answered."""
        return max(0, self._calls - self._left)

    @property
    def slots(self) -> int:
        """The slots that it has, free and taken."""
        return self._calls

    @property
    def taken(self) -> int:
        """The slots that calls held when they were last looked at."""
        return self._calls - self._left + self._held + len(self._cooling)

    def add_slots(self, count: int, now: float) -> None:
        """Have more slots from now on."""
        self._calls += count
        self._left += count
        self._set_spacing()
        self._next = min(self._next, now + self._spacing)

    def drop_slots(self, most: int, now: float) -> int:
        """Have fewer slots, as far as no call holds them; return how many are gone.

        Args:
            most: Drop no more than so many.
            now: The time.
        """
        self.earliest(now)  # lets those go whose time is over
        free = self._left - self._held - len(self._cooling)
        dropped = max(0, min(most, free))
        self._left -= dropped
        lost = self._lost
        while lost and dropped < most and lost[0].until <= now:
            lost.popleft()
            dropped += 1
        self._calls -= dropped
        if dropped:
            self._set_spacing()
        return dropped

    def taken_until(self, now: float) -> list[float]:
        """Return for each slot that is taken when it is free at the latest.

        A slot whose call goes on counts as that of a call given up now.
        """
        goes_on = now + self._quarantine + self._window
        ends = [*self._cooling, *(one.until for one in self._lost)]
        return [*(one for one in ends if one > now), *[goes_on] * self._held]

    def _set_spacing(self) -> None:
        self._spacing = self._window / max(1, self._calls)

    def earliest(self, now: float) -> float:
        """Return when a call may start: a time up to now, a later one, or inf.

        Infinity means: not before another call is finished.
        """
        cooling = self._cooling
        if cooling and cooling[0] <= now:
            is_full = self._held + len(cooling) >= self._left
            if is_full and cooling[0] > self._next:
                self._next = cooling[0]  # nothing could start before
            while cooling and cooling[0] <= now:
                cooling.popleft()
        held, left = self._held, self._left
        if held + len(cooling) < left and held < left - 1:
            return self._next
        return self._when_nearly_none_is_left(now)

    def _when_nearly_none_is_left(self, now: float) -> float:
        """Return when a call may start, where only the last slot may be free."""
        held, cooling, lost = self._held, self._cooling, self._lost
        when = self._next
        if held >= self._left and held:
            return math.inf
        while self._left < 1:
            if not lost:  # it has no slots at all
                return math.inf
            # A quarantine went by without an answer: one call at a time, then.
            if lost[0].until > now:
                return max(when, lost[0].until)
            lost.popleft()
            self._left += 1
        left = self._left
        taken = held + len(cooling)
        if taken >= left:
            when = max(when, cooling[taken - left])
        if held == 0:
            if lost and left == 1:
                when = max(when, self._last_loss + self._rest)
            return when
        if held < left - 1 or max(when, now) <= self._patient_until:
            return when
        return math.inf

    def reserve(
        self,
        free_at: Iterable[float],
        lost_until: Iterable[float] = (),
        *,
        now: float = -math.inf,
    ) -> None:
        """Take the slots of calls that were made before.

        Args:
            free_at: For each call that was answered, when its slot is free.
            lost_until: For each that was not, when its slot is free at the latest.
            now: The time: what starts later is sent later than the lost ones.
        """
        self._cooling = deque(sorted((*self._cooling, *free_at)))
        lost = [*self._lost, *(Lost(now, until) for until in lost_until)]
        self._left -= len(lost) - len(self._lost)
        self._lost.clear()
        at = -math.inf
        for one in sorted(lost, key=lambda one: one.until):
            at = one.at = max(at, one.at)  # both grow: only the first is looked at
            self._lost.append(one)

    def start(self, now: float) -> None:
        """Take a slot; call it only when ``earliest(now)`` is not after ``now``."""
        self._held += 1
        spacing, cooling = self._spacing, self._cooling
        free = self._left - self._held - len(cooling)
        if free > 0:
            back = cooling[0] - now if cooling else self._window
            spread = back / (free + 1)
            if spread > spacing:  # noqa: PLR1730 - max() takes longer
                spacing = spread
        turn, oldest = self._next, now - CATCH_UP
        if turn < oldest:
            turn = oldest if turn > -math.inf else now
        self._next = turn + spacing

    def note_sent(self, call: object, now: float) -> None:
        """Note that the request of a call was written, now or before.

        Only a ``CountedPacer`` makes use of that.

        Args:
            call: Stands for the call.
            now: The time.
        """

    def finish(
        self,
        now: float,
        started: float = -math.inf,
        *,
        sent: bool = True,
        call: object = None,  # noqa: ARG002 - of a CountedPacer
    ) -> None:
        """Free the slot of a call one window after its answer, which came now.

        Args:
            now: The time.
            started: When the call started, or before that.
            sent: False where provably nothing was sent: then it is free at once.
            call: Stands for the call, as in ``note_sent``.
        """
        self._held -= 1
        if not sent:
            return
        free_at = now + self._window
        self._cooling.append(free_at)
        if now - started > self._slow:
            self._look_at_latency(now - started, now)
        lost = self._lost
        while lost and lost[0].at < started:
            lost.popleft()
            self._left += 1
            self._cooling.append(free_at)

    def give_up(
        self,
        now: float,
        started: float,
        call: object = None,  # noqa: ARG002 - of a CountedPacer
    ) -> None:
        """Keep the slot of a call taken that was sent and is given up unanswered.

        Args:
            now: The time.
            started: When the call started.
            call: Stands for the call, as in ``note_sent``.
        """
        self._held -= 1
        self._left -= 1
        self._last_loss = now
        until = max(started + self._quarantine, now) + self._window
        if self._lost:
            until = max(until, self._lost[-1].until)
        self._lost.append(Lost(now, until))

    def _look_at_latency(self, latency: float, now: float) -> None:
        """Use the last slot too, for a while, where answers come slowly."""
        if latency == math.inf:  # nobody knows
            return
        if self._slow < 0:
            self._slow, self._patient_until = self._window / 2, -math.inf
        if latency > self._slow:
            self._patient_until = max(self._patient_until, now + 2 * latency)


class Together:
    """Several caps that hold for one PABX: a call takes a slot in each of them.

    Args:
        pacers: The pacer of each cap.

    Attributes:
        pacers: The pacer of each cap.
    """

    __slots__ = ("pacers",)

    def __init__(self, pacers: Mapping[RateLimit, Pacer]) -> None:
        self.pacers: Mapping[RateLimit, Pacer] = pacers

    @property
    def limits(self) -> tuple[RateLimit, ...]:
        """The caps that it keeps."""
        return tuple(self.pacers)

    @property
    def lost_slots(self) -> int:
        """Most slots that one of the caps keeps for calls never answered."""
        return max(pacer.lost_slots for pacer in self.pacers.values())

    def earliest(self, now: float) -> float:
        """Return when every cap lets a call start."""
        return max(pacer.earliest(now) for pacer in self.pacers.values())

    def start(self, now: float) -> None:
        """Take a slot in each."""
        for pacer in self.pacers.values():
            pacer.start(now)

    def note_sent(self, call: object, now: float) -> None:
        """Note in each that the request of a call was written."""
        for pacer in self.pacers.values():
            pacer.note_sent(call, now)

    def finish(
        self,
        now: float,
        started: float = -math.inf,
        *,
        sent: bool = True,
        call: object = None,
    ) -> None:
        """Free the slot in each."""
        for pacer in self.pacers.values():
            pacer.finish(now, started, sent=sent, call=call)

    def give_up(self, now: float, started: float, call: object = None) -> None:
        """Keep the slot in each taken, as that of a call given up."""
        for pacer in self.pacers.values():
            pacer.give_up(now, started, call)
