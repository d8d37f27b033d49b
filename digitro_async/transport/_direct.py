"""The direct way to send: one write on a pooled connection, and its answer read.

aiohttp's connector makes and ends the connections, and its reader reads the answers
that are not of the documented shape. The ``ClientSession`` between them is left out. So
tools that hook into sessions see nothing of these calls: where there is such a tool,
the calls take the public way.
"""

from collections.abc import Awaitable

import aiohttp

from digitro_async.protocol import Evidence, Observation, Request
from digitro_async.transport._direct_answers import ReadAnswer
from digitro_async.transport._endpoint import Endpoint

__all__ = ["ask_directly"]


# No async def: a task that is woken passes through every coroutine it awaits.
def ask_directly(
    endpoint: Endpoint, request: Request, evidence: Evidence
) -> Awaitable[Observation | ReadAnswer]:
    """Write a request on a connection of the pool and return the answer to come.

    Args:
        endpoint: The endpoint of the PABX.
        request: The request.
        evidence: The evidence of the attempt.
    """
    whole = endpoint.composers[request.path](request.body)
    connection = endpoint.pool.take_now(evidence)
    if connection is None:
        return _connect_and_ask(endpoint, whole, evidence)
    return connection.send(whole, evidence, endpoint.silence)


async def _connect_and_ask(
    endpoint: Endpoint, request: bytes, evidence: Evidence
) -> Observation | ReadAnswer:
    """Write a request on a connection that is made or waited for."""
    connection = None
    try:
        connection = await endpoint.connector.take(
            evidence, evidence, endpoint.target, [], endpoint.phases
        )
    except aiohttp.ClientError:
        raise
    except TimeoutError:
        pass
    if connection is None:  # raised here, so that it has no other error as its context
        raise aiohttp.ConnectionTimeoutError
    return await connection.send(request, evidence, endpoint.silence)
