"""A database that parts one cap among workers, in memory and by the loop's time."""

import asyncio
import math
from collections.abc import Mapping
from typing import Any

import attrs

__all__ = ["SharingTable"]


@attrs.define
class _Row:
    """One worker.

    Attributes:
        lease: Seconds of its lease.
        ends: When its lease ends.
        granted: Slots that count as its own.
        wants: Slots that it can make use of.
        after: Seconds from the end of its lease until its slots are free.
    """

    lease: float
    ends: float
    granted: int = 0
    wants: int = 0
    after: float = 0.0


class SharingTable:
    """Does what ``0002_shared_caps.sql`` does for one cap and no campaigns.

    Args:
        calls: Slots of the cap.
    """

    def __init__(self, calls: int) -> None:
        self.calls = calls
        self.rows: dict[int, _Row] = {}
        self.cooling: list[tuple[int, float]] = []

    async def enroll(self, name: str, lease: float, about: Any, pabx: Any) -> int:
        """Enter a worker."""
        number = len(self.rows) + 1
        now = asyncio.get_running_loop().time()
        self.rows[number] = _Row(lease, now + lease)
        return number

    async def beat(
        self,
        number: int,
        sequence: int,
        report: Mapping[str, Any],
    ) -> Mapping[str, Any]:
        """Part the slots anew, and return those of a worker."""
        now = asyncio.get_running_loop().time()
        self._bury(now)
        row = self.rows[number]
        row.ends = now + row.lease
        answer: dict[str, Any] = {"state": "ok", "pauses": [], "campaigns": []}
        answer |= {"owned": None, "caps": []}
        if not report["caps"]:
            return answer
        (told,) = report["caps"]
        holds, used = told["holds"], told["used"]
        row.after = told["after"]
        row.wants = math.ceil(used * 1.1) + 1 if used else 0
        if told["waiting"]:
            row.wants = self.calls
        row.granted = 0
        rows = [one for one in self.rows.values() if one.ends > now]
        taken = sum(one.granted for one in rows) + sum(n for n, _ in self.cooling)
        slots = target = self._targets(rows)[rows.index(row)]
        if target > holds:
            slots = max(holds, min(target, self.calls - taken))
        row.granted = max(slots, holds)
        cap = {"address": told["address"], "per": told["per"], "shares": {"": slots}}
        return answer | {"caps": [{**cap, "slots": slots, "target": target}]}

    async def leave(self, number: int, report: Mapping[str, Any]) -> None:
        """Let a worker go."""
        now = asyncio.get_running_loop().time()
        row = self.rows[number]
        row.ends, row.granted = now, 0
        for told in report["taken"]:
            self.cooling += [(1, now + seconds) for seconds in told["seconds"]]

    async def aclose(self) -> None:
        """Close nothing."""

    def _targets(self, rows: list[_Row]) -> list[int]:
        """Return equal parts, as far as each worker can make use of them."""
        rest = self.calls - sum(slots for slots, _ in self.cooling)
        targets = [0] * len(rows)
        while rest > 0:
            open_ones = [
                index for index, row in enumerate(rows) if targets[index] < row.wants
            ]
            if not open_ones:
                break
            least = min(open_ones, key=targets.__getitem__)
            targets[least] += 1
            rest -= 1
        return targets

    def _bury(self, now: float) -> None:
        self.cooling = [one for one in self.cooling if one[1] > now]
        for row in self.rows.values():
            if row.ends <= now and row.granted:
                self.cooling.append((row.granted, row.ends + row.after))
                row.granted = 0
