"""``digitro simulate --events``."""

import asyncio
import os
import queue
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from command_line import Capture, folder, run_here
from simulated_events import ChannelReader

from digitro_async.testing import FakePABX

__all__ = ["folder"]  # a fixture

EVENTS = """
[events]
preset = "simulator"
open = { path = "/my/own" }
"""
CONFIG = """
[[pabx]]
base_url = "http://127.0.0.1:1"
api_key = "key"
"""


def simulate(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, path: str, *words: object
) -> list[str]:
    """Run a simulator that takes one call over a channel, and return its lines."""
    started: queue.Queue[FakePABX] = queue.Queue()
    start = FakePABX.start
    reading, writing = os.pipe()

    async def start_and_say(self: FakePABX) -> FakePABX:
        await start(self)
        started.put(self)
        return self

    async def make_call() -> None:
        async with ChannelReader(started.get(timeout=60), path) as channel:
            await channel.event()
            await channel.call(1)
            while "ENDED" not in ((await channel.event())[0] or ""):
                pass

    def use_it() -> None:
        try:
            asyncio.run(make_call())
        finally:
            os.close(writing)

    client = threading.Thread(target=use_it)
    monkeypatch.setattr(FakePABX, "start", start_and_say)
    with open(reading) as stdin:  # noqa: PTH123 - a descriptor
        monkeypatch.setattr(sys, "stdin", stdin)
        client.start()
        ran = run_here(capsys, "simulate", "--port", 0, "--while-stdin", *words)
    client.join()
    assert (ran.code, ran.err) == (0, "")
    return ran.out.splitlines()


def test_what_became_of_calls_is_said(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A simulator with events tells what becomes of calls, and counts them."""
    words = ("--events", "simulator", "--shares", "busy=2.5,fax=0", "--ring", "0-0.01")
    lines = simulate(capsys, monkeypatch, "/events/open", *words)

    assert lines[1] == "received 1, accepted 1, would have rung 1, connections 2"
    assert lines[3:] == [
        "event channels: 1 opened, 0 refused, 0 dropped; 2 events about calls",
        "became of calls: 1 busy; at most 1 in progress, 0 now",
    ]


def test_names_of_a_configuration(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A simulator speaks the names of a digitro.toml."""
    (folder / "d.toml").write_text(EVENTS + CONFIG)
    words = ("--events", "d.toml", "--shares", "answered=1", "--talk", "0.01")
    lines = simulate(capsys, monkeypatch, "/my/own", *words, "--ring", "0.01")

    assert lines[-1].startswith("became of calls: 1 answered;")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--events", "pabx"), "events: open is missing"),
        (("--events", "none"), "--events must be one of pabx, interact-cti, neo, sim"),
        (("--events", "bare.toml"), "bare.toml: there is no [events] table"),
        (("--events", "neo", "--ring", "x"), "--ring must be seconds, such as 5 or"),
        (("--events", "neo", "--talk", "5-"), "--talk must be seconds, such as 5 or"),
        (("--events", "neo", "--talk", "5-4"), "talk must be seconds, the least and"),
        (("--events", "neo", "--shares", "gone=1"), "--shares must be such as answe"),
        (("--events", "neo", "--shares", "busy"), "--shares must be such as answered"),
        (("--events", "neo", "--shares", "busy=0"), "shares must hold one above 0"),
        (("--ring", "5"), "--shares, --ring and --talk need --events"),
    ],
)
def test_options_that_can_not_be_used(
    folder: Path, capsys: Capture, words: tuple[Any, ...], problem: str
) -> None:
    """An option that can't be used is exit code 2, and said in one line."""
    (folder / "bare.toml").write_text(CONFIG)
    ran = run_here(capsys, "simulate", "--port", 0, *words)

    assert ran.code == 2
    assert ran.err.startswith(f"digitro: {problem}")
    assert ran.err.count("\n") == 1
