import subprocess
import sys

import aiohttp
import pytest

from digitro_async import DigitroClient, PredictiveCall
from digitro_async.protocol._names import DOCUMENTED_CALL
from digitro_async.testing import FakePABX, Fault, FaultPlan

pytest_plugins = ["pytester"]

STRICT = """
import pytest
from digitro_async.testing import FakePABX

pytestmark = [pytest.mark.asyncio, pytest.mark.fake_pabx(channel_id=5, api_key="a")]

@pytest.mark.fake_pabx(channel_id=6)
async def test_settings(fake_pabx):
    assert isinstance(fake_pabx, FakePABX)
    settings = fake_pabx.settings()
    assert (settings.channel_id, settings.api_key.reveal()) == (6, "a")
"""
AUTO = """
async def test_started(fake_pabx):
    assert fake_pabx.port > 0
"""
WITHOUT = """
def test_anything():
    pass

def test_fixture(fake_pabx):
    pass

def test_client(digitro_client):
    pass
"""
OPTIONS = ("-p", "no:anyio", "-W", "error", "--strict-markers")
SCOPE = "asyncio_default_fixture_loop_scope=function"


@pytest.mark.parametrize(
    ("mode", "tests"), [("strict", STRICT), ("auto", AUTO)], ids=["strict", "auto"]
)
def test_modes(pytester: pytest.Pytester, mode: str, tests: str) -> None:
    """The simulator comes as a fixture in both modes of pytest-asyncio."""
    pytester.makepyfile(tests)

    result = pytester.runpytest_subprocess(
        *OPTIONS, "-o", SCOPE, f"--asyncio-mode={mode}"
    )

    result.assert_outcomes(passed=1)


def test_without_pytest_asyncio(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without pytest-asyncio only tests that ask for a fixture are told about it."""
    pytester.makepyfile(WITHOUT)
    (pytester.path / "pytest_asyncio.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(pytester.path))

    result = pytester.runpytest_subprocess(*OPTIONS, "-p", "no:asyncio")

    result.assert_outcomes(passed=1, errors=2)
    result.stdout.fnmatch_lines(["*the fake_pabx fixture needs pytest-asyncio*"])


def test_light() -> None:
    """Loading the plugin loads neither the simulator nor the client nor aiohttp."""
    code = (
        "import sys, digitro_async.pytest_plugin; print(*sorted(name for name in "
        "sys.modules if name.partition('.')[0] in {'digitro_async', 'aiohttp'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == [
        "digitro_async",
        "digitro_async._start",
        "digitro_async.pytest_plugin",
    ]


@pytest.mark.fake_pabx(faults=FaultPlan([Fault("error_503")]), latency=0.0)
async def test_here(fake_pabx: FakePABX) -> None:
    """The marker's settings reach the simulator."""
    async with (
        aiohttp.ClientSession(headers={"x-api-key": "demo-key"}) as session,
        session.post(fake_pabx.url, json=DOCUMENTED_CALL) as answer,
    ):
        assert answer.status == 503


async def test_client(digitro_client: DigitroClient, fake_pabx: FakePABX) -> None:
    """The client fixture talks to the simulator of the same test."""
    call = PredictiveCall(device="1", device_password="2", destination="3")

    accepted = await digitro_client.make_predictive_call(call)

    assert accepted.call_id == fake_pabx.calls[0].call_id


def test_names() -> None:
    """The package lists what it gives, and gives nothing else."""
    import digitro_async.testing as package

    assert set(package.__all__) <= set(dir(package))
    assert all(getattr(package, name) is not None for name in package.__all__)
