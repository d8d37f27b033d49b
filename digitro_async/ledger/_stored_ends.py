"""PURE: how the ends of calls stand in a database."""

import json
from collections.abc import Sequence
from typing import Any, Final

from digitro_async.call_events import CallEnd, CallPhase, EndEvidence
from digitro_async.ledger._call_ends_port import kept_text
from digitro_async.ledger._codes import DISPOSITION_CODES, DISPOSITIONS
from digitro_async.ledger._records import storable

__all__ = ["END_VALUES", "end_of", "row_of_end"]

END_VALUES: Final = (
    *("disposition", "word", "started_at", "rang_at", "answered_at", "ended_at"),
    *("pabx_times", "evidence"),
)
"""Columns of an end, in the order in which it is written and read."""


def row_of_end(number: int, end: CallEnd) -> tuple[Any, ...]:
    """Return the values that ``write_ends`` takes for one end."""
    times = {phase: kept_text(at) for phase, at in end.pabx_times.items()}
    return (
        *(number, end.pabx, storable(end.call_id or "")),
        *(DISPOSITION_CODES[end.disposition], kept_text(end.word)),
        *(end.started_at or 0.0, end.rang_at or 0.0),
        *(end.answered_at or 0.0, end.ended_at or 0.0),
        *(json.dumps(times) if times else "", end.evidence.value),
    )


def end_of(
    values: Sequence[Any], number: int, pabx: str | None, call_id: str | None
) -> CallEnd | None:
    """Return the end that ``END_COLUMNS`` hold, None where there is none.

    Args:
        values: The values of the columns.
        number: The contact.
        pabx: Name of the PABX that has its call.
        call_id: The call id.
    """
    code, word, started_at, rang_at, answered_at, ended_at, times, evidence = values
    if code is None:
        return None
    return CallEnd(
        pabx=pabx or "",
        disposition=DISPOSITIONS[code],
        evidence=EndEvidence(evidence),
        call_id=call_id,
        key=number,
        word=word,
        started_at=started_at,
        rang_at=rang_at,
        answered_at=answered_at,
        ended_at=ended_at,
        pabx_times={
            CallPhase(phase): str(at) for phase, at in json.loads(times or "{}").items()
        },
    )
