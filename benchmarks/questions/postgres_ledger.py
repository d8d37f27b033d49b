"""What does a ledger in PostgreSQL cost? Time, statements and bytes of a call.

``python -m benchmarks.questions.postgres_ledger postgresql://user@host/database``
puts ``--contacts`` into a campaign of its own there and records ``--calls`` of them,
``--in-flight`` at once, as a PABX would make it do that answers at once.
"""

import argparse
import asyncio
import secrets
import time
from collections.abc import AsyncIterator

import attrs
import psycopg

from digitro_async.ledger import (
    ClaimedContact,
    Ledger,
    NewContact,
    PostgresLedger,
    PostgresLedgerReader,
    State,
    Step,
    new_owner,
)
from digitro_async.privacy import Personal

PAGE = 2_000
CLAIMS = 500
LOOK_SECONDS = 0.2


@attrs.frozen(kw_only=True)
class LedgerQuestion:
    """What is asked.

    Attributes:
        url: The database.
        contacts: Contacts that are put in.
        calls: Calls that are recorded.
        in_flight: Calls at once.
        campaign: Name of the campaign.
    """

    url: str = attrs.field(repr=False)
    contacts: int
    calls: int
    in_flight: int
    campaign: str


async def put_in(ledger: Ledger, count: int) -> float:
    """Put contacts in; return the seconds that the ledger took."""
    number, seconds = await ledger.begin_import(now=time.time()), 0.0
    for first in range(1, count + 1, PAGE):
        page = [
            NewContact(
                line=line,
                identity=Personal(f"id C{line}"),
                id=Personal(f"C{line}"),
                destination=Personal(f"0{48_000_000_000 + line}"),
            )
            for line in range(first, min(first + PAGE, count + 1))
        ]
        began = time.perf_counter()
        await ledger.add(page, importing=number)
        seconds += time.perf_counter() - began
    return seconds


class Calls:
    """Records calls that are answered at once.

    Args:
        ledger: The ledger.
        most: Calls that are made.
    """

    def __init__(self, ledger: Ledger, most: int) -> None:
        self._ledger = ledger
        self._left = most
        self._owner = new_owner("benchmark")
        self.made = 0

    async def make(self, in_flight: int) -> None:
        """Make all of them, so many at once."""
        claims = self._claimed()
        await asyncio.gather(*(self._work(claims) for _ in range(in_flight)))

    async def _claimed(self) -> AsyncIterator[ClaimedContact]:
        last = 0
        while page := await self._ledger.claim(CLAIMS, self._owner, 3600, after=last):
            for contact in page:
                yield contact
            last = page[-1].number

    async def _work(self, claims: AsyncIterator[ClaimedContact]) -> None:
        while self._left > 0:
            self._left -= 1
            contact = await self._next(claims)
            await self._ledger.intend(contact.number, self._owner, "one", time.time())
            await self._accept(contact.number)
            self.made += 1

    async def _next(self, claims: AsyncIterator[ClaimedContact]) -> ClaimedContact:
        while True:
            try:
                return await anext(claims)
            except RuntimeError:  # another is asking for the next page
                await asyncio.sleep(0)

    async def _accept(self, number: int) -> None:
        told: asyncio.Future[State] = asyncio.get_running_loop().create_future()

        def on_done(error: BaseException | None, state: State | None) -> None:
            if error is not None:
                told.set_exception(error)
            elif state is not None:
                told.set_result(state)

        self._ledger.settle(
            number,
            self._owner,
            Step.ACCEPT,
            "one",
            time.time(),
            on_done=on_done,
            call_id=str(number),
        )
        assert await told is State.ACCEPTED


async def look_on(question: LedgerQuestion, seconds: list[float]) -> None:
    """Count the contacts all the while, as ``digitro status --watch`` does."""
    with PostgresLedgerReader(question.url, question.campaign) as reader:
        while True:
            began = time.perf_counter()
            await asyncio.to_thread(reader.counts)
            seconds.append(time.perf_counter() - began)
            await asyncio.sleep(LOOK_SECONDS)


async def answer(question: LedgerQuestion) -> None:
    """Ask, and print what it costs."""
    async with PostgresLedger(question.url, question.campaign) as ledger:
        seconds = await put_in(ledger, question.contacts)
        print(f"contacts put in: {question.contacts / seconds:,.0f}/s")
        owner = new_owner("first page")
        began = time.perf_counter()
        await ledger.claim(CLAIMS, owner, 60)
        print(f"first page of claims: {1e3 * (time.perf_counter() - began):.0f} ms")
        await ledger.release(owner)
        calls, looks = Calls(ledger, question.calls), list[float]()
        looking = asyncio.create_task(look_on(question, looks))
        before, cpu, began = ledger.statements, time.process_time(), time.perf_counter()
        await calls.make(question.in_flight)
        seconds = time.perf_counter() - began
        cpu, sent = time.process_time() - cpu, ledger.statements - before
        looking.cancel()
    print(f"calls recorded: {calls.made / seconds:,.0f}/s")
    print(f"statements a call: {sent / calls.made:.3f}")
    print(f"processor time a call, here: {1e6 * cpu / calls.made:.0f} us")
    print(f"counts, worst of {len(looks)}: {1e3 * max(looks, default=0):.0f} ms")
    print_sizes(question)


def print_sizes(question: LedgerQuestion) -> None:
    """Print the bytes of the largest tables, with their indexes, a contact."""
    with psycopg.connect(question.url) as connection:
        rows = connection.execute(
            "SELECT relname, pg_total_relation_size(oid) FROM pg_class"
            " WHERE relnamespace = 'digitro'::regnamespace AND relkind = 'r'"
            " ORDER BY 2 DESC LIMIT 3"
        )
        for name, size in rows:
            print(f"bytes a contact in {name}: {size / question.contacts:.0f}")


def main() -> None:
    """Read the command line and answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--contacts", type=int, default=40_000)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--in-flight", type=int, default=100)
    given = vars(parser.parse_args())
    campaign = f"benchmark {secrets.token_hex(4)}"
    asyncio.run(answer(LedgerQuestion(campaign=campaign, **given)))


if __name__ == "__main__":
    main()
