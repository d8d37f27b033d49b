"""PURE: knows a list again that was put in before, but not to its end."""

import hashlib
from collections.abc import Iterable, Sequence

import attrs

__all__ = ["Beginning", "ImportMark", "content_hash"]


@attrs.frozen
class ImportMark:
    """A mark of how far the import of a list without a file got.

    Attributes:
        number: The import.
        contacts: Contacts of it that are in.
        digest: Digest of these contacts, in their order.
    """

    number: int
    contacts: int
    digest: bytes


class Beginning:
    """Knows by its first contacts a list that was put in before, but not to its end.

    A list that a program makes has neither name nor size. One that begins with every
    contact that the broken one got in, in the same order, goes on where that stopped.

    Args:
        marks: The mark of each import that did not end.
    """

    def __init__(self, marks: Iterable[ImportMark]) -> None:
        self._marks = sorted(marks, key=lambda mark: mark.contacts)
        self._states = {0: hashlib.blake2b(digest_size=16)}

    def read(self, before: int, identities: Sequence[bytes]) -> tuple[bytes, list[int]]:
        """Take the next contacts in; return the digest, and the imports met again.

        Args:
            before: Number of contacts that were read before these. Contacts of a commit
                that was rolled back are read once more.
            identities: The hash by which each contact is known.
        """
        state = self._states[before].copy()
        same, done = [], 0
        for mark in self._marks:
            if before <= mark.contacts <= before + len(identities):
                state.update(b"".join(identities[done : mark.contacts - before]))
                done = mark.contacts - before
                if state.digest() == mark.digest:
                    same.append(mark.number)
        state.update(b"".join(identities[done:]))
        self._states = {
            before: self._states[before],
            before + len(identities): state,
        }
        return state.digest(), same


def content_hash(key: bytes, size: int | None, digest: bytes | None) -> bytes | None:
    """Return the keyed hash by which a file's content is known."""
    # Without a key a short list could be guessed.
    if digest is None:
        return None
    content = b"%d " % (size or 0) + digest
    return hashlib.blake2b(content, digest_size=16, key=key).digest()
