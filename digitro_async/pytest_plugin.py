"""pytest fixtures: a simulated PABX, and a client that talks to it.

``fake_pabx`` is a started :class:`~digitro_async.testing.FakePABX` on a free port, and
``digitro_client`` an opened ``DigitroClient`` for it. Both need pytest-asyncio, in its
auto or its strict mode, and live in the event loop of the test, whatever its scope.
Settings of the simulator are given by a marker; where several stand over one test, the
nearest wins setting by setting::

    @pytest.mark.fake_pabx(latency=0.02, faults=FaultPlan([Fault("stall", at=3)]))
    async def test_a_stalled_call(fake_pabx, digitro_client): ...
"""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import pytest

_async_fixture: Any
try:
    from pytest_asyncio import fixture as _async_fixture
except ImportError:  # said when a fixture is used, not to everyone who has pytest
    _async_fixture = None

_SCOPES: Final = ("function", "class", "module", "package", "session")
_TEST_SCOPE, _FIXTURE_SCOPE = (
    f"asyncio_default_{what}_loop_scope" for what in ("test", "fixture")
)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers", "fake_pabx(**settings): settings of the fake_pabx fixture's FakePABX"
    )


@pytest.fixture
def fake_pabx(request: pytest.FixtureRequest) -> Any:
    """Start a simulated PABX on a free port, and close it after the test."""
    return _in_loop_of_test(request, "fake_pabx")


@pytest.fixture
def digitro_client(request: pytest.FixtureRequest, fake_pabx: Any) -> Any:  # noqa: ARG001 - started first
    """Open a client for the simulated PABX, and close it after the test."""
    return _in_loop_of_test(request, "digitro_client")


@contextlib.asynccontextmanager
async def _open_fake_pabx(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    from digitro_async.testing import FakePABX  # noqa: PLC0415 - only for whoever asks

    settings: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers("fake_pabx"))):
        settings |= marker.kwargs
    async with FakePABX(**settings) as pabx:
        yield pabx


@contextlib.asynccontextmanager
async def _open_digitro_client(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    from digitro_async import DigitroClient  # noqa: PLC0415 - only for whoever asks

    fake = request.getfixturevalue("fake_pabx")  # is there: see digitro_client
    async with DigitroClient(fake.settings()) as client:
        yield client


def _in_loop_of_test(request: pytest.FixtureRequest, name: str) -> Any:
    """Return the fixture of that name that lives in the event loop of the test.

    A simulator answers, and a client calls, in one loop alone, and only the test says
    which that is. pytest-asyncio wants the loop of a fixture with its definition, so
    there is one fixture for each loop that a test may have.
    """
    if _async_fixture is None:
        pytest.fail(f"the {name} fixture needs pytest-asyncio", pytrace=False)
    return request.getfixturevalue(f"_{name}_{_loop_scope(request)}")


def _loop_scope(request: pytest.FixtureRequest) -> str:
    """Return the scope of the test's event loop, or of its fixtures' if it has none."""
    marker = request.node.get_closest_marker("asyncio")
    if marker is None:
        default = request.config.getini(_FIXTURE_SCOPE)
        return default if default in _SCOPES else "function"
    given = marker.kwargs.get("loop_scope") or marker.kwargs.get("scope")
    return str(given or request.config.getini(_TEST_SCOPE))


def _fixture_in_loop(
    name: str,
    scope: str,
    make: Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Any]],
) -> Any:
    async def fixture(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
        async with make(request) as made:
            yield made

    return _async_fixture(fixture, name=f"_{name}_{scope}", loop_scope=scope)


if _async_fixture is not None:
    for _scope in _SCOPES:
        for _name, _open in (
            ("fake_pabx", _open_fake_pabx),
            ("digitro_client", _open_digitro_client),
        ):
            globals()[f"_{_name}_{_scope}"] = _fixture_in_loop(_name, _scope, _open)
