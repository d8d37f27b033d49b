"""ObservedCallRun: a call that tells observers of its way.

It takes the place of ``CallRun`` while somebody observes calls, so that a call that
nobody observes pays nothing for it.
"""

import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

from digitro_async._common.drafts import draft_of
from digitro_async._common.reasons import told_reason
from digitro_async.dispatch._admission import Admission
from digitro_async.dispatch._call_run import CallRun
from digitro_async.dispatch._call_services import CallServices
from digitro_async.dispatch._counted_run import CountedCallRun, name_of_command
from digitro_async.dispatch._router import Router
from digitro_async.models import PABX, CallResult
from digitro_async.observe import (
    ActivityStream,
    CallQueued,
    CallRetried,
    CallSent,
    CallSettled,
)
from digitro_async.protocol import (
    ACCEPTED_STATUS,
    AttemptResult,
    Evidence,
    Observation,
    Request,
)
from digitro_async.settings import RetrySettings
from digitro_async.transport import Transport

__all__ = ["ObservedCallRun", "make_services"]

_KINDS: Final = frozenset({CallQueued, CallSent, CallRetried, CallSettled})

# The constructor that attrs writes takes 2 us of the 8 us that an observed call may
# cost; see _call_result.py, and tests/unit/test_drafts.py.
_SettledDraft: Final = draft_of(CallSettled)


class ObservedCallRun(CountedCallRun):
    """One call on its way, of which observers are told, and counters too.

    It is made as a ``CallRun`` is, and then begun.

    Attributes:
        serial: Its number in this client.
        command: Name of its command.
    """

    serial: int
    command: str
    _origin: object = None
    _told_attempts = 0

    def begin(self) -> None:
        """Take its number, and tell that it was taken on."""
        services, stream = self._services, self._services.activity
        if self._deliver is None and stream.origin_of is not None:
            self._origin = _origin_of(stream)
        self.serial = next(stream.serials)
        self.command = name_of_command(self.call)
        if CallQueued in stream.wanted:
            # A name that no PABX has may hold anything.
            pabx = self._pabx
            is_known = pabx is not None and services.router.choose(pabx) is not None
            queued = CallQueued(
                serial=self.serial,
                time=time.time(),
                pabx=pabx if is_known else None,
                command=self.command,
            )
            stream.put(queued)

    def note_settled(self, result: CallResult) -> None:
        """Count the call, and tell that it is settled."""
        super().note_settled(result)
        stream = self._services.activity
        if CallSettled in stream.wanted:
            error, timings = result.error, result.timings
            draft = _SettledDraft()
            draft.serial, draft.command = self.serial, self.command
            draft.time = time.time()
            draft.pabx, draft.outcome = result.pabx, result.outcome
            draft.attempts = result.attempts
            if error is None:
                draft.reason, draft.status = "", ACCEPTED_STATUS
            else:
                draft.reason, draft.status = told_reason(error.reason), error.status
            draft.sent_at = timings.sent_at if result.attempts else None
            draft.waited, draft.latency = timings.waited, timings.latency
            draft.attempt_was_told = 0 < result.attempts <= self._told_attempts
            draft.origin = self._origin
            draft.__class__ = CallSettled
            stream.put(draft)

    def tell_sent(self, pabx: str) -> None:
        """Tell that an attempt goes out."""
        sent = CallSent(
            serial=self.serial,
            time=time.time(),
            pabx=pabx,
            command=self.command,
            attempt=self.attempts,
        )
        self._services.activity.put(sent)

    async def _keep_attempt(
        self, admission: Admission, observation: Observation, result: AttemptResult
    ) -> None:
        stream = self._services.activity
        if CallRetried in stream.wanted:
            self._told_attempts = self.attempts
            retried = CallRetried(
                serial=self.serial,
                time=time.time(),
                pabx=admission.pabx.name,
                command=self.command,
                attempt=self.attempts,
                outcome=result.classification.outcome,
                reason=told_reason(result.classification.reason),
                status=result.status,
                latency=self.ended - self.started,
                origin=self._origin,
            )
            stream.put(retried)
        await super()._keep_attempt(admission, observation, result)


class _ObservedTransport:
    """Tells of each attempt just before it goes out.

    Args:
        transport: The transport that makes it.
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def exchange(
        self, pabx: PABX, request: Request, evidence: Evidence
    ) -> Coroutine[Any, Any, Observation]:
        """Tell of an attempt, and make it."""
        owner = evidence.owner
        if isinstance(owner, ObservedCallRun):
            owner.tell_sent(pabx.name)
        return self.transport.exchange(pabx, request, evidence)


def _origin_of(stream: ActivityStream) -> object:
    """Return where a single call comes from, None where that can't be told."""
    try:
        return None if stream.origin_of is None else stream.origin_of()
    except Exception:  # noqa: BLE001 - of an observer; no call may notice
        return None


def make_services(
    router: Router,
    transport: Transport,
    retry: RetrySettings,
    chance: Callable[[], float],
    stream: ActivityStream,
) -> CallServices:
    """Return the parts of a dispatcher that its calls share.

    Args:
        router: Chooses the PABX, and gives turns.
        transport: Makes an attempt.
        retry: Limits of retries.
        chance: Returns a number from 0 to 1: the jitter of back-offs.
        stream: What is observed, of the calls too while somebody wants that.
    """
    services = CallServices(router, transport, retry, chance, CallRun, stream)
    stream.on_change = partial(_observe_calls, services, stream)
    return services


def _observe_calls(services: CallServices, stream: ActivityStream) -> None:
    """Make the calls from now on as observers want them, or plainly for none."""
    wanted = stream.wanted
    services.make_run = CountedCallRun if stream.counters else CallRun
    if not wanted.isdisjoint(_KINDS):
        services.make_run = _observed_run
    transport = services.transport
    if isinstance(transport, _ObservedTransport):
        transport = transport.transport
    services.transport = transport
    if CallSent in wanted:
        services.transport = _ObservedTransport(transport)


def _observed_run(*given: Any) -> ObservedCallRun:
    """Return a call run of which observers are told, from the beginning."""
    call_run = ObservedCallRun(*given)
    call_run.begin()
    return call_run
