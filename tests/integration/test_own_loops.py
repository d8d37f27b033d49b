"""What belongs to one event loop names itself where it is used wrongly, at once."""

import asyncio
import gc
import re
import sys
import warnings
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers import ScriptedTransport, make_call, make_pabx

from digitro_async import (
    ClientClosedError,
    ConfigurationError,
    DigitroClient,
    Dispatcher,
    LedgerError,
    SessionManager,
    WrongLoopError,
    open_ledger,
)
from digitro_async.ledger import Ledger
from digitro_async.testing import ChaosProxy, FakePABX, HostilePABX

Use = Callable[[], Coroutine[Any, Any, Any]]


def client() -> DigitroClient:
    """Return a client that opens nothing."""
    return DigitroClient(make_pabx(), transport=ScriptedTransport())


async def idle(_: Any) -> None:
    """Do nothing with a connection."""


USES: dict[str, Use] = {
    "enter a client": lambda: client().__aenter__(),
    "call": lambda: client().make_predictive_call(make_call()),
    "close a client": lambda: client().aclose(),
    "submit": lambda: Dispatcher(make_pabx(), ScriptedTransport()).submit(make_call()),
    "stream": lambda: (
        Dispatcher(make_pabx(), ScriptedTransport()).stream([]).__aenter__()
    ),
    "enter a session manager": lambda: SessionManager().__aenter__(),
    "start a simulator": lambda: FakePABX().start(),
    "start a hostile server": lambda: HostilePABX(idle).start(),
    "start a proxy": lambda: ChaosProxy("127.0.0.1", 9).start(),
}


@pytest.fixture
def without_a_loop() -> Iterator[Callable[[Use], str]]:
    """Run a use as a library other than asyncio would, and return the error's text."""

    def run(use: Use) -> str:
        coroutine = use()
        with pytest.raises(WrongLoopError) as caught:
            coroutine.send(None)
        return str(caught.value)

    yield run
    gc.collect()


@pytest.mark.parametrize("use", USES.values(), ids=list(USES))
def test_no_loop(use: Use, without_a_loop: Callable[[Use], str]) -> None:
    """Without an event loop of asyncio each use says so at its first step."""
    text = without_a_loop(use)

    assert "needs a running event loop of asyncio" in text


@pytest.mark.parametrize("use", USES.values(), ids=list(USES))
def test_trio(
    use: Use, without_a_loop: Callable[[Use], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under trio each use names trio, and the way to run it."""
    trio = SimpleNamespace(lowlevel=SimpleNamespace(in_trio_run=lambda: True))
    monkeypatch.setitem(sys.modules, "trio", trio)

    text = without_a_loop(use)

    assert "needs asyncio, and trio runs here" in text
    assert 'anyio.run with backend="asyncio"' in text


def test_a_strange_trio(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another module of the name of trio does no harm."""
    monkeypatch.setitem(sys.modules, "trio", SimpleNamespace())

    with pytest.raises(WrongLoopError, match="none runs here"):
        client().__aenter__().send(None)


def run_in_two(first: Use, second: Use, last: Use) -> str:
    """Run a use in one loop, fail in another, end in the first; return the text."""

    async def fail() -> str:
        with pytest.raises(WrongLoopError) as caught:
            await second()
        return str(caught.value)

    with asyncio.Runner() as one, asyncio.Runner() as other:
        one.run(first())
        text = other.run(fail())
        one.run(last())
    return text


@pytest.mark.parametrize("use", ["enter", "call", "dispatch", "close"])
def test_a_client_in_another_loop(use: str) -> None:
    """A client names itself and where it was opened, and can be closed there still."""
    made = DigitroClient(make_pabx())

    async def dispatch() -> None:
        made.dispatch([])

    uses: dict[str, Use] = {
        "enter": made.__aenter__,
        "call": lambda: made.make_predictive_call(make_call()),
        "dispatch": dispatch,
        "close": made.aclose,
    }
    text = run_in_two(made.__aenter__, uses[use], made.aclose)

    assert "<DigitroClient one> belongs to the event loop" in text
    assert re.search(r"at test_own_loops\.py:\d+;", text)
    assert "make one DigitroClient for each" in text


def test_results_in_another_loop() -> None:
    """Results that are entered in another loop than they were made in say so."""
    made = DigitroClient(make_pabx())
    results = []

    async def dispatch() -> None:
        results.append(made.dispatch([make_call()]))

    async def enter() -> None:
        await results[0].__aenter__()

    text = run_in_two(dispatch, enter, made.aclose)

    assert "<DispatchResults not entered> belongs to the event loop" in text


def test_a_session_manager_in_another_loop() -> None:
    """A client of a manager that belongs to another loop names the manager."""
    sessions = SessionManager()
    made = DigitroClient(make_pabx(), sessions=sessions)
    text = run_in_two(sessions.__aenter__, made.__aenter__, sessions.aclose)

    assert "<SessionManager 0 hosts> belongs to the event loop" in text


def test_a_server_in_another_loop() -> None:
    """A simulator that can't answer gives no address; before, and after, it does."""
    fake = FakePABX()

    async def ask() -> None:
        fake.settings()

    text = run_in_two(fake.start, ask, fake.aclose)
    assert "the simulator can't answer here" in text
    assert fake.settings().base_url == fake.base_url

    text = run_in_two(fake.start, fake.aclose, fake.aclose)
    assert "<FakePABX" in text


async def test_a_server_in_another_thread() -> None:
    """A simulator whose loop runs in another thread is used as any other."""
    started = asyncio.Event()
    here = asyncio.get_running_loop()
    fakes: list[FakePABX] = []

    async def serve() -> None:
        async with FakePABX() as fake:
            fakes.append(fake)
            there = asyncio.get_running_loop()
            done = there.create_future()
            here.call_soon_threadsafe(started.set)
            ends.append(lambda: there.call_soon_threadsafe(done.set_result, None))
            await done

    ends: list[Callable[[], object]] = []
    thread = asyncio.create_task(asyncio.to_thread(asyncio.run, serve()))
    await started.wait()
    async with DigitroClient(fakes[0].settings()) as made:
        await made.make_predictive_call(make_call())
    ends[0]()
    await thread

    assert fakes[0].accepted == 1


async def test_before_the_start_and_after_the_end() -> None:
    """What is not open yet, or no more, says so by its name."""
    for server in (FakePABX(), HostilePABX(idle)):
        with pytest.raises(ConfigurationError, match="no port before it is started"):
            server.settings()
    made = client()
    await made.aclose()
    with pytest.raises(ClientClosedError, match="<DigitroClient closed one> was"):
        await made.make_predictive_call(make_call())
    sessions = SessionManager()
    await sessions.aclose()
    with pytest.raises(ClientClosedError, match="the SessionManager was closed"):
        await sessions.__aenter__()


def open_client() -> DigitroClient:
    """Return a client that opened nothing yet, but could."""
    return DigitroClient([make_pabx("one"), make_pabx("two")])


UNCLOSED: dict[str, tuple[Callable[[], Any], str]] = {
    "client": (
        open_client,
        (
            r"unclosed <DigitroClient one, two> for 127\.0\.0\.1:9, opened at"
            r" test_own_loops\.py:\d+: use it as .async with., or await its aclose\(\)"
        ),
    ),
    "session manager": (SessionManager, r"unclosed <SessionManager 0 hosts>, opened"),
    "simulator": (FakePABX, r"unclosed <FakePABX 127\.0\.0\.1:\d+ posts=0>, opened"),
    "hostile server": (lambda: HostilePABX(idle), r"unclosed <HostilePABX"),
    "chaos proxy": (lambda: ChaosProxy("127.0.0.1", 9), r"unclosed <ChaosProxy"),
}


@pytest.mark.parametrize(("make", "text"), UNCLOSED.values(), ids=list(UNCLOSED))
@pytest.mark.parametrize("opened", [True, False])
def test_unclosed(make: Callable[[], Any], text: str, opened: bool) -> None:
    """What was opened and never closed warns once, with its name and the way out."""

    async def forget() -> None:
        made = make()
        if opened:
            await made.__aenter__()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asyncio.run(forget())
        gc.collect()
    texts = [str(warning.message) for warning in caught]
    ours = [one for one in texts if ", opened at" in one]  # beside those of sockets

    assert len(ours) == opened
    assert all(re.match(text, one) for one in ours)


def test_closed() -> None:
    """What was closed warns of nothing, nor does a client of a closed manager."""

    async def use() -> None:
        async with SessionManager() as sessions, FakePABX() as fake:
            shared = DigitroClient(fake.settings(), sessions=sessions)
            await shared.make_predictive_call(make_call())
            async with DigitroClient(fake.settings()) as made:
                await made.make_predictive_call(make_call())
        del shared

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(use())
        gc.collect()


def test_settings_that_were_refused() -> None:
    """What could not be made warns of nothing."""
    with pytest.raises(ConfigurationError):
        DigitroClient([])
    with pytest.raises(ConfigurationError):
        FakePABX(idle_timeout=-1)
    gc.collect()


async def close(ledger: Ledger) -> None:
    """Leave a ledger."""
    await ledger.__aexit__(None, None, None)


class TestLedgers:
    """A ledger in a file, whose thread hands results to one loop."""

    @pytest.mark.parametrize(
        "use",
        [lambda one: one.counts(), lambda one: one.add([]), close],
    )
    def test_another_loop(self, tmp_path: Path, use: Callable[[Ledger], Any]) -> None:
        """A ledger that is used in another loop names itself, and the line."""
        ledger = open_ledger(tmp_path / "one.db")
        text = run_in_two(ledger.__aenter__, lambda: use(ledger), lambda: close(ledger))

        assert "<SQLiteLedger one.db> belongs to the event loop" in text
        assert "at test_own_loops.py:" in text

    def test_no_loop(
        self, tmp_path: Path, without_a_loop: Callable[[Use], str]
    ) -> None:
        """Without a loop nothing is opened."""
        text = without_a_loop(open_ledger(tmp_path / "one.db").__aenter__)

        assert "<SQLiteLedger one.db> needs a running event loop" in text
        assert list(tmp_path.iterdir()) == []

    async def test_before_and_after(self, tmp_path: Path) -> None:
        """A ledger that is not open says whether it is to be entered, or is over."""
        ledger = open_ledger(tmp_path / "one.db")
        with pytest.raises(LedgerError, match=r"one\.db is not open: enter it first"):
            await ledger.counts()
        async with ledger:
            pass
        for use in (ledger.counts, lambda: ledger.add([])):
            with pytest.raises(LedgerError, match=r"one\.db was closed"):
                await use()

    def test_unclosed(self, tmp_path: Path) -> None:
        """A ledger that is forgotten warns by its name."""

        async def forget() -> None:
            await open_ledger(tmp_path / "one.db").__aenter__()
            gc.collect()

        with pytest.warns(ResourceWarning, match="unclosed <SQLiteLedger one.db>, op"):
            asyncio.run(forget())
