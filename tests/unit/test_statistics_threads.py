import contextlib
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator

from digitro_async import PauseSettings
from digitro_async.dispatch._breaker import Breaker, PauseCause
from digitro_async.dispatch._channel import Channel
from digitro_async.dispatch._pause_status import pause_status
from digitro_async.dispatch._statistics import Counters, median_of


@contextlib.contextmanager
def asking(ask: Callable[[], None]) -> Iterator[list[Exception]]:
    """Let another thread ask all the time; yield its errors."""
    errors: list[Exception] = []
    is_over = threading.Event()

    def go_on() -> None:
        while not is_over.is_set():
            try:
                ask()
            except Exception as error:  # noqa: BLE001 - the test looks at it
                errors.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield errors
    finally:
        is_over.set()
        thread.join()
        sys.setswitchinterval(before)


def test_counts() -> None:
    """Rates and medians can be asked for while another thread counts."""
    counters, values = Counters(), deque([1.0], maxlen=64)

    def ask() -> None:
        assert counters.rate(1e9) >= 0
        assert counters.average_rate(1e9) >= 0
        assert median_of(values) is not None

    with asking(ask) as errors:
        for second in range(20_000):
            counters.start(float(second))
            values.append(second)

    assert errors == []


def test_pauses() -> None:
    """A pause is shown with its own words, or not at all, while it comes and goes."""
    breaker, channel = Breaker(PauseSettings()), Channel("one", 1)
    cause = PauseCause.run_of(["answered 401"], 0.0)
    asked: list[tuple[str, str] | None] = []

    def ask() -> None:
        status = pause_status(breaker, channel, "a:1", None, 1.0)
        asked.append(None if status is None else (status.code, status.text))

    with asking(ask) as errors:
        while len(asked) < 5_000:
            for _ in range(100):
                breaker.pause_until_resume("status_401", cause)
                breaker.resume()

    assert errors == []
    assert set(asked) <= {None, ("status_401", "a call answered 401")}


def test_a_pause_that_ends_meanwhile() -> None:
    """A pause that is half over when another thread looks at it is none."""
    breaker = Breaker(PauseSettings())
    breaker.pause_until_resume("status_401", PauseCause.run_of(["answered 401"], 0.0))
    breaker.reason = ""

    assert pause_status(breaker, Channel("one", 1), "a:1", None, 1.0) is None
