"""What a blocking client does to its process: forks, signals, and its end."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from command_line import fake_pabx as pabx_in_a_thread
from helpers import make_call

from digitro_async import PABX, Outcome
from digitro_async.blocking import BlockingClient

KEY = "canary-key"


def to(base_url: str) -> PABX:
    """Return a PABX."""
    return PABX("one", base_url, 1, KEY)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
def test_an_interrupted_wait() -> None:
    """A signal that interrupts the wait of a thread cancels its call."""

    class SoftLimit(Exception):  # noqa: N818 - as Celery names its own
        """What a signal raises."""

    def interrupt(*_: object) -> None:
        raise SoftLimit

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with (
            pabx_in_a_thread(api_key=KEY, latency=30) as pabx,
            BlockingClient(to(pabx.base_url)) as one,
        ):
            killer = threading.Thread(target=_kill_when, args=(pabx,))
            killer.start()
            with pytest.raises(SoftLimit):
                one.make_predictive_call(make_call())
            killer.join()
            while one.statistics().in_flight:
                time.sleep(0.005)
            outcomes = one.statistics().outcomes
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert outcomes[Outcome.UNKNOWN] == 1


def _kill_when(pabx: object) -> None:
    """Send this process a signal once the PABX has a call."""
    while not getattr(pabx, "posts", 0):
        time.sleep(0.005)
    os.kill(os.getpid(), signal.SIGUSR1)


def test_a_client_that_is_not_closed() -> None:
    """A client that is let go of open warns; its thread ends with the process."""
    clients = [BlockingClient(to("http://127.0.0.1:9")).open()]
    thread = clients[0]._thread

    with pytest.warns(
        ResourceWarning, match=r"test_blocking_processes\.py:\d+: use it as"
    ):
        clients.clear()  # nothing else refers to it

    assert thread.is_running
    thread.stop()


PROGRAM = """
import os, sys
sys.path.insert(0, {support!r})
from digitro_async import PABX, PredictiveCall, WrongLoopError
from digitro_async.blocking import BlockingClient
call = PredictiveCall(device="1", device_password="2", destination="0483281700")
pabx = PABX("one", {url!r}, 1, {key!r})
one = BlockingClient(pabx).open()
one.make_predictive_call(call)
"""
FORK = """
child = os.fork()
if not child:
    for use in (lambda: one.make_predictive_call(call), lambda: one.open(),
                lambda: one.dispatch([call]), one.resume, one.statistics):
        try:
            use()
        except WrongLoopError as error:
            assert "open one in each process" in str(error), error
        else:
            os._exit(3)
    one.close()  # the parent's stays open
    with BlockingClient(pabx) as own:
        own.make_predictive_call(call)
    sys.exit(7)  # with what is registered for the end of the process
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
one.make_predictive_call(call)
one.close()
print("both called")
"""
LEFT_OPEN = """
import threading
results = one.dispatch(iter([call] * 3))
results.__enter__()
print(next(results).outcome)
threading.Thread(target=one.make_predictive_call, args=(call,)).start()
"""


def run_program(text: str, url: str, *, options: tuple[str, ...] = ()) -> str:
    """Run a program that has an open client, and return what it prints."""
    support = str(Path(__file__).parents[1] / "support")
    source = PROGRAM.format(support=support, url=url, key=KEY) + text
    done = subprocess.run(
        [sys.executable, *options, "-c", source],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_fork_is_told() -> None:
    """A child is told to open its own client, and the parent's client goes on."""
    quiet = ("-W", "ignore::DeprecationWarning")  # of forks with threads, since 3.12
    with pabx_in_a_thread(api_key=KEY) as pabx:
        printed = run_program(FORK, pabx.base_url, options=quiet)

    assert printed == "both called\n"
    assert (pabx.posts, pabx.accepted) == (3, 3)


def test_a_process_that_ends_with_an_open_client() -> None:
    """A process ends though its client is open, and waits for the calls on the wire."""
    with pabx_in_a_thread(api_key=KEY, latency=0.3) as pabx:
        printed = run_program(LEFT_OPEN, pabx.base_url)

    assert printed == "accepted\n"
    assert pabx.posts == pabx.accepted >= 3
