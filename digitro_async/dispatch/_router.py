"""Router: chooses the PABX that takes a call, and waits for its turn there."""

import math
import random
from collections.abc import Callable, Iterable

from digitro_async.call_events import CallEnd
from digitro_async.dispatch._admission import Admission
from digitro_async.dispatch._call_tracker import CallTracker, make_tracker
from digitro_async.dispatch._live_clock import live_clock
from digitro_async.dispatch._load_balancer import LoadBalancer, load_key
from digitro_async.dispatch._shared_caps import at_one_address, make_pacer
from digitro_async.dispatch._ticket import Ticket
from digitro_async.dispatch._waiters import TurnShare
from digitro_async.errors import ConfigurationError, NotSentError, PABXPausedError
from digitro_async.models import PABX
from digitro_async.observe import EventReporter
from digitro_async.protocol import Command
from digitro_async.settings import PauseSettings, RetrySettings

__all__ = ["Router"]


class Router:
    """The admissions of all PABX.

    Args:
        pabx: The PABX, or several with different names.
        retry: Limits of retries.
        pause: When to pause one.
        chance: Returns a number from 0 to 1: the jitter of back-offs.
        reporter: Told of pauses and breaches; None where nobody is.

    Attributes:
        admissions: The admissions, by the names of their PABX.
        trackers: What follows calls until they end, by the names of the PABX.

    Raises:
        ConfigurationError: If there is none, one is none or two share a name.
    """

    def __init__(
        self,
        pabx: PABX | Iterable[PABX],
        retry: RetrySettings,
        pause: PauseSettings,
        chance: Callable[[], float] = random.random,
        reporter: EventReporter | None = None,
    ) -> None:
        several = (pabx,) if isinstance(pabx, PABX) else _several(pabx)
        made: dict[str, Admission] = {}
        reporter = reporter or EventReporter()
        self.trackers: dict[str, CallTracker] = {}
        for together in at_one_address(several).values():
            pacer = make_pacer(together, pause.first_pause)
            share, tracker = TurnShare(), make_tracker(together, reporter)
            admissions = [
                Admission(
                    *(one, retry, pause, chance, pacer),
                    tracker=tracker,
                    reporter=reporter,
                    share=share,
                )
                for one in together
            ]
            if tracker is not None:
                tracker.on_room = admissions[0].admit_next  # and those beside it
                self.trackers |= {one.name: tracker for one in together}
            for admission in admissions:
                admission.stand_beside(
                    one for one in admissions if one is not admission
                )
                made[admission.pabx.name] = admission
        self.admissions: dict[str, Admission] = {
            one.name: made[one.name] for one in several
        }
        if not several or len(self.admissions) < len(several):
            raise ConfigurationError("give at least one PABX, each a name of its own")
        self._only = self.admissions[several[0].name] if len(several) == 1 else None
        self._least = None if self._only else LoadBalancer(self.admissions.values())

    @property
    def capacity(self) -> int:
        """Most calls on the wire at once, over all PABX."""
        return sum(one.pabx.max_in_flight for one in self.admissions.values())

    @property
    def needs_resume(self) -> bool:
        """Whether every PABX is paused until ``resume``."""
        return all(one.needs_resume for one in self.admissions.values())

    def choose(
        self, name: str | None, *, failed: Admission | None = None
    ) -> Admission | None:
        """Return the admission for a call; None where no PABX has that name.

        Args:
            name: The PABX that must take it, None for the least loaded unpaused one.
            failed: The admission that could not send it, taken if there is no other.
        """
        if name is not None:
            return self._find(name)
        if self._least is None:
            return self._only
        if failed is None:
            return self._least.choose()

        def order(admission: Admission) -> tuple[bool, bool, bool, float]:
            needs_resume, paused, load = load_key(admission)
            return needs_resume, paused, admission is failed, load

        return min(self.admissions.values(), key=order)

    def named(self, name: str | None) -> list[Admission]:
        """Return the admission of that name, or all for None.

        Raises:
            ConfigurationError: If there is no PABX of that name.
        """
        if name is None:
            return list(self.admissions.values())
        admission = self._find(name)
        if admission is None:
            names = ", ".join(self.admissions)
            raise ConfigurationError(f"there is no PABX of that name (valid: {names})")
        return [admission]

    async def end_of(self, call_id: str, name: str | None) -> CallEnd:
        """Return what became of a call, of the one PABX with events that is meant.

        Raises:
            ConfigurationError: If it is none, or several, or no such call is known.
            DrainedError: If the client was closed meanwhile.
        """
        named = {one.pabx.name for one in self.named(name)}
        trackers = {one for known, one in self.trackers.items() if known in named}
        if len(trackers) != 1:
            raise ConfigurationError("name a PABX that has events")
        end = await trackers.pop().end_of(call_id)
        if end is None:
            raise ConfigurationError(
                "no call with that id is in progress, or ended lately"
            )
        return end

    def _find(self, name: object) -> Admission | None:
        return self.admissions.get(name) if isinstance(name, str) else None

    async def acquire(
        self,
        admission: Admission,
        *,
        may_fail_over: bool,
        wait_while_paused: bool,
        max_wait: float = math.inf,
        ends: float = math.inf,
        command: Command | None = None,
        is_listed: bool = False,
        recorder: object = None,
    ) -> Ticket[Admission]:
        """Wait for a call's turn, and start it.

        Args:
            admission: Where to wait.
            may_fail_over: Whether another PABX may take the call if this one is paused.
            wait_while_paused: Whether to wait while every PABX for the call is paused.
            max_wait: Most seconds to wait for one turn.
            ends: Loop time at which the wait is over.
            command: The row of its command, None for one that counts against the cap.
            is_listed: Whether it is a call of a list, which lets single calls go first.
            recorder: Whoever records its attempts, None where nobody does.

        Raises:
            NotSentError: If the call's turn won't come: the class says why.
            ConfigurationError: If no PABX for the call has a channel.
        """
        clock = live_clock()
        until = min(ends, clock() + max_wait)  # however many PABX are waited for
        while True:
            now = clock()
            ticket = admission.acquire_nowait(now, command)
            if ticket is not None:
                return ticket
            waits = wait_while_paused and not (
                may_fail_over and self._has_unpaused_beside(admission)
            )
            if admission.is_paused and may_fail_over:
                other = self._unpaused()
                if other is not None:
                    admission = other
                    continue
            try:
                return await admission.acquire(
                    wait_while_paused=waits,
                    max_wait=None if until == math.inf else max(0.0, until - now),
                    command=command,
                    is_listed=is_listed,
                    recorder=recorder,
                )
            except (PABXPausedError, ConfigurationError) as error:
                refusal: NotSentError | ConfigurationError = error.with_traceback(None)
            other = self._unpaused() if may_fail_over else None
            if other is None and may_fail_over and admission.needs_resume:
                other, refusal = self._instead(refusal, waits=wait_while_paused)
            if other is None and (admission.needs_resume or not wait_while_paused):
                raise refusal
            admission = other or admission

    def _instead(
        self, refusal: NotSentError | ConfigurationError, *, waits: bool
    ) -> tuple[Admission | None, NotSentError | ConfigurationError]:
        """Return where a refused call may wait instead, or why it may nowhere."""
        other = self._first_without_resume()
        refused = None
        if other is not None:
            refused = other.refusal_of(wait_while_paused=waits)
        return (other, refusal) if refused is None else (None, refused)

    def _first_without_resume(self) -> Admission | None:
        """Return the admission whose pause ends first without ``resume``, or None."""
        waiting = [
            admission
            for admission in self.admissions.values()
            if not admission.needs_resume
        ]
        return min(
            waiting,
            key=lambda admission: admission.standing.breaker.until,
            default=None,
        )

    def _unpaused(self) -> Admission | None:
        """Return the least loaded admission that is not paused, if there is one."""
        admission = self.choose(None)
        return None if admission is None or admission.is_paused else admission

    def _has_unpaused_beside(self, admission: Admission) -> bool:
        return any(
            not other.is_paused
            for other in self.admissions.values()
            if other is not admission
        )


def _several(pabx: object) -> tuple[PABX, ...]:
    several = tuple(pabx) if isinstance(pabx, Iterable) else ()
    if not all(isinstance(one, PABX) for one in several):
        raise ConfigurationError("pabx must be a PABX, or several")
    return several
