"""Sends one POST and observes what comes back."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from digitro_async.privacy import Personal
from digitro_async.protocol import (
    ACCEPTED_STATUS,
    MAX_ANSWER_BYTES,
    ConnectCause,
    Evidence,
    Failure,
    Observation,
    Request,
)
from digitro_async.transport._failures import failure_of

__all__ = ["Answer", "exchange_once"]


class Answer(Protocol):
    """An answer, which gives its connection back once it is read to its end."""

    @property
    def status(self) -> int | None:
        """HTTP status, None before the head was read."""
        ...

    @property
    def retry_after(self) -> str | None:
        """The Retry-After header, None where there is none."""
        ...

    async def read(self, most: int) -> bytes:
        """Return the body, or just enough of it to see that it is longer."""
        ...

    def close(self) -> None:
        """Close the connection, unless the answer gave it back."""
        ...


Ask = Callable[[Any, Request, Evidence], Awaitable[Observation | Answer]]


async def exchange_once(  # noqa: C901 - told in order
    ask: Ask, endpoint: Any, request: Request, evidence: Evidence
) -> Observation:
    """Send a request within the time of one attempt, and observe what comes back.

    Args:
        ask: Sends the request, and returns the observation of a whole answer, or an
            answer whose body is not read yet.
        endpoint: The endpoint of the PABX.
        request: The request.
        evidence: The evidence of the attempt, set while the attempt goes on.

    Raises:
        asyncio.CancelledError: If the task is cancelled, but not by its deadline.
    """
    answer: Any = None
    body = b""
    failure: Failure | None = None
    cause: ConnectCause | None = None
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - for the type checker
    cancelling = task.cancelling()
    endpoint.deadlines.start(task)
    try:
        try:
            answer = await ask(endpoint, request, evidence)
            if type(answer) is Observation:  # nearly always: a whole answer
                connection: Any = evidence.connection
                connection.give_back()
                deadlines = endpoint.deadlines
                if deadlines.ends.pop(task, None) is None and deadlines.stop(task):
                    task.uncancel()
                return answer
            body = await answer.read(MAX_ANSWER_BYTES)
            failure = _ended_here(evidence)
            if len(body) > MAX_ANSWER_BYTES:
                failure = Failure.OVERSIZED
        except Exception as error:  # noqa: BLE001 - becomes a value, whatever it is
            failure, cause = _explain(error, endpoint, evidence)
            _close(answer, evidence)
    except BaseException:
        _close(answer, evidence)
        if not endpoint.deadlines.stop(task) or task.uncancel() > cancelling:
            raise  # the cancellation is not the deadline's
        failure = (
            Failure.POOL_TIMEOUT if evidence.waiting_for_connection else Failure.TIMEOUT
        )
        cause = None if evidence.request_started else endpoint.cause_of(None)
    else:
        if endpoint.deadlines.stop(task):
            task.uncancel()
    status = None if answer is None else answer.status
    if answer is None or status is None:
        return _without_answer(endpoint, evidence, failure, cause)
    if status == ACCEPTED_STATUS and failure is None and evidence.request_started:
        return Observation(evidence.request_started, status, body)
    answer.close()  # an upgrade would stay open; a connection given back stays
    asked = answer.retry_after
    wait = None if asked is None else Personal(asked)
    return Observation(evidence.request_started, status, body, failure, wait)


def _without_answer(
    endpoint: Any,
    evidence: Evidence,
    failure: Failure | None,
    cause: ConnectCause | None,
) -> Observation:
    """Return the observation of an attempt to which no answer began."""
    was_sent = evidence.request_started
    if was_sent and failure is Failure.LOST:
        cause = endpoint.cause_of_loss()
    # What was lost on a connection that served a call before tells of the server.
    ended = (
        failure is Failure.LOST
        and was_sent
        and getattr(evidence.connection, "was_reused", False)
        and endpoint.note_lost_reuse()
    )
    return Observation(was_sent, failure=failure, cause=cause, reuse_ended=ended)


def _explain(
    error: Exception, endpoint: Any, evidence: Evidence
) -> tuple[Failure, ConnectCause | None]:
    """Return the failure, and what is known where no connection could be made."""
    if evidence.refused is not None:
        return evidence.refused, None
    was_sent = evidence.request_started
    failure = _ended_here(evidence) or failure_of(
        error,
        waiting_for_pool=evidence.waiting_for_connection,
        was_sent=was_sent,
        heard=getattr(evidence.connection, "heard", b""),
    )
    return failure, None if was_sent else endpoint.cause_of(error)


def _close(answer: Answer | None, evidence: Evidence) -> None:
    """Close the connection of an attempt that brought no whole answer."""
    if answer is not None:
        answer.close()
    connection: Any = evidence.connection
    if connection is not None:
        connection.give_up(evidence)


def _ended_here(evidence: Evidence) -> Failure | None:
    """Return why the connection was ended by this library, None where it was not."""
    connection: Any = evidence.connection
    return None if connection is None else connection.failure_of(evidence)
