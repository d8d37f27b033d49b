"""Random lives of a ledger that hears of the ends of its calls, beside a model."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from ledgers import end_call, seen_call
from test_ledger_machine import OWNERS, LedgerMachine, Model

from digitro_async import (
    CallEnd,
    Disposition,
    EndEvidence,
    IllegalTransitionError,
    LedgerError,
)
from digitro_async.ledger import AwaitedEnd, ClaimOwner, State
from digitro_async.ledger._call_ends_port import may_replace

TIMEOUT = 150.0
ENDED = (State.ACCEPTED, State.UNKNOWN)
PABX = st.sampled_from(["one", "one", "one", "two"])
IDS = st.one_of(st.none(), st.sampled_from("abcdefghij"))
TOLD = st.sampled_from([Disposition.BUSY, Disposition.ANSWERED, Disposition.NONE_SEEN])


class EndsMachine(LedgerMachine):
    """Anything that may be told of calls, among all that owners may do."""

    def __init__(self) -> None:
        self.listening: set[ClaimOwner] = set()
        super().__init__()

    def end_drawn(self, data: st.DataObject) -> tuple[int, CallEnd]:
        """Draw an end: of the contact's call mostly, or of another one."""
        number = self.known(data)
        one = self.model.get(number)
        call_id = data.draw(IDS)
        if one is not None and data.draw(st.booleans()):
            call_id = one.call_id
        end = CallEnd(
            pabx=data.draw(PABX),
            disposition=data.draw(TOLD),
            evidence=EndEvidence.CALL_ID,
            call_id=call_id,
            key=number,
            ended_at=self.now,
        )
        return number, end

    def after(self, number: int, end: CallEnd) -> CallEnd | None:
        """Return the end that a contact has once it was told one."""
        one = self.model.get(number)
        if one is None:
            return None
        is_its_own = end.pabx == "one" and end.call_id == one.call_id
        if one.state not in ENDED or not is_its_own:
            return one.end
        known = one.end
        if known is None or may_replace(known.disposition, end.disposition):
            return end
        return known

    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        """Tell of the end of a call, which may be another one's."""
        number, end = self.end_drawn(data)
        becomes = self.after(number, end)
        self.do(end_call(self.ledger, number, end))
        if number in self.model:
            self.model[number].end = becomes

    @rule(data=st.data())
    def end_at_a_crash(self, data: st.DataObject) -> None:
        """Die just after the end of a call was told: it is there, or not at all."""
        number, end = self.end_drawn(data)
        becomes = self.after(number, end)

        async def tell() -> None:
            self.ledger.ends.record(number, end, on_done=lambda *_: None)

        self.do(tell())
        self.crash()
        found = self.do(self.ends()).get(number)
        one = self.model.get(number, Model())
        if one.state in ENDED:
            assert found in (one.end, becomes)
            one.end = found

    @rule(owner=st.sampled_from(OWNERS))
    def listen(self, owner: ClaimOwner) -> None:
        """Hear of the ends of an owner's calls from now on."""
        self.do(self.ledger.ends.expect(owner, {"one": TIMEOUT}))
        self.listening.add(owner)

    @rule()
    def deadline(self) -> None:
        """Record that nothing was seen of calls whose time is over."""
        awaited: list[AwaitedEnd] = self.do(self.ledger.ends.awaited())

        assert [one.number for one in awaited] == self.expected_to_end()
        for one in awaited:
            model = self.model[one.number]
            assert (one.call_id, one.timeout) == (model.call_id, TIMEOUT)
            is_accepted = model.state is State.ACCEPTED
            assert one.since == (model.settled_at if is_accepted else model.sent_at)
            if one.seconds_left(self.now) <= 0:
                end = CallEnd(
                    pabx=one.pabx,
                    disposition=Disposition.NONE_SEEN,
                    evidence=EndEvidence.DEADLINE,
                    call_id=one.call_id,
                    key=one.number,
                )
                self.do(end_call(self.ledger, one.number, end))
                model.end = end

    @precondition(lambda self: self.model)
    @rule(data=st.data(), pabx=PABX, call_id=st.sampled_from("abcdefghij"))
    def see(self, data: st.DataObject, pabx: str, call_id: str) -> None:
        """See a call that may be an unknown contact's."""
        number = self.known(data)
        one = self.model.get(number)
        seen = seen_call(call_id, pabx=pabx)

        async def settled() -> Any:
            return await self.ledger.ends.settle_seen(number, seen, now=self.now)

        def settle() -> Any:
            return self.do(settled())

        if one is None or one.state is not State.UNKNOWN:
            error = LedgerError if one is None else IllegalTransitionError
            with pytest.raises(error):
                settle()
        elif pabx != "one" or call_id in self.call_ids:
            with pytest.raises(LedgerError):
                settle()
        else:
            assert settle().state is State.ACCEPTED
            one.state, one.call_id = State.ACCEPTED, call_id
            one.settled_at = self.now
            self.call_ids.add(call_id)

    def expected_to_end(self) -> list[int]:
        """Return the contacts of the model whose calls are to get an end."""
        return [
            number
            for number, one in self.model.items()
            if one.state in ENDED and one.end is None and one.owner in self.listening
        ]

    async def ends(self) -> dict[int, CallEnd | None]:
        """Return the end of each contact's call."""
        return {entry.number: entry.end async for entry in self.ledger.entries()}

    @invariant()
    def ends_are_those_of_the_model(self) -> None:
        """Every accepted call has the end that was told first, or none yet."""
        counts = self.do(self.ledger.ends.counts())
        ends = Counter(
            one.end.disposition
            for one in self.model.values()
            if one.end is not None and one.state in ENDED
        )

        assert counts.dispositions == ends
        assert counts.awaited == len(self.expected_to_end())

    @rule()
    def look_at_ends(self) -> None:
        """See the end of each contact's call as the model does."""
        expected = {
            number: one.end if one.state in ENDED else None
            for number, one in self.model.items()
        }

        assert self.do(self.ends()) == expected


class MemoryMachine(EndsMachine):
    """A ledger in memory."""

    kind = "memory"


class SQLiteMachine(EndsMachine):
    """A ledger in a file."""

    kind = "sqlite"


class PostgresMachine(EndsMachine):
    """A ledger in a database."""

    kind = "postgres"


MACHINES: list[tuple[type[EndsMachine], int]] = [
    (MemoryMachine, 60),
    (SQLiteMachine, 20),
    (PostgresMachine, 3),
]


@pytest.mark.parametrize(("machine", "examples"), MACHINES)
def test_random_lives(machine: type[EndsMachine], examples: int) -> None:
    """Whatever is told of calls, each has the end that the model says."""
    run_state_machine_as_test(
        machine, settings=settings(max_examples=examples, stateful_step_count=40)
    )


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("machine", "examples"), MACHINES)
def test_many_random_lives(machine: type[EndsMachine], examples: int) -> None:
    """Whatever is told in long lives, each call has the end that it should."""
    many = min(1_000, examples * 50)
    run_state_machine_as_test(
        machine, settings=settings(max_examples=many, stateful_step_count=60)
    )
