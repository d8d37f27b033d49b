"""A process ends where its database is silent, and tells systemd while it is not."""

import asyncio
import socket
from pathlib import Path

import pytest
from helpers import until
from virtual_time import virtual_time

from digitro_async import ConfigurationError, LedgerError
from digitro_async.workers import (
    DATABASE_LOST,
    Liveness,
    LivenessSettings,
    ServiceManager,
)

SETTINGS = LivenessSettings(every=2.0, answer=3.0, misses=3)


class Database:
    """Answers as it is told to.

    Attributes:
        mood: Whether it answers, fails, is mute, or answers every third time.
        asked: How often it was asked.
    """

    def __init__(self, mood: str) -> None:
        self.mood = mood
        self.asked = 0

    async def ask(self) -> None:
        """Answer, fail, or say nothing."""
        self.asked += 1
        if self.mood == "fails":
            raise LedgerError(reason="lost")
        if self.mood == "mute" or (self.mood == "mostly mute" and self.asked % 3):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await asyncio.Event().wait()  # as a driver that waits for the server


class TestSilence:
    """Misses in a row end the process, and nothing else does."""

    @pytest.mark.parametrize(("mood", "seconds"), [("mute", 13), ("fails", 4)])
    @virtual_time
    async def test_ended(self, mood: str, seconds: float) -> None:
        """A database that is mute, or fails, ends the process within the time said."""
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with Liveness(Database(mood).ask, SETTINGS, end=ended.set):
            await ended.wait()

        assert loop.time() - began == pytest.approx(seconds, abs=0.1)
        assert seconds <= SETTINGS.longest

    @virtual_time
    async def test_alive(self) -> None:
        """A database that answers ends nothing, and is asked again and again."""
        database, ended = Database("answers"), asyncio.Event()
        async with Liveness(database.ask, SETTINGS, end=ended.set):
            await asyncio.sleep(1_000)

        assert not ended.is_set()
        assert database.asked == pytest.approx(500, abs=2)

    @virtual_time
    async def test_misses_in_a_row(self) -> None:
        """An answer in between begins the count anew."""
        database, ended = Database("mostly mute"), asyncio.Event()
        async with Liveness(database.ask, SETTINGS, end=ended.set):
            await asyncio.sleep(1_000)

        assert database.asked > 200
        assert not ended.is_set()


class TestServiceManager:
    """systemd hears of the process by plain datagrams."""

    @pytest.fixture
    def heard(self, tmp_path: Path) -> socket.socket:
        """Return a socket that hears what the service manager would."""
        hearing = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        hearing.bind(str(tmp_path / "notify"))
        hearing.settimeout(0.0)
        return hearing

    def test_words(self, heard: socket.socket, tmp_path: Path) -> None:
        """Each thing to tell is one datagram in sd_notify's words."""
        with heard:
            manager = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "notify")})
            manager.tell_ready()
            manager.feed_watchdog()
            manager.tell_stopping()
            said = [heard.recv(100) for _ in range(3)]

        assert said == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]

    async def test_watchdog(self, heard: socket.socket, tmp_path: Path) -> None:
        """The watchdog is fed by an answer of the database, and by nothing else."""
        manager = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        settings = LivenessSettings(every=0.001, answer=30.0, misses=10**6)
        database = Database("fails")
        with heard:
            async with Liveness(database.ask, settings, manager=manager):
                await until(lambda: database.asked > 5)
                with pytest.raises(BlockingIOError):
                    heard.recv(100)
                database.mood = "answers"
                asked = database.asked
                await until(lambda: database.asked > asked + 1)
                assert heard.recv(100) == b"WATCHDOG=1"

    @pytest.mark.parametrize(
        ("given", "seconds"),
        [
            ({}, None),
            ({"WATCHDOG_USEC": "30000000"}, None),
            ({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "30000000"}, 30.0),
            ({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "soon"}, None),
            (
                {
                    "NOTIFY_SOCKET": "@x",
                    "WATCHDOG_USEC": "3000000",
                    "WATCHDOG_PID": "1",
                },
                None,
            ),
        ],
    )
    def test_watchdog_time(self, given: dict[str, str], seconds: float | None) -> None:
        """The watchdog's time is known where there is one that watches this process."""
        assert ServiceManager(given).watchdog == seconds

    def test_nobody_there(self, tmp_path: Path) -> None:
        """Without a service manager, or one that is gone, nothing happens."""
        ServiceManager({}).tell_ready()
        ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).tell_ready()


def test_settings() -> None:
    """The settings are checked, and say how long a silence may last."""
    assert SETTINGS.longest == 15.0
    assert DATABASE_LOST == 75
    with pytest.raises(ConfigurationError):
        LivenessSettings(misses=0)
