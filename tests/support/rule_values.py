"""Short ways to make what rules are asked about, for the tests of the rules."""

import datetime as dt
import zoneinfo
from collections.abc import Hashable
from typing import Any

from digitro_async.call_events import Disposition
from digitro_async.errors import Outcome
from digitro_async.rules import PastAttempt, PlannedCall, called_number

__all__ = ["SAO_PAULO", "attempt", "moment", "planned", "wall"]

SAO_PAULO = "America/Sao_Paulo"


def moment(text: str, zone: str = SAO_PAULO, *, fold: int = 0) -> float:
    """The Unix time of a clock on the wall, such as ``2026-11-30 19:59``."""
    local = dt.datetime.fromisoformat(text)
    return local.replace(tzinfo=zoneinfo.ZoneInfo(zone), fold=fold).timestamp()


def wall(when: float, zone: str = SAO_PAULO) -> str:
    """What the clock on the wall says at a Unix time."""
    local = dt.datetime.fromtimestamp(when, zoneinfo.ZoneInfo(zone))
    return local.strftime("%Y-%m-%d %H:%M:%S")


def planned(number: str = "011987654321", **fields: Any) -> PlannedCall:
    """A call that is planned to a number."""
    given: dict[str, Any] = {"contact": 1, **fields}
    return PlannedCall(number=called_number(number), **given)


def attempt(
    number: str,
    began_at: float,
    disposition: Disposition | None = Disposition.BUSY,
    *,
    contact: Hashable = 1,
    lasted: float | None = 20.0,
    **fields: Any,
) -> PastAttempt:
    """An attempt that the PABX accepted, and that ended."""
    given: dict[str, Any] = {"outcome": Outcome.ACCEPTED, **fields}
    return PastAttempt(
        contact=contact,
        number=called_number(number).key,
        began_at=began_at,
        ended_at=None if lasted is None else began_at + lasted,
        disposition=disposition,
        **given,
    )
