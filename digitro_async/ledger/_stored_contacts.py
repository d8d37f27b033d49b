"""PURE: how contacts stand in a database: by keyed hashes, their fields as JSON."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from digitro_async._common.drafts import draft_of
from digitro_async._common.validators import personal
from digitro_async.ledger._records import ClaimedContact, NewContact

dumps: Callable[[Any], bytes] | None
loads: Callable[[str], Any]
try:
    from orjson import dumps, loads
except ImportError:
    dumps, loads = None, json.loads

__all__ = [
    "claimed_contact",
    "hash_of",
    "hashes_of",
    "read_fields",
    "text_of_fields",
]

_ClaimedDraft = draft_of(ClaimedContact)


def hashes_of(contacts: Sequence[NewContact], key: bytes) -> list[bytes]:
    """Return the hash by which a ledger knows each contact."""
    return [hash_of(contact.identity.reveal(), key) for contact in contacts]


def hash_of(identity: str, key: bytes) -> bytes:
    """Return the hash by which a ledger knows an identity."""
    return hashlib.blake2b(identity.encode(), digest_size=16, key=key).digest()


def text_of_fields(fields: Mapping[str, str]) -> str:
    """Return a contact's own fields as JSON."""
    if dumps is not None:
        try:
            return str(dumps(dict(fields)), "utf-8")
        except TypeError:  # half a surrogate pair
            pass
    return json.dumps(dict(fields))


def read_fields(text: str) -> dict[str, str]:
    """Return a contact's own fields; damaged ones have a name that no field has."""
    try:
        fields = loads(text)
    except ValueError:
        # The standard library reads some texts that orjson refuses, such as NaN. Of
        # what neither reads it says so by the same kind of error.
        fields = json.loads(text)
    return fields if isinstance(fields, dict) else {"": ""}


def claimed_contact(
    number: int, attempts: int, destination: str, pabx: str | None, fields: str | None
) -> ClaimedContact:
    """Return a contact as it is claimed."""
    draft = _ClaimedDraft()
    draft.number, draft.attempts, draft.pabx = number, attempts, pabx
    draft.destination = personal(destination)
    draft.fields = read_fields(fields) if fields else {}
    draft.__class__ = ClaimedContact
    claimed: ClaimedContact = draft
    return claimed
