"""Runs what README.md shows.

Every ``python``, ``toml`` and ``csv`` block belongs to a heading, and some test here
reads the blocks of that heading; ``test_every_block_is_run`` finds those that none
does. The blocks of the tour use top-level ``await``, as ``python -m asyncio`` takes
it, and the names of the tour's first block; their simulators stand on other ports.
"""

import ast
import asyncio
import contextlib
import importlib
import inspect
import re
import shlex
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import httpx
import pytest
from aiohttp.test_utils import TestClient, TestServer
from cyclopts import App
from places import ROOT

from digitro_async import (
    PABX,
    DigitroClient,
    DigitroError,
    DispatchItem,
    Outcome,
    PredictiveCall,
    RateLimit,
    Secret,
)
from digitro_async.cli._app import app as digitro
from digitro_async.cli._exit import Exit
from digitro_async.config._config import load_config
from digitro_async.contacts import Contact, RejectsFile, ResultsFile, open_contacts
from digitro_async.testing import FakePABX, Fault, FaultPlan

pytest_plugins = ["pytester"]

README = ROOT / "README.md"
COMMANDS = [name for name in digitro if not name.startswith("-")]


@attrs.frozen
class Block:
    """One fenced block."""

    heading: str
    language: str
    text: str


def read_blocks() -> list[Block]:
    """Return every fenced block with the heading it stands under."""
    blocks = []
    heading, language = "", None
    lines: list[str] = []
    for line in README.read_text(encoding="utf-8").splitlines():
        if language is None and line.startswith("#"):
            heading = line.lstrip("#").strip()
        elif language is None and line.startswith("```"):
            language, lines = line.removeprefix("```"), []
        elif line == "```" and language is not None:
            blocks.append(Block(heading, language, "\n".join(lines) + "\n"))
            language = None
        else:
            lines.append(line)
    assert language is None
    return blocks


BLOCKS = read_blocks()


def blocks_of(heading: str, language: str) -> list[str]:
    """Return the blocks of a heading; there must be one."""
    found = [b.text for b in BLOCKS if (b.heading, b.language) == (heading, language)]
    assert found, f"README.md has no {language} block under {heading!r}"
    return found


def text_under(heading: str) -> str:
    """Return what stands between a heading and the next one, blocks left out."""
    text = re.sub(r"(?ms)^```.*?^```$", "", README.read_text(encoding="utf-8"))
    found = re.search(rf"(?ms)^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", text)
    assert found, f"README.md has no heading {heading!r}"
    return found[1]


def rows_under(heading: str) -> list[list[str]]:
    """Return the rows of the tables under a heading, heads left out."""
    rows: list[list[str]] = []
    for line in text_under(heading).splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if re.fullmatch(r"[|-]+", line):
            rows.pop()
        elif line.startswith("|"):
            rows.append(cells)
    assert rows, f"README.md has no table under {heading!r}"
    return rows


def ticked(text: str) -> list[str]:
    """Return what stands between backticks."""
    return re.findall(r"`([^`]+)`", text)


# --- the tour ---------------------------------------------------------------------


Tour = Callable[[str], Awaitable[dict[str, Any]]]


@pytest.fixture
async def filial() -> AsyncIterator[FakePABX]:
    """The simulator behind the tour's second PABX."""
    async with FakePABX() as pabx:
        yield pabx


@pytest.fixture
def tour(fake_pabx: FakePABX, filial: FakePABX) -> Tour:
    """Run the blocks that make the names others use, and those of one heading."""
    places = {
        "http://127.0.0.1:8089": fake_pabx.base_url,
        "http://127.0.0.1:8090": filial.base_url,
    }
    names: dict[str, Any] = {"__name__": "readme"}

    async def run(heading: str) -> dict[str, Any]:
        for block in blocks_of(heading, "python"):
            await run_block(heading, block, places, names)
        return names

    return run


async def run_block(
    heading: str, block: str, places: dict[str, str], names: dict[str, Any]
) -> None:
    """Run a block in the namespace, awaiting what it awaits at its top level."""
    for shown, real in places.items():
        block = block.replace(shown, real)
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(block, f"<README.md: {heading}>", "exec", flags=flags)
    coroutine = eval(code, names)
    if inspect.isawaitable(coroutine):
        await coroutine


async def test_one_call(
    tour: Tour, fake_pabx: FakePABX, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first example makes one call and prints its id."""
    await tour("One call")

    assert capsys.readouterr().out == f"{fake_pabx.calls[0].call_id}\n"


@pytest.mark.fake_pabx(faults=FaultPlan([Fault("lose_answer", at=9)]))
async def test_many_calls(
    tour: Tour, fake_pabx: FakePABX, capsys: pytest.CaptureFixture[str]
) -> None:
    """The dispatch example calls everybody once and prints who was not accepted."""
    await tour("One call")
    capsys.readouterr()
    await tour("Many calls")

    printed = capsys.readouterr().out.splitlines()
    assert (len(printed), fake_pabx.posts) == (1, 41)
    assert re.fullmatch(r"\d+ unknown The connection was lost .*", printed[0])
    assert len({call.destination for call in fake_pabx.calls}) == 41
    assert fake_pabx.worst_window() <= 50


async def test_campaign(
    tour: Tour,
    *,
    fake_pabx: FakePABX,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The campaign calls everybody once, however often it is run."""
    monkeypatch.chdir(tmp_path)
    text = blocks_of("Contact file", "csv")[0]
    (tmp_path / "contacts.csv").write_text(text, encoding="utf-8")
    await tour("One call")
    capsys.readouterr()
    await tour("Campaigns that survive")
    first = capsys.readouterr().out.splitlines()
    await tour("Campaigns that survive")
    again = capsys.readouterr().out.splitlines()

    assert first[0] == "2 new, 0 known before"
    assert sorted(first[1:3]) == ["1 accepted", "2 accepted"]
    assert again[0] == "0 new, 2 known before"
    assert again[1:] == first[3:]  # the counts
    assert fake_pabx.posts == 3


async def test_errors(
    tour: Tour, fake_pabx: FakePABX, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each kind of error is caught where the example says."""
    await tour("One call")
    capsys.readouterr()
    await tour("Errors")

    received, invalid = capsys.readouterr().out.splitlines()
    assert received == f"received: {fake_pabx.calls[-1].call_id}"
    assert invalid == "mend it: destination is empty [reason=invalid_field]"


@pytest.mark.parametrize(
    ("fault", "beginning"),
    [
        (Fault("lose_answer"), "a phone may ring, do not repeat: "),
        (Fault("status", status=409), "the PABX said no: "),
        (Fault("status", status=401), "the PABX said no: "),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_errors_in_turn(
    tour: Tour,
    fake_pabx: FakePABX,
    fault: Fault,
    beginning: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An answer's error is caught where the example says, and shows no number."""
    await tour("One call")
    fake_pabx.set_faults(FaultPlan([fault]))
    capsys.readouterr()

    await tour("Errors")

    printed = capsys.readouterr().out.splitlines()[0]
    assert printed.startswith(beginning)
    assert "04832817000" not in printed


async def test_several_pabx(tour: Tour, fake_pabx: FakePABX, filial: FakePABX) -> None:
    """A call that names a PABX goes there."""
    await tour("One call")
    await tour("Several PABX")

    assert "04832817002" in [call.destination for call in filial.calls]
    assert fake_pabx.posts + filial.posts == 3


async def test_pauses(
    tour: Tour, fake_pabx: FakePABX, capsys: pytest.CaptureFixture[str]
) -> None:
    """A paused PABX gets no call until it is resumed."""
    await tour("One call")
    capsys.readouterr()
    await tour("Rate limit and pauses")

    assert capsys.readouterr().out == "operator None\n"
    assert fake_pabx.posts == 2


async def test_statistics(tour: Tour, capsys: pytest.CaptureFixture[str]) -> None:
    """The snapshot shows the one call that was made."""
    await tour("One call")
    await tour("Many calls")
    capsys.readouterr()
    await tour("Statistics")

    assert capsys.readouterr().out == "1 0 1\nmatriz 1/s 0 running\n"


async def test_sharing(tour: Tour, fake_pabx: FakePABX, filial: FakePABX) -> None:
    """Two clients work through one session manager."""
    await tour("One call")
    await tour("Several PABX")
    before = fake_pabx.posts, filial.posts
    await tour("Sharing connections")

    assert (fake_pabx.posts, filial.posts) == (before[0] + 1, before[1] + 1)


async def test_high_volume(tour: Tour, fake_pabx: FakePABX) -> None:
    """The lean transport makes a call like the other."""
    await tour("One call")
    await tour("Several PABX")
    before = fake_pabx.posts
    await tour("High volume")

    assert fake_pabx.posts == before + 1


async def test_hostile_servers(tour: Tour, capsys: pytest.CaptureFixture[str]) -> None:
    """A reset after reading is unknown; a call passes through a slow line."""
    await tour("One call")
    await tour("Several PABX")
    capsys.readouterr()
    await tour("Hostile servers and bad lines")

    assert capsys.readouterr().out == "connection_lost 1\n1 1\n"


async def test_security(
    tour: Tour, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The key comes from the environment; an authority or a certificate is trusted."""
    monkeypatch.setenv("DIGITRO_API_KEY", "key")
    monkeypatch.setenv("PABX_FINGERPRINT", ":".join(["AB"] * 32))
    await tour("One call")
    names = await tour("Security and privacy")

    assert names["pabx"].api_key == Secret("key")
    assert names["pabx"].tls.ca_file == Path("pabx-ca.pem")
    assert names["pinned"].fingerprint == b"\xab" * 32


def test_fixtures(pytester: pytest.Pytester) -> None:
    """The example test passes with the settings shown, and nothing else."""
    pytester.makepyprojecttoml(blocks_of("Testing your code", "toml")[0])
    pytester.makepyfile(test_dialling=blocks_of("Testing your code", "python")[0])

    result = pytester.runpytest_subprocess("-p", "no:anyio", "-p", "no:looptime_plugin")

    result.assert_outcomes(passed=1)


# --- web backends -----------------------------------------------------------------


@attrs.frozen
class Answer:
    """What a backend answered."""

    status: int
    body: dict[str, str]
    retry_after: str | None


@attrs.frozen
class Backend:
    """One of the example applications, running."""

    client: DigitroClient
    post: Callable[[bytes], Awaitable[Answer]]

    async def call(self, destination: str) -> Answer:
        """Ask for one call."""
        return await self.post(b'{"destination": "%s"}' % destination.encode())


@contextlib.asynccontextmanager
async def serve_aiohttp(module: ModuleType) -> AsyncIterator[Backend]:
    """Serve the aiohttp.web example."""
    async with TestClient(TestServer(module.build_app())) as http:

        async def post(body: bytes) -> Answer:
            async with http.post("/calls", data=body) as response:
                retry_after = response.headers.get("Retry-After")
                return Answer(response.status, await response.json(), retry_after)

        assert http.app is not None
        yield Backend(http.app[module.CLIENT], post)


@contextlib.asynccontextmanager
async def serve_fastapi(module: ModuleType) -> AsyncIterator[Backend]:
    """Serve the FastAPI example."""
    app = module.app
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as http,
    ):

        async def post(body: bytes) -> Answer:
            headers = {"Content-Type": "application/json"}
            response = await http.post("/calls", content=body, headers=headers)
            retry_after = response.headers.get("Retry-After")
            return Answer(response.status_code, response.json(), retry_after)

        yield Backend(app.state.client, post)


SERVERS = {
    "aiohttp.web": ("aiohttp_app", serve_aiohttp),
    "FastAPI": ("fastapi_app", serve_fastapi),
}


@pytest.fixture(params=SERVERS)
async def backend(
    request: pytest.FixtureRequest,
    fake_pabx: FakePABX,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Backend]:
    """Each example, made of the blocks of its heading, in a folder of its own."""
    name, serve = SERVERS[request.param]
    files = blocks_of("Web backends", "python") + blocks_of(request.param, "python")
    modules = []
    for text in files:
        file = text.splitlines()[0].removeprefix("# ")
        (tmp_path / file).write_text(text, encoding="utf-8")
        modules.append(file.removesuffix(".py"))
    assert modules == ["answers", name]
    for variable, value in {
        "PABX_URL": fake_pabx.base_url,
        "PABX_CHANNEL": "1",
        "PABX_API_KEY": "demo-key",
        "PABX_RATE": "200",
        "PABX_DEVICE": "1125000",
        "PABX_DEVICE_PASSWORD": "4567",
    }.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.syspath_prepend(tmp_path)
    try:
        async with serve(importlib.import_module(name)) as running:
            yield running
    finally:
        for module in modules:
            sys.modules.pop(module, None)


BATCH = 300
REQUESTS = 8
IN_FLIGHT = 20  # as answers.py says


@pytest.mark.fake_pabx(latency=0.02, rate=RateLimit(200))
async def test_backend_beside_a_batch(backend: Backend, fake_pabx: FakePABX) -> None:
    """Requests are answered while a batch runs in the same loop, and soon.

    "Soon" is counted in calls: between a request and its call at most as many calls
    of the batch are made as may be on the wire, once over.
    """
    overtaken = []
    async with asyncio.TaskGroup() as tasks:
        batch = tasks.create_task(dial(backend.client))
        await fake_pabx.wait_for_posts(2 * IN_FLIGHT)
        for number in range(REQUESTS):
            before = fake_pabx.posts
            answer = await backend.call(f"0483299{number:04}")
            [call] = [
                call
                for call in fake_pabx.calls
                if call.destination == f"0483299{number:04}"
            ]
            overtaken.append(call.ordinal - before - 1)
            assert (answer.status, answer.body) == (202, {"call_id": call.call_id})
        assert not batch.done()

    assert max(overtaken) <= 2 * IN_FLIGHT
    assert batch.result() == [Outcome.ACCEPTED] * BATCH
    assert len({call.destination for call in fake_pabx.calls}) == fake_pabx.posts
    assert fake_pabx.posts == BATCH + REQUESTS
    assert fake_pabx.over_cap == []


async def dial(client: DigitroClient) -> list[Outcome]:
    """Run a batch through a backend's own client."""
    calls = (
        PredictiveCall(device="1", device_password="2", destination=f"0483281{n:04}")
        for n in range(BATCH)
    )
    async with client.dispatch(calls) as results:
        return [result.outcome async for result in results]


@pytest.mark.parametrize(
    ("fault", "status", "outcome", "retry_after"),
    [
        (Fault("status", status=409), 409, "rejected", None),
        (Fault("status", status=401), 503, "refused", None),
        (Fault("throttle_429", retry_after=7), 503, "refused", "7"),
        (Fault("reset_on_connect"), 503, "not_sent", None),
        (Fault("lose_answer"), 502, "unknown", None),
        (Fault("error_500_after_placing"), 502, "unknown", None),
    ],
    ids=lambda value: str(getattr(value, "status", None) or value)[:20],
)
async def test_backend_statuses(
    backend: Backend,
    fake_pabx: FakePABX,
    *,
    fault: Fault,
    status: int,
    outcome: str,
    retry_after: str | None,
) -> None:
    """Each outcome has its status, and no answer shows the number."""
    fake_pabx.set_faults(FaultPlan([fault]))

    answer = await backend.call("04832817000")

    assert (answer.status, answer.body["outcome"]) == (status, outcome)
    assert answer.retry_after == retry_after
    assert ("do not retry" in answer.body["error"]) == (status in {409, 502})
    assert "04832817000" not in str(answer)
    assert fake_pabx.posts <= 1


@pytest.mark.fake_pabx(faults=FaultPlan([Fault("lose_answer")]))
async def test_backend_of_a_sick_pabx(backend: Backend, fake_pabx: FakePABX) -> None:
    """Once the PABX is paused for a while, requests are told when to come back."""
    lost = [await backend.call(f"0483281{number:04}") for number in range(10)]
    paused = await backend.call("04832817000")

    assert {answer.status for answer in lost} == {502}
    assert (paused.status, paused.body["outcome"]) == (503, "not_sent")
    assert paused.retry_after in {"4", "5"}
    assert fake_pabx.posts == 10


@pytest.mark.parametrize("body", [b"{}", b"nonsense", b'{"destination": ""}', b"[]"])
async def test_backend_of_nonsense(
    backend: Backend, fake_pabx: FakePABX, body: bytes
) -> None:
    """A request without a number gets 422 and no call is made."""
    assert (await backend.post(body)).status == 422
    assert fake_pabx.posts == 0


def test_web_statuses() -> None:
    """The table of statuses says what answers.py does."""
    rows = {cells[0]: cells[1] for cells in rows_under("Web backends")}
    source = blocks_of("Web backends", "python")[0]

    assert set(ticked(" ".join(rows))) == {
        "InvalidCallError",
        "NotSentError",
        "RefusedError",
        "RejectedError",
        "OutcomeUnknownError",
    }
    assert {status for status in rows.values() if status != "202"} == set(
        re.findall(r"Outcome\.[A-Z_]+: \((\d+),", source)
    )


# --- tables -----------------------------------------------------------------------


def all_errors(base: type[DigitroError] = DigitroError) -> list[type[DigitroError]]:
    """Return every error class of the package but the base of all."""
    found = []
    for error in base.__subclasses__():
        if error.__module__ == "digitro_async.errors":
            found += [error, *all_errors(error)]
    return found


def test_outcome_table() -> None:
    """The table names every outcome, and every error class beside its own."""
    table = {cells[0]: ticked(cells[3]) for cells in rows_under("Outcomes")}
    built: dict[str, list[str]] = {
        **{f"`{outcome.value}`": [] for outcome in Outcome},
        "no outcome": [],
    }
    for error in all_errors():
        key = "no outcome" if error.outcome is None else f"`{error.outcome.value}`"
        built[key].append(error.__name__)

    assert {key: sorted(names) for key, names in table.items()} == {
        key: sorted(names) for key, names in built.items()
    }


def test_exit_codes() -> None:
    """The table of exit codes is whole."""
    assert [int(cells[0]) for cells in rows_under("Exit codes")] == [*Exit]


def test_file_columns() -> None:
    """The columns of both files are named, in order."""
    named = [name for row in rows_under("Results file") for name in ticked(row[0])]
    rejects = text_under("Results file").rpartition("The rejects file has")[2]

    assert named == list(ResultsFile._header)
    assert ticked(rejects) == list(RejectsFile._header)


# --- command line -----------------------------------------------------------------


def test_every_command_is_described() -> None:
    """There is a heading for every command, and for nothing else."""
    headings = re.findall(r"(?m)^### `digitro (\w+)`$", README.read_text("utf-8"))

    assert sorted(headings) == sorted(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_described(command: str) -> None:
    """The table of a command has its options, and no others."""
    heading = f"`digitro {command}`"
    named = [name for cells in rows_under(heading) for name in ticked(cells[0])]
    options, positional = [], []
    shown = (
        one for one in subcommand(command).assemble_argument_collection() if one.show
    )
    for argument in shown:
        if argument.field_info.kind is inspect.Parameter.KEYWORD_ONLY:
            options.append(argument.names[0])
        else:
            positional.append(argument.names[0].removeprefix("--").upper())

    assert named == options
    assert set(positional) <= set(ticked(text_under(heading)))


def subcommand(name: str) -> App:
    """Return a command of ``digitro``."""
    found: App = digitro[name]
    return found


def test_command_lines() -> None:
    """Every command line shown is one that ``digitro`` takes."""
    lines = [
        line
        for block in (
            *blocks_of("Command line", "console"),
            *blocks_of("Campaigns that survive", "console"),
        )
        for line in block.splitlines()
    ]
    shown = set()
    for line in lines:
        name, *tokens = shlex.split(line)
        assert name == "digitro"
        digitro.parse_args(tokens, exit_on_error=False, print_error=False)
        shown.add(tokens[0])

    assert shown == {*COMMANDS, "--version"}


def test_two_commands() -> None:
    """The two commands for a fresh machine are one line each, and marked for CI."""
    text = README.read_text(encoding="utf-8")
    marked = re.findall(r"(?m)^<!-- command: (\w+) -->\n```console\n(.*)\n```$", text)

    assert [name for name, _ in marked] == ["demo", "tests"]
    assert len(blocks_of("Two commands", "console")) == 2
    assert all(line.startswith("python3 -m venv .venv && ") for _, line in marked)


# --- files ------------------------------------------------------------------------


def test_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The configuration file is read, and only what it says differs from defaults."""
    monkeypatch.setenv("DIGITRO_API_KEY", "key")
    monkeypatch.setenv("DIGITRO_DEVICE_PASSWORD", "password")
    file = tmp_path / "digitro.toml"
    file.write_text(blocks_of("Configuration file", "toml")[0], encoding="utf-8")

    config = load_config(file)

    [pabx] = config.pabx
    assert pabx == PABX(
        "matriz",
        "https://pabx.example.com",
        channel_id=1,
        api_key=Secret("key"),
        rate=RateLimit(50),
    )
    assert dict(config.call) == {
        "device": "1125000",
        "device_password": "password",
        "route": "0",
    }
    assert config.retry == type(config.retry)()
    assert config.pause == type(config.pause)()


def test_fault_plan(tmp_path: Path) -> None:
    """The fault plan is read."""
    file = tmp_path / "faults.toml"
    file.write_text(blocks_of("`digitro simulate`", "toml")[0], encoding="utf-8")

    plan = FaultPlan.load(file)

    assert [fault.kind.value for fault in plan.faults] == [
        "lose_answer",
        "throttle_429",
    ]


async def test_contact_file(tmp_path: Path, digitro_client: DigitroClient) -> None:
    """The contacts are read, and can be called."""
    file = tmp_path / "contacts.csv"
    file.write_text(blocks_of("Contact file", "csv")[0], encoding="utf-8")
    defaults = {"device": "1125000", "device_password": "4567"}

    with open_contacts(file, defaults=defaults) as opened:
        contacts = [row for row in opened if isinstance(row, Contact)]
        assert (len(contacts), opened.rejected) == (2, 0)

    items = [DispatchItem(call=contact.call, key=contact.id) for contact in contacts]
    async with digitro_client.dispatch(items) as results:
        assert {result.key async for result in results} == {"C0000001", "C0000002"}


def test_every_block_is_run() -> None:
    """No block that could be run stands under a heading that no test reads."""
    runnable = {
        (block.heading, block.language)
        for block in BLOCKS
        if block.language not in {"text", "mermaid"}
    }
    source = Path(__file__).read_text(encoding="utf-8")
    read = set(re.findall(r'blocks_of\("([^"]+)", "(\w+)"\)', source))
    read |= {(heading, "python") for heading in re.findall(r'tour\("(.+)"\)', source)}
    read |= {(heading, "python") for heading in SERVERS}

    assert runnable == read
