"""Statements of owners, their leases and their claims."""

from collections.abc import Collection, Sequence
from typing import Final

from digitro_async.errors import IllegalTransitionError
from digitro_async.ledger._codes import STATE_CODES, STEP_CODES
from digitro_async.ledger._records import ClaimedContact, ClaimOwner
from digitro_async.ledger._state import State, Step, next_state
from digitro_async.ledger._stored_contacts import claimed_contact
from digitro_async.ledger.postgres._postgres_session import PostgresSession
from digitro_async.ledger.postgres._stored_texts import original_text

__all__ = [
    "begin_lease",
    "claim_contacts",
    "invalidate_contact",
    "recover_contacts",
    "recover_owner",
    "release_contacts",
]

_LAST: Final = 2**62
_NO_LIMIT: Final = 2**31 - 1
_CLAIMED: Final = STATE_CODES[State.CLAIMED]


async def begin_lease(
    session: PostgresSession, owner: ClaimOwner, lease: float, now: float | None
) -> int:
    """Begin an owner's lease anew; return the database's number of the owner."""
    ((number,),) = await session.execute(
        "SELECT digitro.begin_lease(%s, %s, %s, %s)",
        (owner.id, owner.label, lease, now),
    )
    return int(number)


async def claim_contacts(
    session: PostgresSession,
    campaign: int,
    *,
    owner: ClaimOwner,
    lease: float,
    limit: int,
    after: int,
    max_attempts: int | None,
    within: range | None,
    pabx: Collection[str | None] | None,
    now: float | None,
) -> tuple[int, list[ClaimedContact]]:
    """Claim contacts; return the owner's number too."""
    first, last = after + 1, _LAST
    if within is not None:
        first, last = max(first, within.start), within.stop - 1
    rows = await session.execute(
        "SELECT * FROM digitro.claim_contacts(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(campaign, owner.id, owner.label, lease, limit, first, last),
            _NO_LIMIT if max_attempts is None else max_attempts,
            None if pabx is None else [one or "" for one in pabx],
            now,
        ),
    )
    return rows[0][0], [
        claimed_contact(number, attempts, original_text(destination), *others)
        for number, attempts, destination, *others in rows[1:]
    ]


async def release_contacts(
    session: PostgresSession,
    campaign: int,
    *,
    owner: ClaimOwner,
    numbers: Sequence[int] | None,
) -> None:
    """Give claims of an owner back; all of them for None."""
    becomes = STATE_CODES[next_state(State.CLAIMED, Step.RELEASE)]
    chosen = None if numbers is None else list(numbers)
    await session.execute(
        f"UPDATE digitro.contact SET state = {becomes}"  # noqa: S608 - ours
        " WHERE owner = (SELECT number FROM digitro.owner WHERE id = %s)"
        f"   AND campaign = %s AND state = {_CLAIMED}"
        "   AND (%s::bigint[] IS NULL OR number = ANY (%s::bigint[]))",
        (owner.id, campaign, chosen, chosen),
    )


async def recover_contacts(
    session: PostgresSession,
    campaign: int,
    owners: Sequence[int] | None,
    now: float | None,
) -> int:
    """Close what owners left open; return the number of intents made unknown.

    Args:
        session: The connection.
        campaign: The campaign.
        owners: Numbers of the owners; None for every one whose lease is over.
        now: The time; None for the server's.
    """
    ((recovered,),) = await session.execute(
        "SELECT digitro.recover_contacts(%s, %s::integer[], %s)",
        (campaign, None if owners is None else list(owners), now),
    )
    return int(recovered)


async def recover_owner(
    session: PostgresSession,
    campaign: int,
    *,
    owner: ClaimOwner | None,
    now: float | None,
) -> int:
    """Close what an owner left open, or every one whose lease is over for None."""
    if owner is None:
        return await recover_contacts(session, campaign, None, now)
    rows = await session.execute(
        "SELECT number FROM digitro.owner WHERE id = %s", (owner.id,)
    )
    numbers = [number for (number,) in rows]
    return await recover_contacts(session, campaign, numbers, now)


async def invalidate_contact(
    session: PostgresSession,
    campaign: int,
    *,
    number: int,
    owner: ClaimOwner,
    reason: str,
    now: float,
) -> None:
    """Record that a claimed contact can't be called as it is.

    Raises:
        IllegalTransitionError: If the owner has no claim on it.
    """
    becomes = STATE_CODES[next_state(State.CLAIMED, Step.INVALIDATE)]
    rows = await session.execute(
        f"WITH changed AS (UPDATE digitro.contact SET state = {becomes}, reason = %s,"  # noqa: S608 - ours
        "  settled_at = %s WHERE campaign = %s AND number = %s"
        "  AND owner = (SELECT number FROM digitro.owner WHERE id = %s)"
        f"  AND state = {_CLAIMED} RETURNING number, reason, settled_at)"
        "INSERT INTO digitro.event (contact, step, at, reason, campaign)"
        f" SELECT number, {STEP_CODES[Step.INVALIDATE]}, settled_at, reason, %s"
        " FROM changed RETURNING contact",
        (reason, now, campaign, number, owner.id, campaign),
    )
    if not rows:
        raise IllegalTransitionError(
            "the contact is not claimed by this owner", reason="not_claimed"
        )
