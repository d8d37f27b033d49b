"""What rules say to each contact of a ledger, though nobody is called."""

import json
import time
from collections import Counter
from collections.abc import Iterator

import attrs

from digitro_async._common.csv_cells import csv_line
from digitro_async._common.reason_words import words_of
from digitro_async.campaign import RehearsedContact, rehearse
from digitro_async.cli._arguments import Form
from digitro_async.cli._chosen_ledger import ChosenLedger
from digitro_async.cli._command_loop import run_tuned
from digitro_async.cli._exit import Exit
from digitro_async.cli._importing import Plan
from digitro_async.cli._ledger_options import check_is_there
from digitro_async.cli._output import hand_out, print_error
from digitro_async.cli._rehearsed_ledger import rehearsed_ledger
from digitro_async.cli._waiting_contacts import local_moment
from digitro_async.ledger import Ledger, LedgerAddress
from digitro_async.rules import CallingRules

__all__ = ["RuledCounts", "asked", "rehearse_dial", "rehearse_rules", "ruled_lines"]

_COLUMNS = ("contact", "number", "place", "answer", "reason", "rule", "until")
_WIDTH = 24
_SAID = {"now": "dialled now", "later": "deferred", "never": "refused"}


@attrs.define
class RuledCounts:
    """What rules say to the contacts of a ledger, counted.

    Attributes:
        answers: ``now``, ``later`` or ``never``, to how many contacts.
        reasons: Answer, reason and rule, to how many.
        first: Answer, reason and rule, to when the first of them is due.
    """

    answers: Counter[str] = attrs.field(factory=Counter)
    reasons: Counter[tuple[str, str, str]] = attrs.field(factory=Counter)
    first: dict[tuple[str, str, str], float] = attrs.field(factory=dict)

    def take(self, one: RehearsedContact) -> None:
        """Count a contact."""
        self.answers[one.step] += 1
        if one.reason:
            key = (one.step.value, one.reason, one.rule)
            self.reasons[key] += 1
            if one.due is not None:
                self.first[key] = min(one.due, self.first.get(key, one.due))


def rehearse_dial(chosen: ChosenLedger, plan: Plan, form: Form) -> Exit:
    """Print what a dial by rules would do with the contacts of a ledger.

    Raises:
        LedgerError: If it can't be read.
    """
    assert plan.rules is not None  # noqa: S101 - for the type checker
    assert chosen.address is not None  # noqa: S101 - it was named
    counts = rehearse_rules(
        chosen.address,
        plan.rules,
        time.time(),
        form,
        max_attempts=plan.max_attempts,
        accept_loss=plan.insist.accept_loss,
    )
    return Exit.INTERRUPTED if counts is None else Exit.DONE


def rehearse_rules(
    address: LedgerAddress,
    rules: CallingRules,
    when: float,
    form: Form,
    *,
    max_attempts: int | None = None,
    accept_loss: bool = False,
) -> RuledCounts | None:
    """Print what rules say to each contact of a ledger; None where a signal ended it.

    Args:
        address: The ledger.
        rules: The rules.
        when: The moment that they are asked about, a Unix time.
        form: A table of counts and reasons, or a row for each contact.
        max_attempts: Attempts after which a contact is left out.
        accept_loss: Whether a ledger is read that lost a part of its record.

    Raises:
        LedgerError: If it can't be read.
    """
    check_is_there(address)

    async def ask() -> tuple[RuledCounts, list[RehearsedContact]]:
        async with rehearsed_ledger(address, accept_loss=accept_loss) as ledger:
            return await asked(
                ledger, rules, when, max_attempts=max_attempts, keeps=form != "table"
            )

    try:
        counts, rows = run_tuned(ask())
    except KeyboardInterrupt:
        print_error("interrupted: not every contact was asked about")
        return None
    hand_out(ruled_lines(counts, rows, form))
    return counts


async def asked(
    ledger: Ledger,
    rules: CallingRules,
    when: float,
    *,
    max_attempts: int | None = None,
    keeps: bool,
) -> tuple[RuledCounts, list[RehearsedContact]]:
    """Ask the rules about every contact of a copy of a ledger.

    Args:
        ledger: The copy; it is changed.
        rules: The rules.
        when: The moment, a Unix time.
        max_attempts: Attempts after which a contact is left out.
        keeps: Whether each answer is returned, and not the counts alone.
    """
    counts, rows = RuledCounts(), list[RehearsedContact]()
    async for one in rehearse(ledger, rules, now=when, max_attempts=max_attempts):
        counts.take(one)
        if keeps:
            rows.append(one)
    return counts, rows


def ruled_lines(
    counts: RuledCounts, rows: list[RehearsedContact], form: Form
) -> Iterator[bytes]:
    """Yield the answers: a table of counts, or a row for each contact."""
    if form == "csv":
        yield csv_line(_COLUMNS)
        yield from (csv_line(_cells(one)) for one in rows)
    elif form == "json":
        for before, one in zip(["[\n", *[",\n"] * len(rows)], rows, strict=False):
            row = dict(zip(_COLUMNS, _cells(one), strict=True))
            yield f"{before}{json.dumps(row)}".encode()
        yield b"\n]\n" if rows else b"[]\n"
    else:
        yield from _table(counts)


def _cells(one: RehearsedContact) -> list[object]:
    until = "" if one.due is None else local_moment(one.due)
    return [
        *(f"#{one.number}", one.masked, one.place + 1),
        *(one.step.value, one.reason, one.rule, until),
    ]


def _table(counts: RuledCounts) -> Iterator[bytes]:
    for answer, said in _SAID.items():
        yield f"{said:<{_WIDTH}} {counts.answers[answer]:,}\n".encode()
        found = [key for key in counts.reasons if key[0] == answer]
        for key in sorted(found, key=lambda one: -counts.reasons[one]):
            _, reason, rule = key
            text = f"{counts.reasons[key]:,}: {words_of(reason)}"
            text += f", by the rule {rule}" if rule else ""
            if key in counts.first:
                text += f"; the first until {local_moment(counts.first[key])}"
            yield f"  {reason:<{_WIDTH - 2}} {text}\n".encode()
