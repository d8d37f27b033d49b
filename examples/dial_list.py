"""A batch: python dial_list.py contacts.csv. Run it again to go on where it ended.

Ctrl-C, or SIGTERM of a service manager, ends it in order: calls on the wire finish, and
their outcomes are in the ledger. Exit code 0: all is done. 3: it was ended before.
"""

import asyncio
import os
import signal
import sys
from collections import Counter

from digitro_async import (
    PABX,
    Campaign,
    DigitroClient,
    PABXPausedError,
    RateLimit,
    open_ledger,
)
from digitro_async.contacts import open_contacts

EVERY_CALL = {
    "device": os.environ["PABX_DEVICE"],
    "device_password": os.environ["PABX_DEVICE_PASSWORD"],
}


def pabx_of_all() -> PABX:
    """Return the PABX that the environment names."""
    return PABX(
        "matriz",
        os.environ["PABX_URL"],
        channel_id=int(os.environ["PABX_CHANNEL"]),
        api_key=os.environ["PABX_API_KEY"],
        rate=RateLimit(int(os.environ["PABX_RATE"])),
    )


async def dial(path: str) -> int:
    """Dial a list, each contact once over all runs, and return the exit code."""
    stopped = False
    loop = asyncio.get_running_loop()
    async with (
        open_ledger(f"{path}.ledger.db") as ledger,
        DigitroClient(pabx_of_all()) as client,
    ):
        campaign = Campaign(ledger, client, call=EVERY_CALL)
        with open_contacts(path, defaults=EVERY_CALL) as contacts:
            added = await campaign.add(contacts)
        print(f"{added.new} new, {added.known} known", flush=True)
        outcomes: Counter[str] = Counter()
        async with campaign.run() as results:

            def stop() -> None:
                nonlocal stopped
                stopped = True
                results.drain()

            for name in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(name, stop)
            try:
                async for result in results:
                    outcomes[str(result.outcome)] += 1
            except PABXPausedError as error:  # nobody can be called: somebody must look
                print(f"ended: {error}")
                stopped = True
        counts = {str(state): n for state, n in (await ledger.counts()).items() if n}
    print(f"this run: {dict(outcomes)}")
    print(f"ledger: {counts}")
    return 3 if stopped else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(dial(sys.argv[1])))
