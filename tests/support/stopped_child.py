"""Makes one call and prints what became of it; its parent stops it meanwhile."""

import asyncio
import json
import sys

from helpers import make_call
from ways import WAYS

from digitro_async import (
    PABX,
    DigitroClient,
    TimeoutSettings,
)


async def _main(url: str, manager: str, limits: dict[str, float]) -> None:
    pabx = PABX("one", url, 1, "demo-key", timeouts=TimeoutSettings(**limits))
    async with (
        WAYS[manager]() as sessions,
        DigitroClient(pabx, sessions=sessions) as client,
        client.dispatch([make_call()]) as results,
    ):
        async for result in results:
            sys.stdout.write(f"{result.outcome} {result.error and result.error.reason}")


if __name__ == "__main__":
    loop, manager, url, limits = sys.argv[1:]
    if loop == "uvloop":
        import uvloop

        uvloop.run(_main(url, manager, json.loads(limits)))
    else:
        asyncio.run(_main(url, manager, json.loads(limits)))
