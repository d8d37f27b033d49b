"""CampaignAccess: one campaign's two connections: one writes, the other reads."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from digitro_async._common.own_loop import OwnLoop
from digitro_async.errors import LedgerError
from digitro_async.ledger.postgres._postgres_connector import (
    OpenCampaign,
    PostgresConnector,
)
from digitro_async.ledger.postgres._postgres_queries import Query
from digitro_async.ledger.postgres._postgres_reader import PostgresLedgerReader
from digitro_async.ledger.postgres._postgres_session import PostgresSession
from digitro_async.ledger.postgres._postgres_writer import PostgresWriter
from digitro_async.ledger.postgres._reading_beside import ReadingBeside
from digitro_async.ledger.postgres._server_address import ServerAddress

__all__ = ["CampaignAccess"]

_Answer = TypeVar("_Answer")


class CampaignAccess:
    """The ways to one campaign in a database, once it is open.

    Args:
        address: The address.
        subject: The ledger, for error texts.
        limit: Most seconds of a statement.
        patience: Seconds for which a lost connection is tried for again.
        shares_caps: Whether who dials shares the caps of each PABX with others.

    Attributes:
        campaign: The campaign, as the database knows it.
        block_key: The key that blocked numbers are hashed with.
        connector: It makes the connection that writes.
        reading: The connection that reads.
        own_loop: The loop that it belongs to.
    """

    def __init__(
        self,
        address: ServerAddress,
        subject: object,
        *,
        limit: float,
        patience: float,
        shares_caps: bool,
    ) -> None:
        self.campaign: OpenCampaign = OpenCampaign(0, b"")
        self.block_key: bytes = b""
        self.connector: PostgresConnector = PostgresConnector(
            address, limit=limit, patience=patience, shares_caps=shares_caps
        )
        self.reading: ReadingBeside = ReadingBeside(address, limit, patience)
        self.own_loop: OwnLoop = OwnLoop()
        self._name = address.name
        self._subject = repr(subject)
        self._writer: PostgresWriter | None = None

    async def open(self) -> None:
        """Connect.

        Raises:
            LedgerError: If it was open before, or can't be used.
        """
        if self._writer is not None:
            text = "a ledger is entered once: open another one of the same campaign"
            raise LedgerError(text, reason="entered_before")
        self.own_loop.check(self._subject)
        session, self.campaign, self.block_key = await self.connector.open()
        self._writer = PostgresWriter(
            session,
            self.campaign.number,
            name=self._name,
            reconnect=self.connector.reopen,
        )

    async def close(self, last: Callable[[PostgresSession], Awaitable[Any]]) -> None:
        """Write what waits, and something more, and close the connections.

        Args:
            last: A function of the writing connection; its failure is nobody's.
        """
        if self._writer is not None:
            self.own_loop.check(self._subject)
            await self._writer.close(last)
            await self.reading.close()

    async def abort(self) -> None:
        """Close the connections; nothing that waits is written."""
        if self._writer is not None:
            await self._writer.abort()
            await self.reading.close()

    @property
    def is_open(self) -> bool:
        """Whether it can be used."""
        return self._writer is not None and self._writer.is_open

    @property
    def writer(self) -> PostgresWriter:
        """Who writes.

        Raises:
            LedgerError: If it is not open.
        """
        writer = self._writer
        if writer is not None and writer.is_open:
            return writer
        text = 'is not open: enter it first, by "async with"'
        if writer is not None:
            text = "was closed: open another ledger of the same campaign"
        raise LedgerError(f"{self._name} {text}", reason="closed")

    def do(
        self, act: Callable[..., Awaitable[_Answer]], **given: Any
    ) -> Awaitable[_Answer]:
        """Let the writer run a function of its connection and the campaign.

        Args:
            act: The function; it may be run twice, each time in another transaction.
            given: What else it takes.
        """
        return self.change(lambda session: act(session, self.campaign.number, **given))

    def change(
        self, act: Callable[[PostgresSession], Awaitable[_Answer]]
    ) -> Awaitable[_Answer]:
        """Let the writer run a function of its connection, as ``do`` does."""
        writer = self.writer
        self.own_loop.check(self._subject)
        return writer.write(act)

    async def read(self, query: Query[_Answer]) -> _Answer:
        """Return the answer to a query."""
        return await self.ask(lambda reader: reader.ask(query))

    async def ask(self, ask: Callable[[PostgresLedgerReader], _Answer]) -> _Answer:
        """Return what a function of the reader gives."""
        self.writer  # noqa: B018 - raises where it is not open
        self.own_loop.check(self._subject)
        return await self.reading.do(ask)
