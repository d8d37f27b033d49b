"""Compares docs/reference.md with the code: reasons, kinds of faults, wire names."""

import pytest
from pages import read, rows_under, ticked
from reason_codes import (
    CALL_REASONS,
    CHANNEL_REASONS,
    OTHER_REASONS,
    PAUSE_REASONS,
)
from reference_tables import OUTCOMES, update

from digitro_async.protocol import COMMANDS
from digitro_async.testing import EventFaultKind, Fault, FaultKind


def reasons_under(heading: str) -> list[str]:
    """Return the reasons in the tables under a heading."""
    return [name for row in rows_under("reference", heading) for name in ticked(row[0])]


def test_tables_are_those_of_the_code() -> None:
    """The page has the tables that the code makes."""
    page = read("reference")

    assert update(page) == page, "run: python tests/support/reference_tables.py"


def test_every_reason_of_a_call_is_documented() -> None:
    """Each reason that the code can give a call is in the table, with an outcome."""
    named = reasons_under("Reasons of calls")

    assert len(named) == len(set(named)) > 60
    assert set(named) == set(CALL_REASONS)
    assert [reason for reason, outcomes in OUTCOMES.items() if not outcomes] == []


def test_every_other_reason_is_documented() -> None:
    """Each reason of a pause, a ledger, a file or a channel is in a table, no other."""
    assert set(reasons_under("Reasons of pauses")) == PAUSE_REASONS
    assert set(reasons_under("Reasons of ledgers and files")) == set(OTHER_REASONS)
    assert set(reasons_under("Reasons of event channels")) == CHANNEL_REASONS


@pytest.mark.parametrize(
    "reason",
    ["not_json", "no_channel", "drained", "unknown_pabx", "redirect", "status_451"],
)
def test_reasons_are_found_in_every_form(reason: str) -> None:
    """The reasons are found as arguments, returned codes, names, keys and statuses."""
    assert reason in CALL_REASONS


def test_every_kind_of_fault_is_documented() -> None:
    """Each kind of fault is in the table, has outcomes, and can be made."""
    rows = rows_under("reference", "Kinds of faults")

    assert [ticked(row[0]) for row in rows] == [[kind.value] for kind in FaultKind]
    for kind in FaultKind:
        status = 500 if "status" in kind.traits.required else None
        assert kind.traits.outcomes
        assert Fault(kind, status=status).kind is kind


def test_every_kind_of_event_fault_is_documented() -> None:
    """Each kind of fault of the event channel is in its table, and can be made."""
    rows = rows_under("reference", "Kinds of event faults")

    assert [ticked(row[0]) for row in rows] == [[kind.value] for kind in EventFaultKind]
    for kind in EventFaultKind:
        assert not kind.traits.outcomes
        assert Fault(kind).kind is kind


def test_every_wire_name_is_documented() -> None:
    """Each field stands beside its name on the wire."""
    rows = rows_under("reference", "Names on the wire")

    shown = {tuple(ticked(cell)[0] for cell in row[:3]) for row in rows}
    assert shown == {
        (name, field.name, field.wire_name)
        for name, command in COMMANDS.items()
        for field in command.fields
    }
