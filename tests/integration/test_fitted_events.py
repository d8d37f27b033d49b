"""A dialect that nobody knew is fitted from a capture, and then works."""

import tomllib
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import pytest
from command_line import Capture, run_here
from helpers import calls_to
from simulated_calls import KEY

from digitro_async import (
    ChannelRequest,
    DigitroClient,
    Disposition,
    EventChannelSettings,
    load_event_preset,
)
from digitro_async.testing import CallScript, EventDelivery, FakePABX

D = Disposition
QUICK: dict[str, Any] = {"setup": 0.001, "dial": 0.001, "ring": 0.002, "talk": 0.002}
WORDS = {"X9": D.MACHINE, "OCUP": D.BUSY, "ATENDEU": D.ANSWERED, "Z": D.NO_ANSWER}


def dialect(prefix: str) -> EventChannelSettings:
    """Return the settings of a made-up dialect, whose fields stand in one element."""
    return EventChannelSettings(
        open=ChannelRequest(path="/abre"),
        name_fields=(f"{prefix}TIPO",),
        opened_names=("CANAL_LIGADO",),
        id_fields=(f"{prefix}NRO",),
        call_id_fields=(f"{prefix}COD",),
        call_phases={
            "LIG_DISCA": "started",
            "LIG_CHAMA": "ringing",
            "LIG_ATENDE": "answered",
            "LIG_FIM": "ended",
        },
        disposition_fields=(f"{prefix}MOT",),
        dispositions=WORDS,
        destination_fields=(f"{prefix}NUMERO",),
        time_fields=(f"{prefix}QUANDO",),
    )


async def captured(fake: FakePABX, calls: int) -> bytes:
    """Make calls by hand, and return what the event channel sent meanwhile."""
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=timeout, headers=KEY) as session:
        answer = await session.get(f"{fake.base_url}/abre")
        stream = bytearray(await answer.content.readuntil(b"\n\n"))
        [channel] = fake.event_side.open_ids
        pabx = attrs.evolve(fake.settings(), channel_id=channel, events=None)
        async with DigitroClient(pabx) as client:
            several = calls_to(f"0483281{n:04}" for n in range(calls))
            async with client.dispatch(several) as results:
                assert len([one async for one in results]) == calls
        while stream.count(b"LIG_FIM") < calls:
            stream += await answer.content.readany()
        answer.close()
    return bytes(stream)


@pytest.mark.parametrize(
    ("form", "prefix"), [("xml", "MSG."), ("json", "LIG."), ("json", "")]
)
async def test_a_made_up_dialect(
    form: str, prefix: str, tmp_path: Path, capsys: Capture
) -> None:
    """Other names, XML or JSON and ids as text need three answers by hand at most."""
    script = CallScript(shares=dict.fromkeys(WORDS.values(), 1), seed=5, **QUICK)
    options: dict[str, Any] = {
        "events": dialect(prefix),
        "call_script": script,
        "event_delivery": EventDelivery(
            form=form, id_as_text=True, name_in_data=True, heartbeat=0.01
        ),
    }
    file = tmp_path / "capture.sse"
    async with FakePABX(**options) as fake:
        file.write_bytes(await captured(fake, 24))

    answers = ("--path", "/abre", "--word.X9", "machine", "--word.Z", "no_answer")
    ran = run_here(capsys, "fit", file, *answers)

    assert (ran.code, ran.err) == (0, "")
    table = tomllib.loads(ran.out)["events"]
    settings = load_event_preset(table.pop("preset"), **table)
    assert settings.dispositions == WORDS
    async with FakePABX(**options) as fake:
        pabx = attrs.evolve(fake.settings(), events=settings)
        async with DigitroClient(pabx) as client:
            several = calls_to(f"0483282{n:04}" for n in range(20))
            async with client.dispatch(several, wait_for_end=True) as results:
                ends = {one.call_id: one.disposition async for one in results}

        assert ends == {
            course.call_id: course.disposition for course in fake.event_side.courses
        }
        assert len(set(ends.values())) == 4
