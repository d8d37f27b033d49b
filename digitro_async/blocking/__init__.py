"""Calls from programs without an event loop: threads, Celery tasks, scripts."""

from digitro_async.blocking._blocking_client import BlockingClient
from digitro_async.blocking._blocking_results import BlockingResults

__all__ = ["BlockingClient", "BlockingResults"]
