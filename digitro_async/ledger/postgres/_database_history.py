"""DatabaseHistory: the attempts and blocks of a database, for who changes nothing."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from types import TracebackType
from typing import Final, Self, TypeVar

import attrs

from digitro_async.ledger._ledger_address import DEFAULT_CAMPAIGN, LedgerAddress
from digitro_async.ledger._schedule_port import KeyOf
from digitro_async.ledger._schedule_records import LedgerAttempt, LedgerBlock
from digitro_async.ledger._stored_numbers import number_at
from digitro_async.ledger._stored_schedule import block_hash
from digitro_async.ledger.postgres._postgres_attempts import (
    attempts_query,
    attempts_since_query,
)
from digitro_async.ledger.postgres._postgres_blocks import (
    block_changes_query,
    blocks_query,
)
from digitro_async.ledger.postgres._postgres_keys import KEY_SCHEME
from digitro_async.ledger.postgres._postgres_queries import Query
from digitro_async.ledger.postgres._postgres_session import Row
from digitro_async.ledger.postgres._reading_beside import ReadingBeside
from digitro_async.ledger.postgres._server_address import server_address
from digitro_async.ledger.postgres._stored_texts import original_text

__all__ = ["DatabaseHistory"]

_Answer = TypeVar("_Answer")

_LIMIT: Final = 60.0
_PAGE: Final = 1_000
"""Contacts whose attempts are read at once."""

_CAMPAIGNS: Final = f"""
SELECT c.name, coalesce(s.value, '') FROM digitro.campaign AS c
  LEFT JOIN digitro.setting AS s ON s.campaign = c.number AND s.name = '{KEY_SCHEME}'
 ORDER BY c.number
"""  # noqa: S608 - a constant
# Whom a run without rules called stands in no attempt, or in one without a number.
_NOT_NOTED: Final = """
SELECT c.number, p.numbers, p.destination
  FROM digitro.contact AS c JOIN digitro.person AS p USING (campaign, number)
 WHERE c.campaign = %(campaign)s AND c.number > %(after)s AND c.sent_at IS NOT NULL
   AND p.destination <> ''
   AND (digitro.is_unplanned(c) OR EXISTS (
        SELECT FROM digitro.attempt AS a
         WHERE a.campaign = c.campaign AND a.contact = c.number
           AND (%(all)s OR a.key IS NULL)))
 ORDER BY c.number LIMIT %(most)s
"""


class DatabaseHistory:
    """The past attempts of all campaigns of a database, and its blocked numbers.

    It answers as a ``Schedule`` does, and writes nothing: a role that may only read
    its tables suffices. Numbers of attempts that nobody noted are kept in memory.

    Args:
        address: A campaign that is there.
        left_out: Name of a campaign whose attempts are left out; None for none.
    """

    def __init__(self, address: LedgerAddress, *, left_out: str | None = None) -> None:
        assert address.server is not None  # noqa: S101 - for the type checker
        self._server = address.server
        self._campaign = address.campaign or DEFAULT_CAMPAIGN
        self._left_out = left_out
        self._reading = self._reading_of(self._campaign)
        self._block_key = b""
        self._noted: dict[int, list[LedgerAttempt]] = defaultdict(list)
        self._noted_anew: set[str] = set()  # campaigns of another scheme

    async def __aenter__(self) -> Self:
        _, self._block_key = await _ask(self._reading, block_changes_query())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._reading.close()

    async def note_keys(self, key_of: KeyOf, *, scheme: str) -> int:
        """Note in memory the number of each attempt that nobody noted by this scheme.

        See ``Schedule``.
        """
        campaigns: Query[list[tuple[str, str]]] = Query(
            _CAMPAIGNS, lambda rows: [(name, kept) for name, kept in rows]
        )
        noted = 0
        for name, kept in await _ask(self._reading, campaigns):
            if name == self._left_out:
                continue
            is_other = kept not in {"", scheme}
            if is_other:
                self._noted_anew.add(name)
            reading = self._reading_of(name)
            try:
                noted += await self._note(reading, name, key_of, everybody=is_other)
            finally:
                await reading.close()
        return noted

    async def attempts_of(
        self, contacts: Sequence[int], keys: Collection[int]
    ) -> Sequence[LedgerAttempt]:
        """Return the attempts of contacts and of numbers. See ``Schedule``."""
        found = await _ask(self._reading, attempts_query(contacts, keys))
        own = set(contacts)
        attempts = [
            one
            for one in found
            if one.campaign != self._left_out
            and (one.campaign not in self._noted_anew or self._is_own(one, own))
        ]
        noted = [one for key in keys for one in self._noted.get(key, ())]
        return attempts + [one for one in noted if not self._is_own(one, own)]

    async def attempts_since(self, when: float) -> Sequence[LedgerAttempt]:
        """Return all attempts that began since a moment. See ``Schedule``."""
        found = await _ask(self._reading, attempts_since_query(when))
        return [one for one in found if one.campaign != self._left_out]

    async def blocks(self) -> Sequence[LedgerBlock]:
        """Return every block."""
        return await _ask(self._reading, blocks_query())

    def block_hash(self, key: int) -> bytes:
        """Return the keyed hash by which blocks know a number. See ``Schedule``."""
        return block_hash(key, self._block_key)

    def _is_own(self, one: LedgerAttempt, contacts: set[int]) -> bool:
        """Whether an attempt is one of some contacts of the campaign."""
        return one.campaign == self._campaign and one.contact in contacts

    def _reading_of(self, campaign: str) -> ReadingBeside:
        return ReadingBeside(server_address(self._server, campaign), _LIMIT, 0.0)

    async def _note(
        self, reading: ReadingBeside, name: str, key_of: KeyOf, *, everybody: bool
    ) -> int:
        """Note the numbers of a campaign's attempts, and return how many."""
        after = noted = 0
        while True:
            values = {"after": after, "most": _PAGE, "all": everybody}
            found = Query(_NOT_NOTED, list, values)
            page: list[Row] = await _ask(reading, found)
            if not page:
                return noted
            texts = {number: (text, one) for number, text, one in page}
            after = page[-1][0]
            for one in await _ask(reading, attempts_query([*texts], ())):
                if one.campaign == name and (everybody or one.key is None):
                    text, destination = texts[one.contact]
                    dialled = number_at(one.place, text, original_text(destination))
                    key = key_of(dialled)
                    self._noted[key].append(attrs.evolve(one, key=key))
                    noted += 1


async def _ask(reading: ReadingBeside, query: Query[_Answer]) -> _Answer:
    return await reading.do(lambda reader: reader.ask(query))
