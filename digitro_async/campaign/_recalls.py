"""Recalls: lets contacts be tried again whose calls have ended, as the rules say."""

from collections import defaultdict
from collections.abc import Callable, Sequence

import attrs

from digitro_async.campaign._heeded_history import past_attempt
from digitro_async.ledger import EndedContact, LedgerAttempt, Schedule
from digitro_async.rules import PastAttempt, Recall, RecallRules

__all__ = ["Recalls"]

CONTACTS_AT_ONCE = 500
"""Contacts that are looked at together."""


class Recalls:
    """Lets accepted contacts wait for a recall, where a rule recalls them.

    It asks the ledger alone, so it comes to the same after a crash, and for ends that
    were told while no run listened.

    Args:
        rules: The rules for recalls.
        schedule: The schedule of the ledger.
        key_of: Returns the key of a number.
        campaign: Name of the campaign.
        clock: Tells the Unix time.
    """

    def __init__(
        self,
        rules: RecallRules,
        schedule: Schedule,
        key_of: Callable[[str], int],
        campaign: str,
        clock: Callable[[], float],
    ) -> None:
        self._rules = rules
        self._schedule = schedule
        self._key_of = key_of
        self._campaign = campaign
        self._clock = clock

    async def consider(self, numbers: Sequence[int]) -> int:
        """Look at contacts whose calls have ended; return how many are recalled.

        Args:
            numbers: The contacts.

        Raises:
            LedgerError: If the ledger can't be read or written.
        """
        ended = await self._schedule.ended(
            self._rules.rules.keys(), numbers=numbers, limit=len(numbers)
        )
        return await self._recall(ended)

    async def sweep(self) -> int:
        """Look at all contacts whose calls have ended; return how many are recalled.

        Raises:
            LedgerError: If the ledger can't be read or written.
        """
        recalled = after = 0
        while True:
            ended = await self._schedule.ended(
                self._rules.rules.keys(), after=after, limit=CONTACTS_AT_ONCE
            )
            recalled += await self._recall(ended)
            if len(ended) < CONTACTS_AT_ONCE:
                return recalled
            after = ended[-1].number

    async def _recall(self, ended: Sequence[EndedContact]) -> int:
        if not ended:
            return 0
        now, recalled = self._clock(), 0
        attempts: dict[int, list[LedgerAttempt]] = defaultdict(list)
        for one in await self._schedule.attempts_of([it.number for it in ended], ()):
            attempts[one.contact].append(one)
        for contact in ended:
            keys = [self._key_of(it.destination.reveal()) for it in contact.numbers]
            past = [
                past_attempt(one, self._campaign, now)
                for one in attempts[contact.number]
                if one.campaign == self._campaign
            ]
            answer = self._rules.after(_with_end(past, now), keys)
            if isinstance(answer, Recall) and answer.number in keys:
                recalled += await self._schedule.recall(
                    contact.number,
                    attempts=contact.attempts,
                    due=answer.due,
                    place=keys.index(answer.number),
                    reason=f"recall_{answer.rule}",
                    now=now,
                )
        return recalled


def _with_end(attempts: list[PastAttempt], now: float) -> list[PastAttempt]:
    """Return attempts of which the last has an end: nobody tells when none was seen."""
    last = attempts[-1] if attempts else None
    if last is None or last.disposition is None or last.ended_at is not None:
        return attempts
    return [*attempts[:-1], attrs.evolve(last, ended_at=now)]
