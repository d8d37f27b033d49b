"""PURE: the call ids that a PABX gave lately."""

import hashlib
from typing import Final

__all__ = ["REMEMBERED_IDS", "RepeatedIds"]

REMEMBERED_IDS: Final = 25_000
"""Call ids of one generation; two generations are remembered for each PABX."""

LONGEST_REMEMBERED: Final = 64
"""Characters of a call id that is remembered itself; of a longer one it is a digest."""


class RepeatedIds:
    """Remembers call ids, the last 25,000 of them at least."""

    __slots__ = ("_ids", "_older_ids")

    def __init__(self) -> None:
        self._ids: set[str | bytes] = set()
        self._older_ids: set[str | bytes] = set()

    def is_repeated(self, call_id: str) -> bool:
        """Whether that call id was given lately; remember it."""
        key = call_id if len(call_id) <= LONGEST_REMEMBERED else _digest_of(call_id)
        ids, older = self._ids, self._older_ids
        if older and key in older:
            return True
        known = len(ids)
        ids.add(key)
        if len(ids) == known:  # told by that, to look it up once
            return True
        if known + 1 >= REMEMBERED_IDS:
            self._older_ids, self._ids = ids, set()
        return False


def _digest_of(call_id: str) -> bytes:
    data = call_id.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=16).digest()
