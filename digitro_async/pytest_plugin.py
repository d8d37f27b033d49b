"""pytest fixtures: a simulated PABX, and a client that talks to it.

``fake_pabx`` is a started :class:`~digitro_async.testing.FakePABX` on a free port, and
``digitro_client`` an opened ``DigitroClient`` for it. Both need pytest-asyncio, in its
auto or its strict mode. Settings of the simulator are given by a marker; where several
stand over one test, the nearest wins setting by setting::

    @pytest.mark.fake_pabx(latency=0.02, faults=FaultPlan([Fault("stall", at=3)]))
    async def test_a_stalled_call(fake_pabx, digitro_client): ...
"""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

try:
    from pytest_asyncio import fixture as _async_fixture
except ImportError:  # said when a fixture is used, not to everyone who has pytest
    _async_fixture = None  # type: ignore[assignment]


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers", "fake_pabx(**settings): settings of the fake_pabx fixture's FakePABX"
    )


def _fixture(make: Callable[..., AsyncIterator[Any]]) -> Any:
    if _async_fixture is not None:
        return _async_fixture(make)

    def without_pytest_asyncio() -> None:
        pytest.fail(f"the {make.__name__} fixture needs pytest-asyncio", pytrace=False)

    return pytest.fixture(name=make.__name__)(without_pytest_asyncio)


@_fixture
async def fake_pabx(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """Start a simulated PABX on a free port, and close it after the test."""
    from digitro_async.testing import FakePABX  # noqa: PLC0415 - only for whoever asks

    settings: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers("fake_pabx"))):
        settings |= marker.kwargs
    async with FakePABX(**settings) as pabx:
        yield pabx


@_fixture
async def digitro_client(fake_pabx: Any) -> AsyncIterator[Any]:
    """Open a client for the simulated PABX, and close it after the test."""
    from digitro_async import DigitroClient  # noqa: PLC0415 - only for whoever asks

    async with DigitroClient(fake_pabx.settings()) as client:
        yield client
