"""Sends one POST and observes what comes back."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import aiohttp

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

__all__ = ["Response", "exchange_once"]


class Response(Protocol):
    """An answer, which gives its connection back once it is read to its end."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def content(self) -> aiohttp.StreamReader: ...

    def close(self) -> None:
        """Close the connection, unless the answer gave it back."""
        ...


Post = Callable[[Any, Request, Evidence], Awaitable[Response]]


async def exchange_once(  # noqa: C901 - one attempt, told in order
    post: Post, endpoint: Any, request: Request, evidence: Evidence
) -> Observation:
    """Send a request within the time of one attempt, and observe what comes back.

    Args:
        post: Sends the request; the content of the response is not read yet.
        endpoint: The endpoint of the PABX.
        request: The request.
        evidence: The evidence of the attempt, set while the attempt goes on.

    Raises:
        asyncio.CancelledError: If the task is cancelled, but not by its deadline.
    """
    response: Response | None = None
    answer = b""
    failure: Failure | None = None
    cause: ConnectCause | None = None
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - for the type checker
    cancelling = task.cancelling()
    endpoint.deadlines.start(task)
    try:
        try:
            response = await post(endpoint, request, evidence)
            content = response.content
            if content.is_eof():  # it came in one piece, as most do
                answer = content.read_nowait()
            else:
                answer = await _read_answer(content)
            if len(answer) > MAX_ANSWER_BYTES:
                failure = Failure.OVERSIZED
        except Exception as error:  # noqa: BLE001 - becomes a value, whatever it is
            failure, cause = _explain(error, endpoint, evidence)
    except BaseException:
        if response is not None:
            response.close()
        if not endpoint.deadlines.stop(task) or task.uncancel() > cancelling:
            raise  # the cancellation is not the deadline's
        failure = (
            Failure.POOL_TIMEOUT if evidence.waiting_for_connection else Failure.TIMEOUT
        )
        cause = None if evidence.request_started else endpoint.cause_of(None)
    else:
        if endpoint.deadlines.stop(task):
            task.uncancel()
    if response is None:
        return _without_answer(endpoint, evidence, failure, cause)
    status = response.status
    if status == ACCEPTED_STATUS and failure is None and evidence.request_started:
        return Observation(evidence.request_started, status, answer)
    response.close()  # an upgrade would stay open; a connection given back stays
    asked = response.headers.get("Retry-After")
    wait = None if asked is None else Personal(asked)
    return Observation(evidence.request_started, status, answer, failure, wait)


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
    was_sent = evidence.request_started
    failure = failure_of(
        error,
        waiting_for_pool=evidence.waiting_for_connection,
        was_sent=was_sent,
        heard=getattr(evidence.connection, "heard", b""),
    )
    return failure, None if was_sent else endpoint.cause_of(error)


async def _read_answer(content: aiohttp.StreamReader) -> bytes:
    """Return the body, or just enough of it to see that it is too large."""
    parts = []
    left = MAX_ANSWER_BYTES + 1
    while left > 0 and not content.at_eof():
        part = await content.read(left)
        left -= len(part)
        parts.append(part)
    return b"".join(parts)
