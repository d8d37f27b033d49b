"""The page about workers says what the code does, and its program runs."""

import re
from pathlib import Path
from typing import Any

from ledgers import contacts
from pages import blocks_of, read, rows_under
from postgres_server import database

from digitro_async.cli._run_worker import DEFAULTS
from digitro_async.ledger import PostgresLedger
from digitro_async.testing import FakePABX
from digitro_async.workers import DATABASE_LOST


async def test_program(fake_pabx: FakePABX, tmp_path: Path) -> None:
    """The program dials a campaign to its end."""
    config = tmp_path / "digitro.toml"
    config.write_text(
        f"""
[[pabx]]
name = "matriz"
base_url = "{fake_pabx.base_url}"
channel_id = 1
api_key = "demo-key"
[call]
device = "1125000"
device_password = "4567"
"""
    )
    [block] = blocks_of("workers", "In a program", "python")
    names: dict[str, Any] = {"__name__": "workers"}
    exec(compile(block, "<workers>", "exec"), names)
    with database() as url:
        async with PostgresLedger(url, "spring") as ledger:
            await ledger.add(contacts(30))
        await names["work"](url, str(config))

    assert fake_pabx.accepted == 30


def test_figures() -> None:
    """The defaults, and the times that come of them, are those of the command."""
    page = read("workers")
    shown = {
        name: figure
        for row in rows_under("workers", "Settings")
        for name, figure in zip(
            re.findall(r"--[\w-]+", row[0]), row[1].split(", "), strict=True
        )
    }
    for name, figure in shown.items():
        value = getattr(DEFAULTS, name.removeprefix("--").replace("-", "_"))
        assert float(figure) == value
    slicing, liveness = DEFAULTS.slicing(), DEFAULTS.signs().liveness
    longest = slicing.lease + slicing.clean_up + 2 * slicing.look

    assert f"{longest:.0f} s. Signs of life" in page
    assert f"{liveness.longest:.0f} s. It has" in page.replace("\n", " ")
    assert f"exit code {DATABASE_LOST}**" in page
