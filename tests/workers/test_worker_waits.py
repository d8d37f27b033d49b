"""``digitro worker --until-done`` says who still waits, and until when."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import (
    Capture,
    folder,
    pabx_with_config,
    run_here,
    write_contacts,
)
from postgres_server import database, needs_postgres

from digitro_async.testing import FakePABX

__all__ = ["folder", "pabx_with_config"]  # fixtures

pytestmark = [needs_postgres, pytest.mark.timeout(300)]

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@pytest.fixture
def url() -> Iterator[str]:
    """Return the address of a database."""
    with database() as address:
        yield address


@pytest.mark.parametrize("named", [True, False])
def test_who_waits(
    pabx: FakePABX, url: str, capsys: Capture, folder: Path, *, named: bool
) -> None:
    """It names each campaign in which contacts wait, and says until when."""
    open_day = DAYS[(dt.datetime.now(dt.UTC).weekday() + 3) % 7]
    hours = f'name = "later"\nweek = {{ {open_day} = ["10:00-11:00"] }}\n'
    (folder / "later.toml").write_text(f"[[hours]]\n{hours}")
    (folder / "any.toml").write_text("")
    contacts = write_contacts(folder / "list.csv", 3)
    words = ["--ledger", url, "--campaign", "spring"]
    assert run_here(capsys, "campaign", "add", contacts, *words).code == 0
    worker = ["worker", *(words if named else words[:2]), "--until-done", "--no-wait"]
    quick = ["--look", "0.1", "--come-again", "0.5"]

    before = run_here(capsys, *worker, "--rules", "later.toml", *quick)
    after = run_here(capsys, *worker, "--rules", "any.toml", *quick)

    assert pabx.posts == 0
    for ran in (before, after):
        assert ran.code == 0
        assert "campaign spring:" in ran.out
        assert "of the pending, 3 wait, the first until 20" in ran.out
    assert "outside_hours" in before.out
