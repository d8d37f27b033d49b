"""Doubts: calls of one PABX whose answers may belong to other calls."""

import asyncio
from collections.abc import Callable, Hashable

from digitro_async.dispatch._call_tracker import CallTracker
from digitro_async.dispatch._calls_in_progress import CallInProgress
from digitro_async.dispatch._recorder import Recorder
from digitro_async.dispatch._statistics import Counters

__all__ = ["Doubts", "FollowedDoubt"]


class Doubts:
    """Takes doubts as they come up, and acts once on all of one breach.

    Args:
        pabx: Name of the PABX.
        counters: The counts of the PABX.
        tracker: Follows its calls until they end, None where no events are read.

    Attributes:
        on_breach: Told of each breach, with the number of calls in doubt.
    """

    def __init__(
        self, pabx: str, counters: Counters, tracker: CallTracker | None = None
    ) -> None:
        self._pabx = pabx
        self._counters = counters
        self._tracker = tracker
        self._new: list[tuple[Recorder | None, Hashable]] = []
        self._alarms = 0
        self.on_breach: Callable[[int], None] | None = None

    def add(
        self,
        recorder: Recorder | None,
        key: Hashable,
        followed: CallInProgress | None = None,
    ) -> None:
        """Doubt the answer that a call got.

        Args:
            recorder: The recorder of the call, None where the doubt is only counted.
            key: The key of the call in it.
            followed: The call where it is followed until its end: its id may be that of
                another call.
        """
        if followed is not None and self._tracker is not None:
            self._tracker.doubt(followed)
        if not self._new:
            self._alarms = self._counters.alarms
            asyncio.get_running_loop().call_soon(self._act)
        self._new.append((recorder, key))

    def doubt(self, attempt: int) -> None:  # noqa: ARG002 - an attempt's owner is told
        """Doubt the answer of an attempt whose result was given away."""
        self.add(None, None)

    def _act(self) -> None:
        """Count the breach, and record which calls nobody can be sure of any more."""
        new, self._new = self._new, []
        counters = self._counters
        counters.doubtful += len(new)
        if counters.alarms == self._alarms:  # the answer itself raised none
            counters.alarms += 1
        if self.on_breach is not None:
            self.on_breach(len(new))
        by_recorder: dict[Recorder, list[Hashable]] = {}
        for recorder, key in new:
            if recorder is not None:
                by_recorder.setdefault(recorder, []).append(key)
        for recorder_of, keys in by_recorder.items():
            recorder_of.record_doubts(keys, self._pabx)


class FollowedDoubt:
    """Takes the doubt about a call whose result was given away, and that is followed.

    Args:
        doubts: The doubts of the PABX.
        followed: The call.
    """

    __slots__ = ("_doubts", "_followed")

    def __init__(self, doubts: Doubts, followed: CallInProgress) -> None:
        self._doubts, self._followed = doubts, followed

    def doubt(self, attempt: int) -> None:  # noqa: ARG002 - an attempt's owner is told
        """Doubt the answer of the attempt."""
        self._doubts.add(None, None, self._followed)
