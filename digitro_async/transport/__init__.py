"""I/O: the only importer of aiohttp's client."""

from digitro_async.transport._lean import LeanSessionManager
from digitro_async.transport._port import Transport
from digitro_async.transport._sessions import SessionManager

__all__ = ["LeanSessionManager", "SessionManager", "Transport"]
