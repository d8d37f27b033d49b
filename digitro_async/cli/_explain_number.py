"""``digitro contacts explain``: every gate's answer about one number."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from digitro_async._common.masking import masked
from digitro_async.cli._asked_number import asked_number
from digitro_async.cli._exit import Exit, exit_after_check
from digitro_async.cli._gated_numbers import local_time, said
from digitro_async.cli._loaded_rules import moment_of, rules_of
from digitro_async.cli._output import hand_out
from digitro_async.errors import ConfigurationError
from digitro_async.ledger import LedgerAddress
from digitro_async.rules import (
    ALLOW,
    CalledNumber,
    CallingRules,
    Defer,
    GateAnswer,
    GateExplanation,
    MemoryAttemptHistory,
    PlannedCall,
    Refuse,
)

if TYPE_CHECKING:
    from digitro_async.cli._explained_ledger import NumberInLedger

__all__ = ["explain_number"]

_WIDTH = 24


def explain_number(
    number: str | None,
    rules: Path | None,
    at: str | None,
    *,
    address: LedgerAddress | None = None,
    accept_loss: bool = False,
    as_json: bool,
) -> Exit:
    """Print what each gate says to a call of one number at a moment.

    Args:
        number: The number; None to ask for it, so that it does not show in the list of
            processes.
        rules: The rules file.
        at: The moment as text; None for now.
        address: The ledger whose attempts and blocks count; None for none.
        accept_loss: Whether it is read though a part of its record is missing.
        as_json: Whether the answers are printed as JSON.

    Raises:
        ConfigurationError: If the rules, the number or the moment can't be used.
    """
    if rules is None:
        raise ConfigurationError("explain needs --rules, such as --rules rules.toml")
    when = moment_of(at)
    loaded = rules_of(rules)
    text = asked_number("explain") if number is None else number
    _check_number(text)
    called = loaded.called_number(text)
    known, campaign = None, ""
    if address is not None:
        known, campaign = _looked_up(address, loaded, called, accept_loss=accept_loss)
    call = PlannedCall(
        contact=None if known is None else known.contact,
        number=called,
        campaign=campaign,
    )
    gates = loaded.gates(
        MemoryAttemptHistory() if known is None else known.history(when),
        more=() if known is None else known.gates(),
    )
    answers = gates.explain(call, when)
    end = gates.next_moment(call, when)
    if as_json:
        hand_out([_json(called, when, answers, end, known)])
    else:
        shown = masked(text)
        lines = _table(
            *(loaded, called, known),
            shown=shown,
            when=when,
            answers=answers,
            end=end,
        )
        hand_out(lines)
    return exit_after_check(int(end is not ALLOW))


def _looked_up(
    address: LedgerAddress,
    rules: CallingRules,
    called: CalledNumber,
    *,
    accept_loss: bool,
) -> tuple["NumberInLedger", str]:
    """Return what a ledger knows of a number, and the name of its campaign."""
    from digitro_async.cli._explained_ledger import (  # noqa: PLC0415 - loads a loop
        campaign_of,
        look_up,
    )

    known = look_up(address, rules, called, accept_loss=accept_loss)
    return known, campaign_of(address)


def _check_number(text: str) -> None:
    """Refuse a text that no list could hold as a number, such as a file's name.

    Raises:
        ConfigurationError: If it is none.
    """
    has_digit = any(one.isdecimal() for one in text)
    if not has_digit or any(one.isalpha() for one in text):
        raise ConfigurationError(
            "explain: NUMBER must be digits, with + * # or punctuation among them; "
            "for a list use digitro contacts check"
        )


def _table(
    rules: CallingRules,
    called: CalledNumber,
    known: "NumberInLedger | None",
    *,
    shown: str,
    when: float,
    answers: list[GateExplanation],
    end: GateAnswer,
) -> Iterator[bytes]:
    zone = called.area.zones[0]
    area = called.area
    places = f"{', '.join(area.states)}; {', '.join(area.zones)}"
    if not area.is_known:
        places = "not known: the rules of every state hold, each by its own clock"
    yield _line("number", shown)
    yield _line("area code", f"{area.code or 'none'} ({places})")
    yield _line("asked for", local_time(when, zone))
    for one in answers:
        yield _line(one.gate, said(one.answer, zone))
    yield _line("so it is", said(end, zone))
    if known is None:
        yield _line("past attempts", "none are known: caps are as if there were none")
    else:
        for name, text in known.lines(zone):
            yield _line(name, text)
    for preset in rules.presets:
        yield _line("preset", f"{preset.name} of {preset.date}; not legal advice")


def _json(
    called: CalledNumber,
    when: float,
    answers: list[GateExplanation],
    end: GateAnswer,
    known: "NumberInLedger | None",
) -> bytes:
    zone = called.area.zones[0]
    document = {
        "area_code": called.area.code,
        "states": list(called.area.states) if called.area.is_known else [],
        "asked_for": local_time(when, zone),
        "gates": [{"gate": one.gate, **_fields(one.answer, zone)} for one in answers],
        **_fields(end, zone),
        **({} if known is None else known.fields(zone)),
    }
    return f"{json.dumps(document)}\n".encode()


def _fields(answer: GateAnswer, zone: str) -> dict[str, str]:
    if isinstance(answer, Refuse):
        return {"answer": "refuse", "reason": answer.reason, "rule": answer.rule}
    if isinstance(answer, Defer):
        until = local_time(answer.until, zone)
        fields = {"answer": "defer", "reason": answer.reason, "rule": answer.rule}
        return {**fields, "until": until}
    return {"answer": "allow"}


def _line(name: str, text: str) -> bytes:
    return f"{name:<{_WIDTH}} {text}\n".encode()
