"""The batch, the tasks and the project under ``examples``, run as they are."""

import asyncio
import importlib.util
import json
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from example_programs import EXAMPLES, environment, start_program

from digitro_async.testing import FakePABX, Fault, FaultPlan

pytestmark = pytest.mark.fake_pabx(api_key="demo-key")


def write_contacts(folder: Path, count: int) -> Path:
    """Write a list of contacts."""
    rows = [f"C{number:04};0483281{number:04}" for number in range(count)]
    path = folder / "contacts.csv"
    path.write_text("\n".join(["id;destination", *rows, ""]), encoding="utf-8")
    return path


async def dial(contacts: Path, variables: dict[str, str]) -> tuple[int, str]:
    """Run the batch to its end; return the exit code and what it prints."""
    log = contacts.with_suffix(".log")
    log.unlink(missing_ok=True)
    process = await start_program(["dial_list.py", str(contacts)], variables, log)
    return await process.wait(), log.read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="it waits for signals")
@pytest.mark.fake_pabx(latency=0.05)
async def test_a_batch_goes_on_where_it_ended(
    fake_pabx: FakePABX, tmp_path: Path
) -> None:
    """A batch that is ended and run again has called everybody once."""
    contacts, variables = write_contacts(tmp_path, 60), environment(fake_pabx, tmp_path)
    words = ["dial_list.py", str(contacts)]
    first = await start_program(words, variables, tmp_path / "first.log")
    await fake_pabx.wait_for_posts(10)
    first.send_signal(signal.SIGTERM)
    ended = await first.wait()
    called = fake_pabx.posts
    second, printed = await dial(contacts, variables)
    third, nothing = await dial(contacts, variables)

    assert (ended, second, third) == (3, 0, 0)
    assert 10 <= called < 60
    assert "0 new, 60 known" in printed
    assert "ledger: {'accepted': 60}" in printed
    assert "this run: {}" in nothing
    assert len({call.destination for call in fake_pabx.calls}) == fake_pabx.posts == 60
    assert fake_pabx.worst_window() <= 50


@pytest.mark.fake_pabx(faults=FaultPlan([Fault("status", status=401)]))
async def test_a_batch_that_nobody_may_dial(
    fake_pabx: FakePABX, tmp_path: Path
) -> None:
    """A batch whose key is refused ends, says so, and leaves everybody pending."""
    contacts, variables = write_contacts(tmp_path, 5), environment(fake_pabx, tmp_path)

    code, printed = await dial(contacts, variables)

    assert code == 3
    assert "401" in printed
    assert "ledger: {'pending': 5}" in printed


async def test_a_project_with_tests(tmp_path: Path) -> None:
    """The tests of the project pass, with nothing but its own settings."""
    project = tmp_path / "project"
    shutil.copytree(EXAMPLES / "pytest_project", project)
    unplugged = ["-p", "no:anyio", "-p", "no:looptime_plugin", "-p", "no:cacheprovider"]
    log = tmp_path / "log.txt"

    process = await start_program(
        ["-m", "pytest", "-q", *unplugged], {}, log, folder=project
    )
    code = await process.wait()

    assert (code, "3 passed" in log.read_text()) == (0, True), log.read_text()


@pytest.fixture
def task_settings(fake_pabx: FakePABX, tmp_path: Path) -> dict[str, str]:
    """Return the variables of the tasks: a broker of files, without a server."""
    folders = {name: tmp_path / name for name in ("queue", "control", "results")}
    for folder in folders.values():
        folder.mkdir()
    options = {
        "data_folder_in": str(folders["queue"]),
        "data_folder_out": str(folders["queue"]),
        "control_folder": str(folders["control"]),
        "polling_interval": 0.05,
    }
    return {
        **environment(fake_pabx, tmp_path),
        "BROKER": "filesystem://",
        "RESULTS": f"file://{folders['results']}",
        "BROKER_OPTIONS": json.dumps(options),
    }


def send(settings: dict[str, str], *contacts: str) -> list[Any]:
    """Send a task for each contact, and return what their results come in."""
    from celery import Celery

    app = Celery("calls", broker=settings["BROKER"], backend=settings["RESULTS"])
    app.conf.broker_transport_options = json.loads(settings["BROKER_OPTIONS"])
    return [
        app.send_task("celery_tasks.make_call", (contact, "0483281700"))
        for contact in contacts
    ]


@pytest.mark.skipif(
    importlib.util.find_spec("celery") is None,
    reason="the group 'examples' is not installed",
)
@pytest.mark.fake_pabx(latency=0.5)
async def test_tasks(
    fake_pabx: FakePABX, task_settings: dict[str, str], tmp_path: Path
) -> None:
    """A task that is delivered twice calls once, and gives the same result."""
    fake_pabx.set_faults(
        FaultPlan(
            [
                Fault("status", status=409, at=2),
                Fault("lose_answer", at=3),
            ]
        )
    )
    log = tmp_path / "log.txt"
    words = ["-m", "celery", "-A", "celery_tasks", "worker", "--pool", "threads"]
    words += ["--concurrency", "4", "--without-gossip", "--without-mingle"]
    worker = await start_program(words, task_settings, log)
    try:
        twice = await results_of(send(task_settings, "one", "one"), worker, log)
        rejected = await results_of(send(task_settings, "two"), worker, log)
        unknown = await results_of(send(task_settings, "three", "three"), worker, log)
        [last] = send(task_settings, "four")
        await fake_pabx.wait_for_posts(4)
        worker.send_signal(signal.SIGTERM)  # it lets the task on the wire finish
        await asyncio.wait_for(worker.wait(), 120)
    finally:
        if worker.returncode is None:
            worker.kill()
            await worker.wait()

    assert twice[0] == twice[1]
    assert twice[0]["outcome"] == last.get(timeout=60)["outcome"] == "accepted"
    assert rejected[0]["outcome"] == "rejected"
    assert [one["outcome"] for one in unknown] == ["unknown", "unknown"]
    assert fake_pabx.posts == 4
    assert "0483281700" not in read(log)


def read(log: Path) -> str:
    """Return what a program printed."""
    return log.read_text()


async def results_of(
    tasks: list[Any], worker: asyncio.subprocess.Process, log: Path
) -> list[dict[str, str]]:
    """Wait for the results of tasks."""
    async with asyncio.timeout(180):
        while not all(task.ready() for task in tasks):
            assert worker.returncode is None, read(log)
            await asyncio.sleep(0.05)
    return [task.get() for task in tasks]
