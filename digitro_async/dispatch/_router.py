"""Which PABX takes a call, and its turn there."""

import random
from collections.abc import Callable, Iterable

from digitro_async.dispatch._admission import Lane
from digitro_async.dispatch._live_clock import live_time
from digitro_async.dispatch._load_balancer import LoadBalancer, weight
from digitro_async.dispatch._shared_caps import at_one_address, make_pacer
from digitro_async.errors import ConfigurationError, PABXPausedError
from digitro_async.models import PABX
from digitro_async.settings import PauseSettings, RetrySettings

__all__ = ["Router"]


class Router:
    """The lanes of all PABX.

    Args:
        pabx: The PABX, or several with different names.
        retry: Limits of retries.
        pause: When to pause one.
        chance: Returns a number from 0 to 1: the jitter of back-offs.

    Raises:
        ConfigurationError: If there is none, one is none or two share a name.
    """

    def __init__(
        self,
        pabx: PABX | Iterable[PABX],
        retry: RetrySettings,
        pause: PauseSettings,
        chance: Callable[[], float] = random.random,
    ) -> None:
        several = (pabx,) if isinstance(pabx, PABX) else _several(pabx)
        made: dict[str, Lane] = {}
        for together in at_one_address(several).values():
            pacer = make_pacer(together, pause.first_pause)
            lanes = [Lane(one, retry, pause, chance, pacer) for one in together]
            for lane in lanes:
                lane.beside = tuple(one for one in lanes if one is not lane)
                made[lane.pabx.name] = lane
        self.lanes = {one.name: made[one.name] for one in several}
        if not several or len(self.lanes) < len(several):
            raise ConfigurationError("give at least one PABX, each a name of its own")
        self._only = self.lanes[several[0].name] if len(several) == 1 else None
        self._least = None if self._only else LoadBalancer(self.lanes.values())

    def choose(self, name: str | None, *, failed: Lane | None = None) -> Lane | None:
        """Return the lane for a call; None where no PABX has that name.

        Args:
            name: The PABX that must take it, None for the least loaded unpaused one.
            failed: A lane that could not send it, taken only if there is no other.
        """
        if name is not None:
            return self._find(name)
        if self._least is None:
            return self._only
        if failed is None:
            return self._least.choose()

        def order(lane: Lane) -> tuple[bool, bool, bool, float]:
            held, paused, load = weight(lane)
            return held, paused, lane is failed, load

        return min(self.lanes.values(), key=order)

    def named(self, name: str | None) -> list[Lane]:
        """Return the lane of that name, or all for None.

        Raises:
            ConfigurationError: If there is no PABX of that name.
        """
        if name is None:
            return list(self.lanes.values())
        lane = self._find(name)
        if lane is None:
            raise ConfigurationError("there is no PABX of that name")
        return [lane]

    def _find(self, name: object) -> Lane | None:
        return self.lanes.get(name) if isinstance(name, str) else None

    async def enter(
        self, lane: Lane, *, movable: bool, patient: bool, max_wait: float | None
    ) -> tuple[Lane, bool]:
        """Wait for a turn and start; return the lane it is in and whether it probes.

        Args:
            lane: Where to wait.
            movable: Whether another PABX may take the call when this one is paused.
            patient: Whether to wait while every PABX that may take it is paused.
            max_wait: Most seconds to wait for one turn, None for no limit.

        Raises:
            NotSentError: If the call's turn won't come: the class says why.
        """
        while True:
            probe = lane.try_enter(live_time())
            if probe is not None:
                return lane, probe
            waits = patient and not (movable and self._has_unpaused_beside(lane))
            if lane.is_paused and movable:
                other = self._unpaused()
                if other is not None:
                    lane = other
                    continue
            try:
                return lane, await lane.enter(patient=waits, max_wait=max_wait)
            except PABXPausedError as error:
                refusal = error.with_traceback(None)
            other = self._unpaused() if movable else None
            if other is None and movable and lane.is_held:
                other = self._unheld()
                if other is not None and not patient:
                    refusal, other = other.paused_error(), None
            if other is None and (lane.is_held or not patient):
                raise refusal
            lane = other or lane

    def _unheld(self) -> Lane | None:
        """Return the lane that will take calls first by itself, if one will."""
        waiting = [lane for lane in self.lanes.values() if not lane.is_held]
        return min(waiting, key=lambda lane: lane.breaker.until, default=None)

    def _unpaused(self) -> Lane | None:
        """Return the least loaded lane that is not paused, if there is one."""
        lane = self.choose(None)
        return None if lane is None or lane.is_paused else lane

    def _has_unpaused_beside(self, lane: Lane) -> bool:
        return any(
            not other.is_paused for other in self.lanes.values() if other is not lane
        )


def _several(pabx: object) -> tuple[PABX, ...]:
    several = tuple(pabx) if isinstance(pabx, Iterable) else ()
    if not all(isinstance(one, PABX) for one in several):
        raise ConfigurationError("pabx must be a PABX, or several")
    return several
