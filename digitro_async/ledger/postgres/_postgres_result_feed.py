"""PostgresResultFeed: reads the results of campaigns that several processes dial.

Numbers are drawn in one order and committed in another, so a position alone would pass
over what is committed late. So results are read up to a fence only: a number that was
the last one to be seen when every transaction that might hold a lower one was noted,
once all of these have ended. Nobody is made to wait for that.
"""

import hashlib
import re
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self

import attrs
import psycopg

from digitro_async.call_events import CallEnd
from digitro_async.errors import DigitroError, LedgerError
from digitro_async.ledger._codes import STEPS
from digitro_async.ledger._result_feed_port import (
    BEGINNING,
    FeedPosition,
    LedgerResult,
    ResultPage,
)
from digitro_async.ledger._stored_ends import end_of
from digitro_async.ledger.postgres._postgres_errors import no_server, problem_of
from digitro_async.ledger.postgres._postgres_migrations import (
    check_version,
    latest_version,
)
from digitro_async.ledger.postgres._postgres_session import (
    PostgresSession,
    Row,
    SessionLostError,
)
from digitro_async.ledger.postgres._result_sql import (
    CAMPAIGNS,
    CHECK,
    ENDS,
    KEEP,
    LAST_EVENT,
    LAST_TOLD,
    OUTCOMES,
    TAKE,
    WRITERS,
)
from digitro_async.ledger.postgres._server_address import server_address
from digitro_async.ledger.postgres._stored_texts import original_or_none
from digitro_async.privacy import Secret

__all__ = ["PostgresResultFeed"]

_SECONDS: Final = 30.0
"""Most seconds of one statement."""

_RIGHT: Final = 0x44475748
"""The advisory lock of who hands results on, with the campaign's number: "DGWH"."""

_FORM: Final = re.compile(r"([0-9a-f]{32}) (\d{1,19}) (\d{1,19}) (\d{1,19})")


@attrs.define
class _FedCampaign:
    """A campaign whose results this process hands on."""

    number: int
    name: str
    key: bytes
    position: FeedPosition


@attrs.frozen
class _Fence:
    """Numbers up to which everything can be seen, once the writers have ended."""

    event: int = 0
    told: int = 0
    writers: frozenset[str] = frozenset()


class PostgresResultFeed:
    """Hands on the results of campaigns in a database. See ``ResultFeed``.

    It has a connection of its own. The position of each campaign is a setting of it.

    Args:
        url: The address of the database.
        campaigns: Names of the campaigns; empty for every one there is.
    """

    def __init__(self, url: str | Secret, campaigns: Sequence[str] = ()) -> None:
        given = url if isinstance(url, Secret) else Secret(url)
        del url  # tools show the locals of an error's frames
        name = campaigns[0] if campaigns else "default"
        self._address = server_address(given, name)
        self._names = list(campaigns) or None
        self._session: PostgresSession | None = None
        self._mine: dict[int, _FedCampaign] = {}
        self._next: _Fence | None = None
        self._fence = _Fence()
        self._is_elsewhere = False

    async def __aenter__(self) -> Self:
        await self._connected()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._leave()

    @property
    def is_elsewhere(self) -> bool:
        """Whether another process hands on the results of all of these campaigns."""
        return self._is_elsewhere

    async def read(self, most: int) -> ResultPage | None:
        """Return the next results. See ``ResultFeed``."""
        await self._take_campaigns()
        if not self._mine:
            return None
        await self._move_fence()
        # Who was handed on comes last the next time.
        for number in list(self._mine):
            campaign = self._mine.pop(number)
            self._mine[number] = campaign
            page = await self._page_of(campaign, most)
            if page.results:
                return page
            campaign.position = page.position
        return None

    async def confirm(self, page: ResultPage) -> None:
        """Record that a page was handed on. See ``ResultFeed``."""
        campaign = next(
            (one for one in self._mine.values() if one.name == page.campaign), None
        )
        # The right to a campaign ends with the connection by which it was taken.
        if campaign is None or self._session is None or not self._session.is_open:
            await self._leave()
            raise self._failed("the connection was lost")
        at = page.position
        value = f"{at.check} {at.event} {at.told} {at.intent}"
        await self._ask(KEEP, {"campaign": campaign.number, "value": value})
        campaign.position = at

    async def _page_of(self, campaign: _FedCampaign, most: int) -> ResultPage:
        fence, at = self._fence, campaign.position
        if fence.event <= at.event and fence.told <= at.told:
            return ResultPage(campaign.name, (), at)
        values: dict[str, Any] = {
            "campaign": campaign.number,
            "after": at.event,
            "until": fence.event,
            "most": most,
        }
        rows = await self._ask(OUTCOMES, values)
        results = [_outcome_in(campaign.key, row) for row in rows]
        event = rows[-1][0] if len(rows) == most else max(fence.event, at.event)
        told, intent = at.told, at.intent
        if len(rows) < most:
            values |= {"until": fence.told, "told": told, "intent": intent}
            ends = await self._ask(ENDS, values | {"most": most - len(rows)})
            results += [_end_in(campaign.key, row) for row in ends]
            if ends:
                told, intent = ends[-1][:2]
        check = await self._check_of(event)
        return ResultPage(
            campaign.name, results, FeedPosition(event, told, intent, check)
        )

    async def _take_campaigns(self) -> None:
        """Take the campaigns whose results nobody else hands on."""
        rows = await self._ask(CAMPAIGNS, {"names": self._names})
        taken = 0
        for number, name, key, kept in rows:
            if number in self._mine:
                taken += 1
                continue
            ((is_taken,),) = await self._ask(TAKE, (_RIGHT, number))
            if is_taken:
                taken += 1
                # Read once more: whoever had it may have moved it since.
                position = await self._position_of(number, kept)
                self._mine[number] = _FedCampaign(number, name, bytes(key), position)
        self._is_elsewhere = bool(rows) and not taken

    async def _position_of(self, number: int, kept: str) -> FeedPosition:
        for one, _, _, value in await self._ask(CAMPAIGNS, {"names": self._names}):
            if one == number:
                kept = value
        found = _FORM.fullmatch(kept)
        if found is None:
            return BEGINNING
        event, told, intent = map(int, found.groups()[1:])
        if await self._check_of(event) != found[1]:
            return BEGINNING
        ((last,),) = await self._ask(LAST_TOLD)
        return BEGINNING if told > last else FeedPosition(event, told, intent, found[1])

    async def _check_of(self, event: int) -> str:
        rows = await self._ask(CHECK, {"event": event})
        row = rows[0] if rows else None
        return hashlib.blake2b(repr(row).encode(), digest_size=16).hexdigest()

    async def _move_fence(self) -> None:
        """Move the fence where all who might have stood before it have ended."""
        if self._next is not None:
            writers = await self._writers()
            if self._next.writers & writers:
                return
            self._fence, self._next = self._next, None
        # Ends first: the outcome of a call is seen before its end is.
        ((told,),) = await self._ask(LAST_TOLD)
        ((event,),) = await self._ask(LAST_EVENT)
        if (event, told) != (self._fence.event, self._fence.told):
            self._next = _Fence(event, told, await self._writers())
            if not self._next.writers:
                self._fence, self._next = self._next, None

    async def _writers(self) -> frozenset[str]:
        return frozenset(one for (one,) in await self._ask(WRITERS))

    async def _ask(
        self, statement: str, values: dict[str, Any] | tuple[Any, ...] | None = None
    ) -> list[Row]:
        session = await self._connected()
        try:
            return await session.run(statement, values)
        except (SessionLostError, TimeoutError):
            problem = "the connection was lost"
        except psycopg.Error as error:  # its text may hold values
            problem = problem_of(error)
        await self._leave()
        raise self._failed(problem)

    def _failed(self, problem: str) -> LedgerError:
        return LedgerError(
            f"the results of {self._address.name} can't be read: {problem}",
            reason="unreadable",
        )

    async def _connected(self) -> PostgresSession:
        if self._session is not None and self._session.is_open:
            return self._session
        await self._leave()
        problem = "it does not answer in time"
        try:
            session = await PostgresSession.open(self._address, _SECONDS, writes=True)
            self._session = session
            await self._check_schema(session)
        except DigitroError:
            await self._leave()
            raise
        except (SessionLostError, TimeoutError):
            pass
        except psycopg.Error as error:
            problem = problem_of(error)
        else:
            return session
        await self._leave()
        raise no_server(self._address.name, problem)

    async def _check_schema(self, session: PostgresSession) -> None:
        ((version,),) = await session.run(
            "SELECT coalesce((SELECT version FROM digitro.schema_version), 0)"
        )
        check_version(version)
        if version < latest_version():
            raise LedgerError(
                f"{self._address.name} was made by an earlier version: dial it once, "
                "which brings it up to date",
                reason="other_schema",
            )

    async def _leave(self) -> None:
        """Close the connection; the rights to campaigns end with it."""
        session, self._session = self._session, None
        self._mine.clear()
        self._fence, self._next = _Fence(), None
        if session is not None:
            await session.close()


def _outcome_in(key: bytes, row: Row) -> LedgerResult:
    _, contact, step, at, pabx, call_id, reason, own_id = row
    return LedgerResult.of_step(
        key,
        STEPS[step],
        contact=contact,
        own_id=original_or_none(own_id),
        at=at,
        pabx=pabx,
        call_id=original_or_none(call_id),
        reason=reason,
    )


def _end_in(key: bytes, row: Row) -> LedgerResult:
    _, _, contact, began_at, pabx, own_id, call_id, code, word, *others = row
    values = (code, original_or_none(word), *others)
    end = end_of(values, contact, pabx, original_or_none(call_id))
    assert isinstance(end, CallEnd)  # noqa: S101 - its columns are never NULL
    return LedgerResult.of_end(
        key,
        end,
        contact=contact,
        own_id=original_or_none(own_id),
        began_at=began_at,
    )
