"""Writes the tables of docs/reference.md from the code.

``python tests/support/reference_tables.py`` writes them anew; a test fails where the
page differs.
"""

import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from reason_codes import CALL_REASONS

from digitro_async._common.reason_words import REASON_WORDS, words_of
from digitro_async.errors import Outcome
from digitro_async.protocol import (
    CAUSES,
    COMMANDS,
    Failure,
    Observation,
    classify_evidence,
)
from digitro_async.testing import EventFaultKind, FaultKind

__all__ = ["OUTCOMES", "tables", "update"]

PAGE: Final = Path(__file__).parents[2] / "docs" / "reference.md"

_TAKERS: Final = {
    "InvalidCallError": Outcome.INVALID,
    "DrainedError": Outcome.NOT_SENT,
    "NotSentError": Outcome.NOT_SENT,
    "UnreadableBodyError": Outcome.UNKNOWN,
    "ConfigurationError": Outcome.NOT_SENT,
}
_OFTEN: Final = {Failure.TIMEOUT, Failure.LOST}
"""Failures that come before and after sending."""
_BY_TLS: Final = {Failure.TLS_EXPECTED, Failure.CLIENT_CERTIFICATE}
_NEVER_SENT: Final = {
    *(reason for reason in CAUSES if reason not in _OFTEN | _BY_TLS),
    *(Failure.POOL_TIMEOUT, Failure.CONFIGURATION, "rate_wait_timeout", "deadline"),
    Failure.LEASE_ENDED,
    # What the rules of calling put off.
    *("number_in_use", "callback"),
}
_EITHER: Final = {*_OFTEN, Failure.CANCELLED, Failure.UNEXPECTED}
_NEVER_UNSENT: Final = {
    *(Failure.MALFORMED, Failure.TRUNCATED, Failure.OVERSIZED, Failure.INTERIM),
    *("answer_before_request", "repeated_call_id", "doubtful_answer"),
    "unexpected_answer",
}
_SAY_NO: Final = {"rejected_in_answer", "no_such_command"}


def _outcomes_of(reason: str) -> set[Outcome]:
    """Return the outcomes that come with a reason."""
    if reason in _BY_TLS:
        return {Outcome.REFUSED, Outcome.UNKNOWN}
    found: set[Outcome] = set()
    for status in range(100, 1000):
        by_status = classify_evidence(Observation(request_started=True, status=status))
        if by_status.reason == reason:
            found.add(by_status.outcome)
    found |= {_TAKERS[one] for one in CALL_REASONS[reason] if one in _TAKERS}
    if reason in _NEVER_SENT | _EITHER:
        found.add(Outcome.NOT_SENT)
    if reason in _NEVER_UNSENT | _EITHER:
        found.add(Outcome.UNKNOWN)
    if reason in _SAY_NO:
        found.add(Outcome.REJECTED)
    return found


OUTCOMES: Final = {reason: _outcomes_of(reason) for reason in CALL_REASONS}
"""The outcomes that come with each reason of a call."""


def _meaning(reason: str) -> str:
    if reason in CAUSES and reason not in _OFTEN:
        return CAUSES[reason]
    assert reason in REASON_WORDS or reason.startswith("status_"), reason
    return words_of(reason)


def _row(*cells: object) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _ticked(values: Iterable[Outcome]) -> str:
    return " ".join(f"`{one}`" for one in Outcome if one in set(values))


def _reasons() -> Iterator[str]:
    yield "| reason | outcome | meaning |"
    yield "|---|---|---|"
    known = [*Failure, *REASON_WORDS]
    order = {str(reason): number for number, reason in enumerate(known)}
    for reason in sorted(CALL_REASONS, key=lambda one: (order.get(one, 10**6), one)):
        yield _row(f"`{reason}`", _ticked(OUTCOMES[reason]), _meaning(reason))


def _documented(kind: type[EventFaultKind | FaultKind]) -> dict[str, str]:
    """Return the text under each member of the class."""
    source = inspect.getsource(kind)
    found = re.findall(r'(?ms)^    ([A-Z_0-9]+) = .*?^    """(.*?)"""', source)
    return {name: " ".join(text.split()) for name, text in found}


def _faults() -> Iterator[str]:
    yield "| kind | decided at | rings | status | outcome | on the wire |"
    yield "|---|---|---|---|---|---|"
    texts = _documented(FaultKind)
    for kind in FaultKind:
        traits = kind.traits
        status: object = traits.status if traits.reads else None
        if "status" in traits.required:
            status = "any"
        yield _row(
            f"`{kind}`",
            traits.stage.name.lower(),
            "yes" if traits.places else "no",
            status or "none",
            _ticked(traits.outcomes),
            texts[kind.name].replace("``", "`").removeprefix("(places) "),
        )


def _event_faults() -> Iterator[str]:
    yield "| kind | decided at | on the wire |"
    yield "|---|---|---|"
    texts = _documented(EventFaultKind)
    for kind in EventFaultKind:
        text = texts[kind.name].replace("``", "`")
        yield _row(f"`{kind}`", kind.traits.stage.name.lower(), text)


def _wire_names() -> Iterator[str]:
    yield "| command | field | on the wire | required | secret or personal |"
    yield "|---|---|---|---|---|"
    for command in COMMANDS.values():
        for field in command.fields:
            kept = "secret" * field.is_secret or "personal" * field.is_personal
            required = "yes" if field.is_required else "no"
            names = f"`{field.name}`", f"`{field.wire_name}`"
            yield _row(f"`{command.name}`", *names, required, kept or "no")


def tables() -> dict[str, str]:
    """Return each table by its mark."""
    made = {"reasons": _reasons(), "faults": _faults(), "wire names": _wire_names()}
    made["event faults"] = _event_faults()
    return {mark: "\n".join(lines) for mark, lines in made.items()}


def update(text: str) -> str:
    """Return the text of the page with the tables of now between their marks.

    Raises:
        ValueError: If the page has not one place for a table.
    """
    for mark, table in tables().items():
        begin, end = f"<!-- {mark} -->\n\n", f"\n\n<!-- /{mark} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"the page has not one place for {mark}")
        before, _, rest = text.partition(begin)
        text = before + begin + table + end + rest.partition(end)[2]
    return text


if __name__ == "__main__":
    PAGE.write_text(update(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
