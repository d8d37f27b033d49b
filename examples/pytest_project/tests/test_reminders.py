"""Tests with the fixtures that digitro-async brings; nobody's phone rings."""

import pytest
from reminders import remind

from digitro_async import DigitroClient
from digitro_async.testing import FakePABX, Fault, FaultPlan

PATIENTS = [{"id": f"P{n}", "phone": f"0483281700{n}"} for n in range(5)]


async def test_everybody_is_called_once(
    fake_pabx: FakePABX, digitro_client: DigitroClient
) -> None:
    """Each patient is called, and nobody is left over."""
    assert await remind(digitro_client, PATIENTS) == set()
    assert sorted(call.destination for call in fake_pabx.calls) == [
        one["phone"] for one in PATIENTS
    ]


@pytest.mark.fake_pabx(faults=FaultPlan([Fault("lose_answer", at=2)]))
async def test_a_lost_answer_is_not_called_again(
    fake_pabx: FakePABX, digitro_client: DigitroClient
) -> None:
    """A patient whose phone may have rung is not offered for another call."""
    assert await remind(digitro_client, PATIENTS) == set()
    assert fake_pabx.posts == fake_pabx.placed == 5


@pytest.mark.fake_pabx(faults=FaultPlan([Fault("status", status=403)]))
async def test_a_pabx_that_refuses(
    fake_pabx: FakePABX, digitro_client: DigitroClient
) -> None:
    """Where the PABX refuses, nobody's phone rang."""
    assert await remind(digitro_client, PATIENTS) == {one["id"] for one in PATIENTS}
    assert fake_pabx.placed == 0
