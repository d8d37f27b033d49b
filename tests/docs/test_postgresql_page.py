"""The example of docs/postgresql.md runs as it stands there, in its own database."""

import pytest
from examples import run_block
from pages import blocks_of
from postgres_server import database, needs_postgres

SHOWN = "postgresql://dialler@db.example/dialling"


@needs_postgres
async def test_example(capsys: pytest.CaptureFixture[str]) -> None:
    """The example opens a campaign that is not there yet, and counts nobody in it."""
    (block,) = blocks_of("postgresql", "A ledger in PostgreSQL", "python")
    assert SHOWN in block
    with database() as address:
        await run_block("postgresql", block, {SHOWN: address}, {"__name__": "page"})

    assert "<State.PENDING: 'pending'>: 0" in capsys.readouterr().out
