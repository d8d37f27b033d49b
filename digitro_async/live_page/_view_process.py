"""ViewProcess: has another process read the ledger for a page, when somebody looks."""

import asyncio
import contextlib
import json
import sys
from collections.abc import Iterable, Sequence
from typing import Final

from digitro_async.ledger import LedgerAddress
from digitro_async.live_page._view_child import values_of_address
from digitro_async.models import PABX

__all__ = ["ViewProcess"]

_LONGEST_ANSWER: Final = 2**24
_NO_VIEW: Final = b'{"problem": "the ledger can\'t be shown now"}'


class ViewProcess:
    """Reads the views of a ledger in a process of its own.

    A ledger of a million contacts takes seconds to read, which whoever dials does not
    have. The process is begun when the first view is wanted.

    Args:
        address: Where the ledger is.
        pabx: The PABX as they are configured.
        max_attempts: Attempts after which a contact is out of attempts.
        campaigns: Names of the campaigns of a database that are shown, none for all
            that it has; None for the one of the address.
    """

    def __init__(
        self,
        address: LedgerAddress,
        pabx: Iterable[PABX] = (),
        *,
        max_attempts: int = 5,
        campaigns: Sequence[str] | None = None,
    ) -> None:
        self._values = values_of_address(address, pabx, max_attempts, campaigns)
        self._process: asyncio.subprocess.Process | None = None

    async def view(self) -> bytes:
        """Return the name and the sections of the page, or a problem, as JSON."""
        try:
            process = await self._begun()
            assert process.stdin is not None  # noqa: S101 - for the type checker
            assert process.stdout is not None  # noqa: S101 - the same
            process.stdin.write(b"\n")
            await process.stdin.drain()
            line = await process.stdout.readline()
        except (OSError, ValueError):
            await self.close()
            return _NO_VIEW
        except asyncio.CancelledError:
            await self.close()  # its next answer would be another one's
            raise
        if line.endswith(b"}\n"):
            return line.rstrip()  # read by browsers alone: whoever dials has no time
        await self.close()  # it ended, perhaps within a line
        return _NO_VIEW

    async def close(self) -> None:
        """End the process; a view that is wanted later begins another one."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        # Shielded: nobody else waits for it.
        waiting = asyncio.ensure_future(process.wait())
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(waiting)

    async def _begun(self) -> asyncio.subprocess.Process:
        if self._process is not None:
            return self._process
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "digitro_async.live_page._view_child"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_LONGEST_ANSWER,
            start_new_session=True,
        )
        assert process.stdin is not None  # noqa: S101 - for the type checker
        # Not in its words: every user of a machine can read those.
        process.stdin.write(json.dumps(self._values).encode() + b"\n")
        self._process = process
        return process
