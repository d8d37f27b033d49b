"""The program on the page about shared caps does what the page says."""

from typing import Any

import pytest
from helpers import make_call
from pages import blocks_of
from postgres_server import database, needs_postgres

from digitro_async import RateLimit
from digitro_async.testing import FakePABX


@needs_postgres
async def test_a_worker(capsys: pytest.CaptureFixture[str]) -> None:
    """The calls are made by the slots that the database allots."""
    [program] = blocks_of("shared-caps", "In a program", "python")
    found: dict[str, Any] = {}
    exec(program, found)
    with database() as address:
        async with FakePABX(rate=RateLimit(50)) as pabx:
            calls = [make_call() for _ in range(5)]
            await found["dial"](calls, pabx.settings(), address)

            assert pabx.accepted == 5
            assert pabx.over_cap == []
    assert capsys.readouterr().out == "None accepted\n" * 5
