"""What a ledger knows of one number: its attempts, its contact, and its block."""

import datetime as dt
from collections.abc import Iterator, Sequence

import attrs

from digitro_async.campaign._heeded_history import past_attempt
from digitro_async.cli._command_loop import run_tuned
from digitro_async.cli._rehearsed_ledger import schedule_to_look_at
from digitro_async.ledger import LedgerAddress, LedgerAttempt, LedgerBlock
from digitro_async.ledger._ledger_address import DEFAULT_CAMPAIGN
from digitro_async.rules import (
    BlockGate,
    BlockTerms,
    CalledNumber,
    CallingRules,
    Gate,
    MemoryAttemptHistory,
    time_zone,
)

__all__ = ["NumberInLedger", "campaign_of", "look_up"]


@attrs.frozen(kw_only=True)
class NumberInLedger:
    """What a ledger knows of one number.

    Attributes:
        campaign: Name of the campaign whose contacts are known by their number alone.
        attempts: The attempts by it, and all of the contact that had it last.
        contact: The ledger's number of that contact; None where nobody had it.
        block: Its block by an order; None where there is none.
    """

    campaign: str
    attempts: Sequence[LedgerAttempt] = ()
    contact: int | None = None
    block: LedgerBlock | None = None

    def history(self, now: float) -> MemoryAttemptHistory:
        """Return the attempts as gates ask for them."""
        history = MemoryAttemptHistory()
        for one in self.attempts:
            history.add(past_attempt(one, self.campaign, now))
        return history

    def gates(self) -> list[Gate]:
        """Return the gate of the ledger's own block, where it has one."""
        return [] if self.block is None else [BlockGate([_OneBlock(self.block)])]

    def lines(self, zone: str) -> Iterator[tuple[str, str]]:
        """Yield what is known, as a name and a text."""
        by_it = [one for one in self.attempts if one.key is not None]
        yield "attempts", f"{len(by_it)} of this number and its contact are known"
        for one in sorted(by_it, key=_beginning):
            yield "", _said(one, zone)
        if self.block is not None:
            until = self.block.until
            end = "for ever" if until is None else f"until {_local(until, zone)}"
            yield "blocked in the ledger", f"{end}: {self.block.reason}"

    def fields(self, zone: str) -> dict[str, object]:
        """Return what is known, for a document."""
        block = self.block
        return {
            "attempts": [
                {
                    "contact": f"#{one.contact}",
                    "campaign": one.campaign,
                    "began_at": None
                    if one.began_at is None
                    else _local(one.began_at, zone),
                    "state": one.state.value,
                    "outcome": None if one.outcome is None else one.outcome.value,
                    "disposition": None
                    if one.disposition is None
                    else one.disposition.value,
                    "ended_at": None
                    if one.ended_at is None
                    else _local(one.ended_at, zone),
                }
                for one in sorted(self.attempts, key=_beginning)
            ],
            "block": None
            if block is None
            else {
                "reason": block.reason,
                "until": None if block.until is None else _local(block.until, zone),
            },
        }


class _OneBlock:
    """A block list with one entry: the number that is asked about."""

    name = "blocks of the ledger"

    def __init__(self, block: LedgerBlock) -> None:
        self._block = block

    def find(self, _: CalledNumber, when: float) -> BlockTerms | None:
        """Return the terms of the number, None where they are over."""
        until = self._block.until
        if until is not None and until <= when:
            return None
        return BlockTerms(self._block.reason, until)


def campaign_of(address: LedgerAddress) -> str:
    """Return the name of a ledger's campaign, empty for a file's."""
    if address.server is None:
        return ""
    return address.campaign or DEFAULT_CAMPAIGN


def look_up(
    address: LedgerAddress,
    rules: CallingRules,
    number: CalledNumber,
    *,
    accept_loss: bool = False,
) -> NumberInLedger:
    """Return what a ledger knows of a number. No ledger is changed.

    Args:
        address: The ledger.
        rules: The rules; they say which number a text is.
        number: The number.
        accept_loss: Whether a file is read though a part of its record is missing.

    Raises:
        LedgerError: If it can't be read.
    """
    return run_tuned(_look_up(address, rules, number, accept_loss=accept_loss))


async def _look_up(
    address: LedgerAddress,
    rules: CallingRules,
    number: CalledNumber,
    *,
    accept_loss: bool,
) -> NumberInLedger:
    def key_of(text: str) -> int:
        return rules.called_number(text).key

    campaign = campaign_of(address)
    async with schedule_to_look_at(address, accept_loss=accept_loss) as schedule:
        if schedule is None:
            return NumberInLedger(campaign=campaign)
        # What is noted is thrown away with the copy, or is in memory alone.
        await schedule.note_keys(key_of, scheme=rules.key_scheme)
        attempts = list(await schedule.attempts_of([], [number.key]))
        own = [one for one in attempts if one.campaign == campaign]
        contact = max(own, key=_beginning).contact if own else None
        if contact is not None:
            more = await schedule.attempts_of([contact], [])
            known = {(one.began_at, one.place) for one in own if one.contact == contact}
            attempts += [one for one in more if (one.began_at, one.place) not in known]
        key = schedule.block_hash(number.key)
        blocks = [one for one in await schedule.blocks() if one.hash == key]
        block = blocks[0] if blocks else None
        return NumberInLedger(
            campaign=campaign, attempts=attempts, contact=contact, block=block
        )


def _beginning(attempt: LedgerAttempt) -> float:
    return 0.0 if attempt.began_at is None else attempt.began_at


def _said(one: LedgerAttempt, zone: str) -> str:
    began = "about to begin" if one.began_at is None else _local(one.began_at, zone)
    became = one.disposition or one.outcome or one.state
    campaign = f" of {one.campaign}" if one.campaign else ""
    return (
        f"{began}, contact #{one.contact}{campaign}, number {one.place + 1}: {became}"
    )


def _local(when: float, zone: str) -> str:
    local = dt.datetime.fromtimestamp(when, time_zone(zone))
    return local.isoformat(timespec="seconds")
