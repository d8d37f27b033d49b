import asyncio
import json
from typing import Any

import attrs
import pytest
from dispatch_scene import make_dispatcher
from helpers import LOST, ScriptedTransport, answered, make_call, make_pabx
from virtual_time import virtual_time

from digitro_async import (
    DigitroClient,
    Health,
    HealthStatus,
    LedgerError,
    PauseSettings,
    RetrySettings,
)

OK, DEGRADED, PAUSED = HealthStatus.OK, HealthStatus.DEGRADED, HealthStatus.PAUSED
SOON = PauseSettings(unknown_run=1, first_pause=10)


async def health_after(script: list[Any], **settings: Any) -> Health:
    """Return the health of two PABX of which the first had some attempts."""
    dispatcher = make_dispatcher(
        ScriptedTransport(script),
        [make_pabx("one"), make_pabx("two")],
        pause=SOON,
        retry=RetrySettings(max_attempts=1),
        **settings,
    )
    for _ in script:
        await dispatcher.submit(make_call(), pabx="one")
    return dispatcher.health()


class TestHealth:
    """What a monitor is told."""

    @virtual_time
    async def test_ok(self) -> None:
        """A client whose PABX take calls is well, and says nothing more."""
        health = await health_after([answered(400)])

        assert (health.status, health.reasons, health.ledger) == (OK, (), "")
        assert {one.status for one in health.pabx.values()} == {OK}
        assert {one.text for one in health.pabx.values()} == {""}

    @virtual_time
    async def test_one_is_paused(self) -> None:
        """A client of which one PABX is paused is degraded, and says why."""
        health = await health_after([LOST])
        one = health.pabx["one"]

        assert (health.status, one.status, health.pabx["two"].status) == (
            *(DEGRADED, PAUSED, OK),
        )
        assert (one.reason, one.retry_after) == ("unknown_run", 10)
        assert one.address == "127.0.0.1:9"
        assert health.reasons == (f"PABX one: {one.text}",)

    @virtual_time
    async def test_one_is_throttled(self) -> None:
        """A PABX that asked for rest degrades the client, and takes calls later."""
        health = await health_after([answered(429, retry_after="7")])

        assert (health.status, health.pabx["one"].status) == (DEGRADED, DEGRADED)
        assert health.pabx["one"].retry_after == 7

    @virtual_time
    async def test_all_are_paused(self) -> None:
        """A client none of whose PABX takes calls is paused."""
        dispatcher = make_dispatcher(ScriptedTransport())
        dispatcher.pause()

        assert dispatcher.health().status is PAUSED

    @virtual_time
    async def test_a_call_on_its_way(self) -> None:
        """Calls on the wire and waiting are counted."""
        pabx = make_pabx(max_in_flight=1)
        dispatcher = make_dispatcher(ScriptedTransport(latency=1), pabx)
        tasks = [asyncio.create_task(dispatcher.submit(make_call())) for _ in range(3)]
        await asyncio.sleep(0)
        health = dispatcher.health()
        await asyncio.gather(*tasks)

        assert health.in_flight == 1
        assert (health.pabx["one"].in_flight, health.pabx["one"].waiting) == (1, 2)

    @virtual_time
    async def test_a_ledger(self) -> None:
        """A ledger that failed degrades the client until a run begins anew."""
        dispatcher = make_dispatcher(ScriptedTransport())
        dispatcher.report_ledger(LedgerError(reason="disk_full"))
        failed = dispatcher.health()
        dispatcher.report_ledger(None)

        assert (failed.status, failed.ledger) == (DEGRADED, "disk_full")
        assert "can't be written (disk_full)" in failed.reasons[0]
        assert dispatcher.health().status is OK

    async def test_a_closed_client(self) -> None:
        """A client that was closed makes no calls, and says so."""
        async with DigitroClient(make_pabx()) as client:
            pass
        health = client.health()

        assert (health.status, health.pabx["one"].reason) == (PAUSED, "drained")
        assert health.reasons == ("PABX one: the client is closing",)

    @virtual_time
    async def test_for_a_monitor(self) -> None:
        """The health can be written as JSON as it is."""
        health = await health_after([LOST])

        read = json.loads(json.dumps(attrs.asdict(health)))

        assert read["status"] == "degraded"
        assert read["pabx"]["one"]["status"] == "paused"

    @virtual_time
    async def test_frozen(self) -> None:
        """Nobody can change what was seen."""
        health = await health_after([])

        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            health.status = OK  # type: ignore[misc]  # tried
