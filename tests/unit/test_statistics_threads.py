import sys
import threading
from collections import deque

from digitro_async.dispatch._statistics import Counters, median_of


def test_another_thread() -> None:
    """Rates and medians can be asked for while another thread counts."""
    counters, values = Counters(), deque([1.0], maxlen=64)
    errors: list[Exception] = []
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            try:
                assert counters.rate(1e9) >= 0
                assert counters.average_rate(1e9) >= 0
                assert median_of(values) is not None
            except Exception as error:  # noqa: BLE001 - the test looks at it
                errors.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for second in range(20_000):
            counters.start(float(second))
            values.append(second)
    finally:
        is_over.set()
        asking.join()
        sys.setswitchinterval(before)

    assert errors == []
