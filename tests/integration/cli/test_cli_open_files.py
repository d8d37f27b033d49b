"""The files that a dial may open at once: looked at before anybody is called."""

import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import (
    Capture,
    fake_pabx,
    folder,
    number,
    run_here,
    start,
    write_config,
    write_contacts,
)

from digitro_async import PABX, PoolSettings, RateLimit
from digitro_async.cli._open_files import descriptors_needed
from digitro_async.testing import FakePABX

__all__ = ["folder"]  # fixtures

LIMIT = resource.RLIMIT_NOFILE
TOO_MANY = "too many open files: "
WAY_OUT = "raise ulimit -n or lower max_in_flight"


@pytest.fixture
def pabx(folder: Path) -> Iterator[FakePABX]:
    """Run a simulated PABX in another thread, with a list for it."""
    write_contacts(folder / "c.csv", 60)
    with fake_pabx() as running:
        write_config(folder / "digitro.toml", running.base_url, rate=500)
        yield running


@pytest.mark.parametrize("words", [(), ("--no-ledger",), ("--dry-run",)])
def test_too_few_are_said_before_the_first_call(
    folder: Path, pabx: FakePABX, words: tuple[str, ...]
) -> None:
    """A dial that can't open enough files calls nobody, and says how it can."""

    def limit() -> None:
        resource.setrlimit(LIMIT, (40, 40))

    with start("dial", "c.csv", *words, cwd=folder, preexec_fn=limit) as running:
        ran = running.end()

    assert (ran.code, pabx.posts) == (2, 0)
    assert TOO_MANY in ran.err
    assert "max_in_flight = 100, and 40 are allowed" in ran.err
    assert WAY_OUT in ran.err
    assert not (folder / "c.csv.ledger.db").exists()


def test_few_calls_at_once_need_few(folder: Path, pabx: FakePABX) -> None:
    """A list is dialled to its end with the fewest files that are let through."""
    write_config(folder / "digitro.toml", pabx.base_url, pabx="max_in_flight = 2")
    for most in range(34, 100):
        allowed = (most, most)
        with start(
            *("dial", "c.csv"),
            cwd=folder,
            preexec_fn=lambda allowed=allowed: resource.setrlimit(LIMIT, allowed),
        ) as running:
            ran = running.end()
        if TOO_MANY not in ran.err:
            break

    assert (ran.code, pabx.posts) == (0, 60)
    assert "can't be" not in ran.err


def test_limit_of_this_process_is_raised_where_that_is_allowed(
    folder: Path, pabx: FakePABX, capsys: Capture
) -> None:
    """A soft limit that anybody may raise stops nobody."""
    before = resource.getrlimit(LIMIT)
    resource.setrlimit(LIMIT, (100, before[1]))
    try:
        ran = run_here(capsys, "dial", "c.csv")
        raised = resource.getrlimit(LIMIT)
    finally:
        resource.setrlimit(LIMIT, before)

    assert (ran.code, pabx.posts) == (0, 60)
    assert raised[0] > 100
    assert raised[1] == before[1]


@pytest.mark.parametrize(
    ("settings", "connections"),
    [
        ({}, 100),
        ({"max_in_flight": 7}, 7),
        ({"rate": RateLimit(50)}, 105),
        ({"rate": RateLimit(50), "pool": PoolSettings(rest=1.0)}, 150),
        ({"rate": RateLimit(500), "pool": PoolSettings(rest=1.0)}, 200),
        ({"pool": PoolSettings(max_connections=9)}, 9),
    ],
)
def test_every_connection_that_may_be_open_counts(
    settings: dict[str, Any], connections: int
) -> None:
    """Calls on the wire and connections at rest are counted, for each PABX."""
    none = descriptors_needed([])
    one, two = (
        PABX(name, "http://127.0.0.1", 1, number(1), **settings) for name in "ab"
    )

    assert descriptors_needed([one]) - none == connections
    assert descriptors_needed([one, two]) - none == 2 * connections
