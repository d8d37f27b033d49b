import subprocess
import sys

import aiohttp
import pytest
from simulated_events import DIALECT

from digitro_async import DigitroClient, Disposition, PredictiveCall
from digitro_async.protocol._names import DOCUMENTED_CALL
from digitro_async.testing import CallScript, FakePABX, Fault, FaultPlan

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
LOOPS = """
import asyncio
import pytest
from digitro_async import DigitroClient, PredictiveCall

CALL = PredictiveCall(device="1", device_password="2", destination="3")

async def check(fake_pabx, digitro_client):
    await digitro_client.make_predictive_call(CALL)
    async with DigitroClient(fake_pabx.settings()) as own:
        await own.make_predictive_call(CALL)
    assert fake_pabx.posts == 2

class Kept:
    loop = None

async def test_default(fake_pabx, digitro_client):
    Kept.loop = asyncio.get_running_loop()
    await check(fake_pabx, digitro_client)

async def test_same_default(fake_pabx, digitro_client):
    assert (asyncio.get_running_loop() is Kept.loop) is %s
    await check(fake_pabx, digitro_client)
""" + "".join(
    f"""
@pytest.mark.asyncio(loop_scope="{scope}")
class Test{scope.title()}:
    async def test_it(self, fake_pabx, digitro_client):
        await check(fake_pabx, digitro_client)
"""
    for scope in ("function", "class", "module", "package", "session")
)
OTHER_LOOP = """
import asyncio, pytest, pytest_asyncio
from digitro_async.testing import FakePABX

@pytest_asyncio.fixture(loop_scope="session")
async def own_pabx():
    async with FakePABX() as fake:
        yield fake

async def test_it(own_pabx):
    own_pabx.settings()
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


@pytest.mark.parametrize("test_scope", ["function", "session"])
@pytest.mark.parametrize("fixture_scope", ["function", "session"])
def test_loops(pytester: pytest.Pytester, test_scope: str, fixture_scope: str) -> None:
    """The fixtures live in the loop of their test, whatever the scopes are."""
    pytester.makepyfile(LOOPS % (test_scope == "session"))

    result = pytester.runpytest_inprocess(
        *(*OPTIONS, "--asyncio-mode=auto"),
        *("-o", f"asyncio_default_test_loop_scope={test_scope}"),
        *("-o", f"asyncio_default_fixture_loop_scope={fixture_scope}"),
    )

    result.assert_outcomes(passed=7)


def test_a_simulator_of_another_loop(pytester: pytest.Pytester) -> None:
    """A simulator whose loop stands still is not waited for: it says where it began."""
    pytester.makepyfile(test_other=OTHER_LOOP)

    result = pytester.runpytest_inprocess(*OPTIONS, "-o", SCOPE, "--asyncio-mode=auto")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*started, at test_other.py:6, does not run*"])
    result.stdout.fnmatch_lines(["*same loop_scope*"])


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


@pytest.mark.fake_pabx(
    events=DIALECT, call_script=CallScript(shares={"busy": 1}, setup=0, dial=0)
)
async def test_events(fake_pabx: FakePABX, digitro_client: DigitroClient) -> None:
    """The client of the fixtures opens the event channel of their simulator."""
    call = PredictiveCall(device="1", device_password="2", destination="3")
    accepted = await digitro_client.make_predictive_call(call)
    end = await digitro_client.call_end(accepted.call_id)

    assert end.disposition is Disposition.BUSY
    assert fake_pabx.event_side.channels.opened == 1
