"""Celery: celery -A celery_tasks worker --pool threads --concurrency 16.

Threads share one client, so one cap holds for all of them, and one ledger. With the
pool "prefork" each child would need a client of its own (opened in worker_process_init)
with its share of the cap, and a contact could be known to one child alone.

A broker may deliver a task twice, and a task may be sent twice. Both are harmless here:
a contact is called once, by its id, and a task that comes again gives the same result.
"""

import json
import os

from calls_once import CallsOnce
from celery import Celery, Task
from celery.signals import worker_init, worker_shutdown

from digitro_async import PABX, DigitroError, NotSentError, RateLimit, RefusedError
from digitro_async.blocking import BlockingClient

DEADLINE = 30.0  # seconds in which a call begins, or not at all
app = Celery("calls", broker=os.environ["BROKER"], backend=os.environ["RESULTS"])
app.conf.update(
    broker_transport_options=json.loads(os.environ.get("BROKER_OPTIONS", "{}")),
    task_acks_late=True,  # a worker that dies leaves its task to the next one
    task_reject_on_worker_lost=True,
)

PABX_OF_ALL = PABX(
    "matriz",
    os.environ["PABX_URL"],
    channel_id=int(os.environ["PABX_CHANNEL"]),
    api_key=os.environ["PABX_API_KEY"],
    rate=RateLimit(int(os.environ["PABX_RATE"])),
)
EVERY_CALL = {
    "device": os.environ["PABX_DEVICE"],
    "device_password": os.environ["PABX_DEVICE_PASSWORD"],
}


class Caller:
    """The client and the ledger of this process, opened when the worker begins."""

    def __init__(self) -> None:
        self.client = BlockingClient(PABX_OF_ALL)
        self.calls: CallsOnce | None = None

    def open(self, **_: object) -> None:
        """Open both, in this process and after any fork."""
        self.client.open()
        self.calls = self.client.run(self._open_calls)

    async def _open_calls(self, client: object) -> CallsOnce:
        once = CallsOnce(
            client, PABX_OF_ALL, os.environ["LEDGER"], EVERY_CALL, deadline=DEADLINE
        )
        return await once.__aenter__()

    def close(self, **_: object) -> None:
        """Wait for the calls on the wire, then close both."""
        if self.calls is not None:
            self.client.run(lambda _: self.calls.__aexit__(None, None, None))
        self.client.close()


caller = Caller()
worker_init.connect(caller.open)
worker_shutdown.connect(caller.close)


@app.task(bind=True, max_retries=10)
def make_call(task: Task, contact: str, destination: str) -> dict[str, str]:
    """Call a contact once; only a call that provably was not placed is tried again."""
    try:
        call_id = caller.client.run(lambda _: caller.calls.place(contact, destination))
    except (NotSentError, RefusedError) as error:
        seconds = getattr(error, "retry_after", None) or 5
        raise task.retry(countdown=seconds, exc=error) from None
    except DigitroError as error:  # final: a repeat would be told the same
        return {"outcome": str(error.outcome), "reason": error.reason}
    return {"outcome": "accepted", "call_id": call_id}


@app.task
def health() -> dict[str, str]:
    """Return whether calls can be made, for a monitor."""
    return {"status": str(caller.client.health().status)}


@app.task
def resume() -> None:
    """End a pause; only an operator's queue should lead here."""
    caller.client.resume()
