"""Settings of every test run, and aioresponses kept working on current aiohttp."""

import asyncio
import inspect
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import aioresponses.core
import pytest
import pytest_asyncio
from aiohttp.client_proto import ResponseHandler
from aiohttp.streams import StreamReader
from benchmark_modules import ROOT
from hypothesis import HealthCheck, settings
from ledgers import SHELVES, Shelf
from mocked_pabx import ReadingMock
from places import TESTS
from quick_runs import collect_without_garbage, keep_bytecode, sort_by_weight
from virtual_time import no_real_sleep

from digitro_async.ledger import Ledger

settings.register_profile(
    "digitro_async", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("digitro_async")


class _Response(aiohttp.ClientResponse):
    """A response that aioresponses can still build (its issue 289)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("stream_writer", SimpleNamespace(output_size=0))
        super().__init__(*args, **kwargs)


def _stream_reader(loop: Any = None) -> StreamReader:
    protocol = ResponseHandler(loop=loop)
    parser: Any = SimpleNamespace(
        pause_reading=lambda: None,
        resume_reading=lambda: None,
        feed_data=lambda _: ((), False, b""),
        feed_eof=lambda: None,
    )
    protocol._parser = parser  # bodies above 64 KiB ask it to pause
    return StreamReader(protocol, limit=2**16, loop=loop)


def _mend_aioresponses() -> None:
    """Give it what aiohttp 3.14 asks for; delete this once a release does."""
    if "stream_writer" in inspect.signature(aiohttp.ClientResponse).parameters:
        core: Any = aioresponses.core
        core.ClientResponse = _Response
        core.stream_reader_factory = _stream_reader


_mend_aioresponses()

# Until one is set, asking for the main thread's loop makes one: pytest-asyncio asks,
# and nobody closes it. A later test would get the warning.
asyncio.set_event_loop(None)


# A shell that starts the tests in the background has them ignore Ctrl-C, and so would
# every program that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Let coverage measure the processes that run tests, and no program they start."""
    if not getattr(config.option, "numprocesses", None):
        os.environ.pop("COVERAGE_PROCESS_CONFIG", None)
    keep_bytecode(config)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what takes long first."""
    sort_by_weight(items)


def pytest_collection_finish() -> None:
    """Leave the tests themselves out of garbage collections."""
    collect_without_garbage()


@pytest.fixture
def checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let modules be imported from the top folder of the checkout."""
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.fixture(params=SHELVES)
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    """Return where the ledger of this test stands: once for each kind of ledger."""
    return SHELVES[request.param](tmp_path)


@pytest_asyncio.fixture
async def ledger(shelf: Shelf) -> AsyncIterator[Ledger]:
    """Yield an open ledger of each kind."""
    async with shelf.ledger() as ledger:
        yield ledger


@pytest.fixture
def mocked() -> Iterator[ReadingMock]:
    """Answer instead of a PABX."""
    mock = ReadingMock()
    with mock:
        yield mock


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Let no unit test wait for a real clock."""
    if item.path.is_relative_to(TESTS / "unit"):
        with no_real_sleep():
            yield
    else:
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """Empty the databases of a test, once all that it had open is closed."""
    yield
    # Whoever made one has loaded it.
    made = sys.modules.get("postgres_server")
    if made is not None and made.shared_server.cache_info().currsize:
        made.shared_server().clear_databases()
