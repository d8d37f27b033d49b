"""ActivityStream: hands on what happens inside a client, in batches.

A batch is handed on some tenths of a second after its first activity at the latest, at
once with a ``ClientEvent``, and when the client closes. So whoever observes costs a
call no turn of the loop.
"""

import asyncio
import contextvars
import itertools
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from digitro_async._common.program_queue import ProgramQueues
from digitro_async.errors import ConfigurationError, Outcome
from digitro_async.observe._activities import (
    ActivitiesLost,
    Activity,
    CallEnded,
    CallQueued,
    CallRetried,
    CallSent,
    CallSettled,
)
from digitro_async.observe._activity_queue import ActivityQueue
from digitro_async.observe._events import ClientEvent, EventKind
from digitro_async.observe._program_function import ProgramFunction

__all__ = [
    "ACTIVITY_QUEUE_SIZE",
    "ActivityStream",
    "Observer",
    "Observing",
    "OutcomeCounter",
]

Observer = Callable[[Sequence[Activity]], object]
"""Takes the activities of some moments, in order. It is called in the event loop, and
is not awaited."""

BATCH_SECONDS: Final = 0.1
"""Longest time that an activity waits for others."""

MOST_WAITING: Final = 20_000
"""Most activities that wait to be handed on; more are counted as lost."""

ACTIVITY_QUEUE_SIZE: Final = 10_000
"""Most activities that wait for one program that iterates over them."""

_OF_CALLS: Final = (CallQueued, CallSent, CallRetried, CallSettled, CallEnded)
_KINDS: Final = (ClientEvent, *_OF_CALLS)


class OutcomeCounter(Protocol):
    """Counts calls at once: no value is made of a call, and none is kept.

    It is called on the way of a call, so it must be quick, and raise nothing.
    """

    def count_settled(  # noqa: PLR0917 - by place, since keywords take longer
        self,
        pabx: str | None,
        command: str,
        outcome: Outcome,
        reason: str,
        attempts: int,
        waited: float,
        latency: float,
    ) -> object:
        """Count a call with its result; what is counted is as in ``CallSettled``."""

    def count_retried(self, pabx: str, reason: str) -> object:
        """Count an attempt that failed before others; as in ``CallRetried``."""


class Observing:
    """One observer, until ``stop``.

    Args:
        function: The observer.
        kinds: The classes of activities that it is handed.
        stream: The stream that it observes.
    """

    def __init__(
        self,
        function: ProgramFunction,
        kinds: frozenset[type],
        stream: "ActivityStream",
    ) -> None:
        self.kinds = kinds
        self._function = function
        self._stream = stream

    def __repr__(self) -> str:
        names = ", ".join(kind.__name__ for kind in _KINDS if kind in self.kinds)
        return f"<Observing {names}>"

    def stop(self) -> None:
        """Hand on what it waits for, and nothing more."""
        self._stream.remove(self)

    def take(self, batch: Sequence[Activity]) -> None:
        """Hand a batch on, where something of it is wanted; nothing is raised."""
        wanted = self.kinds
        if len(wanted) <= len(_KINDS):
            batch = [one for one in batch if type(one) in wanted]
        if batch:
            self._function.call(tuple(batch))


class ActivityStream:
    """What happens inside one client: calls queued, sent, settled; pauses, and so on.

    Nothing that an observer does reaches a call: what it raises is logged once, and a
    slow one is logged. It belongs to the event loop of its client.

    Args:
        complain: Called with the problems of observers.

    Attributes:
        wanted: The classes of activities that somebody observes.
        counters: Those who count calls as they are settled, and need no activity.
        on_change: Called when one of these is another; None where nobody is.
        serials: Numbers for the calls that are observed.
        origin_of: Called where a single call is made, so that what is told of it says
            where it came from: a trace, for example. None where nobody wants to know.
    """

    def __init__(self, complain: Callable[[str], None]) -> None:
        self.wanted: frozenset[type] = frozenset()
        self.counters: tuple[OutcomeCounter, ...] = ()
        self.on_change: Callable[[], object] | None = None
        self.serials: itertools.count[int] = itertools.count(1)
        self.origin_of: Callable[[], object] | None = None
        self._complain = complain
        # An observer is not called in the context of the call that led to it.
        self._context = contextvars.copy_context()
        self._observing: list[Observing] = []
        self._waiting: list[Activity] = []
        self._lost = 0
        self._handle: asyncio.Handle | None = None
        self._is_at_once = False
        self._queues: ProgramQueues[ActivityQueue] = ProgramQueues()

    def __repr__(self) -> str:
        return f"<ActivityStream {len(self._observing)} observers>"

    def observe(self, observer: Observer, *kinds: type) -> Observing:
        """Hand an observer what happens from now on, until ``stop``.

        Example::

            observing = client.activity.observe(print, CallSettled, ClientEvent)

        Calls that were taken on before are not among it, where nobody observed calls.

        Args:
            observer: A plain function, called in the event loop with several
                activities at once. While it runs nothing else does, so it should be
                short.
            kinds: The classes that it wants, of those that ``Activity`` is made of;
                none for all. In any case it is told what was lost.

        Raises:
            ConfigurationError: If it is no plain function, or there is no such class.
        """
        function = ProgramFunction("an observer", observer, self._complain)
        unknown = [kind for kind in kinds if kind not in _KINDS]
        if unknown:
            names = ", ".join(kind.__name__ for kind in _KINDS)
            raise ConfigurationError(f"an observer may want: {names}")
        chosen = frozenset((*(kinds or _KINDS), ActivitiesLost))
        self.flush()
        observing = Observing(function, chosen, self)
        self._observing.append(observing)
        self._note_change()
        return observing

    def follow(self, *kinds: type, size: int = ACTIVITY_QUEUE_SIZE) -> ActivityQueue:
        """Return what happens from now on, for ``async for``.

        A slow iteration delays nothing: where its queue is full, an ``ActivitiesLost``
        says how many it lost. It ends when the client closes, or with ``close``; one
        that is dropped ends by itself.

        Args:
            kinds: The classes that are wanted, none for all.
            size: Most activities that wait.

        Raises:
            ConfigurationError: If there is no such class, or the size is below 1.
        """
        if type(size) is not int or size < 1:
            raise ConfigurationError("size must be a whole number above 0")
        queue = ActivityQueue(size)
        kept = weakref.ref(queue)

        def hand_on(batch: Sequence[Activity]) -> None:
            still = kept()
            if still is None:  # the program dropped it
                observing.stop()
            else:
                still.put(batch)

        observing = self.observe(hand_on, *kinds)
        queue.on_close = observing.stop
        self._queues.add(queue)
        return queue

    def add_counter(self, counter: OutcomeCounter) -> None:
        """Count the calls that are taken on from now on."""
        self.counters = (*self.counters, counter)
        self._note_change()

    def remove_counter(self, counter: OutcomeCounter) -> None:
        """Count no further call."""
        self.counters = tuple(one for one in self.counters if one is not counter)
        self._note_change()

    def remove(self, observing: Observing) -> None:
        """Hand an observer what it waits for, and nothing more."""
        if observing in self._observing:
            self.flush()
            self._observing.remove(observing)
            self._note_change()

    def put(self, activity: Activity) -> None:
        """Take an activity, to be handed on with others soon."""
        waiting = self._waiting
        if len(waiting) >= MOST_WAITING:
            self._lost += 1
            return
        waiting.append(activity)
        if self._handle is None:
            self._handle = asyncio.get_running_loop().call_later(
                BATCH_SECONDS, self.flush, context=self._context
            )

    def note(
        self,
        kind: EventKind,
        text: str,
        *,
        pabx: str | None = None,
        reason: str = "",
        run: str | None = None,
        calls: int | None = None,
        per: float | None = None,
    ) -> None:
        """Tell observers of an event that concerns nobody else: ``QUIET_KINDS``."""
        if ClientEvent in self.wanted:
            event = ClientEvent(
                kind=kind,
                time=time.time(),
                pabx=pabx,
                reason=reason,
                text=text,
                run=run,
                calls=calls,
                per=per,
            )
            self.put_event(event)

    def put_event(self, event: ClientEvent) -> None:
        """Take an event of the client, to be handed on in the loop's next turn."""
        if ClientEvent not in self.wanted:
            return
        self._waiting.append(event)  # they are few, and none is lost
        if self._is_at_once:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # paused by hand before any loop runs
            self.flush()
            return
        self._unschedule()
        self._is_at_once = True
        self._handle = loop.call_soon(self.flush, context=self._context)

    def flush(self) -> None:
        """Hand on what waits."""
        self._unschedule()
        waiting, self._waiting = self._waiting, []
        if self._lost:
            waiting.append(ActivitiesLost(time=time.time(), count=self._lost))
            self._lost = 0
        if waiting:
            for observing in tuple(self._observing):
                observing.take(waiting)

    def close(self) -> None:
        """Hand on what waits, and end every iteration: the client closes."""
        self.flush()
        self._queues.close()

    def _unschedule(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._handle, self._is_at_once = None, False

    def _note_change(self) -> None:
        kinds = (one.kinds for one in self._observing)
        self.wanted = frozenset().union(*kinds)
        if self.on_change is not None:
            self.on_change()
