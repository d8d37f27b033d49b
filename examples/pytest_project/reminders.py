"""A program of yours: it reminds patients of their appointments."""

from collections.abc import Collection

from digitro_async import (
    DigitroClient,
    DispatchItem,
    Outcome,
    PABXPausedError,
    PredictiveCall,
)

NOT_CALLED = {Outcome.NOT_SENT, Outcome.REFUSED}


async def remind(
    client: DigitroClient, patients: Collection[dict[str, str]]
) -> set[str]:
    """Call each patient, and return the ids of those that may be called again."""
    calls = [
        DispatchItem(
            call=PredictiveCall(
                device="1125000", device_password="4567", destination=one["phone"]
            ),
            key=one["id"],
        )
        for one in patients
    ]
    left = {one["id"] for one in patients}
    try:
        async with client.dispatch(calls) as results:
            async for result in results:
                if result.outcome not in NOT_CALLED:
                    left.discard(str(result.key))
    except PABXPausedError:
        pass  # somebody has to look at the PABX; who is left was not called
    return left
