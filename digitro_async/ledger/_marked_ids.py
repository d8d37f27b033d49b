"""PURE: knows contacts again whose ids were once read with the marks of their cells."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from digitro_async._common.cell_marks import without_cell_mark
from digitro_async.ledger._stored_contacts import hash_of

__all__ = ["MARKED_UNTIL", "MARKS", "MarkedIds"]

MARKED_UNTIL: Final = "marked_ids_until"
"""Setting: the last contact of before files lost the marks of their cells, if one of
them has an id with such a mark. It goes with the ledger wherever that is copied to."""

MARKS: Final = ("'", "=")
"""The signs one of which such an id begins with."""


class MarkedIds:
    """The hashes that contacts with marked ids are known by too.

    Who was called under such an id must be known again when the same file is read
    without its marks.

    Args:
        key: The key with which contacts are hashed.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._times: Counter[str] = Counter()

    def aliases(self, rows: Iterable[tuple[str, bytes]]) -> dict[bytes, bytes]:
        """Return the hashes of ids without their marks, and those of their contacts.

        Whoever stands in the ledger by such a hash itself is a contact of its own.

        Args:
            rows: The id and the hash of each contact with such a sign, in order, all
                of them or the ones behind those that were given before.
        """
        found = {}
        for own_id, digest in rows:
            bare = without_cell_mark(own_id).strip()
            if not bare or bare == own_id:
                continue
            self._times[own_id] += 1
            # See ``nth_identity``: a contact may have been called as often as it came.
            times = self._times[own_id]
            nth = "" if times == 1 else f"{times} x "
            found[hash_of(f"{nth}id {bare}", self._key)] = digest
        return found
