"""Who is dialled next: deferrals, recalls, callbacks, priorities and the mix."""

from typing import Any

import attrs
from rule_values import attempt, moment, wall

from digitro_async.call_events import Disposition
from digitro_async.errors import Outcome
from digitro_async.rules import (
    AttemptGate,
    BlockGate,
    BlockTerms,
    Callback,
    CallbackRule,
    CallingHours,
    CallingQueue,
    ContactClosed,
    ContactKind,
    ContactMix,
    DialNow,
    Gates,
    HoursGate,
    MemoryAttemptHistory,
    NoRecall,
    NothingUntil,
    OwnBlocks,
    QueuedContact,
    Recall,
    RecallRule,
    RecallRules,
    Spacing,
    called_number,
    week_of,
)

OPEN = CallingHours(name="office", week=week_of({"mon-fri": ["08:00-20:00"]}))
RECALL = RecallRules(
    rules={Disposition.BUSY: RecallRule(after=(1800.0,), most=2)}, most_attempts=3
)
NOON = moment("2026-11-30 12:00")


@attrs.define
class Desk:
    """A queue with what is behind it."""

    history: MemoryAttemptHistory = attrs.Factory(MemoryAttemptHistory)
    blocks: OwnBlocks = attrs.Factory(lambda: OwnBlocks("own"))
    mix: ContactMix | None = None
    queue: CallingQueue = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Make the queue."""
        self.queue = self.made()

    def made(self) -> CallingQueue:
        """Return a queue over the same history, as after a restart."""
        gates = Gates(
            [
                BlockGate([self.blocks]),
                HoursGate([OPEN]),
                AttemptGate(self.history, spacings=[Spacing(name="10 min", least=600)]),
            ]
        )
        return CallingQueue(
            gates,
            self.history,
            recall=RECALL,
            callbacks=CallbackRule(early=0, late=900),
            mix=self.mix,
        )

    def restart(self) -> None:
        """Put what the queue held into a new one."""
        kept = self.queue.contacts()
        self.queue = self.made()
        for one in kept:
            self.queue.put(one)

    def dial(self, when: float) -> Any:
        """Return the contact that is dialled at a moment."""
        step = self.queue.next(when)
        assert isinstance(step, DialNow)
        return step.call.contact


def contact(name: str, *numbers: str, **fields: Any) -> QueuedContact:
    """A contact that waits, with numbers of its own."""
    texts = numbers or (f"0119{abs(hash(name)) % 10**8:08d}",)
    made = tuple(called_number(text) for text in texts)
    return QueuedContact(contact=name, numbers=made, number=made[0], **fields)


def test_deferred_at_night_and_dialled_in_the_morning() -> None:
    """A contact deferred at 20:00 waits until morning, and through a restart."""
    for restarts in (False, True):
        desk = Desk()
        desk.queue.put(contact("ana"))
        late = moment("2026-11-30 20:00")
        step = desk.queue.next(late)

        assert isinstance(step, NothingUntil)
        assert step.until is not None
        assert wall(step.until) == "2026-12-01 08:00:00"
        if restarts:
            desk.restart()
        assert isinstance(desk.queue.next(step.until - 1), NothingUntil)
        assert desk.dial(step.until) == "ana"


def test_recalls_come_by_themselves() -> None:
    """A busy contact comes up again, as often as its rules say."""
    desk = Desk()
    ana = contact("ana", "011987654321")
    desk.queue.put(ana)
    at = NOON
    for _ in range(2):
        assert desk.dial(at) == "ana"
        desk.history.add(attempt("011987654321", at, contact="ana"))
        answer = desk.queue.end("ana", ana.numbers)
        assert isinstance(answer, Recall)
        assert desk.queue.next(answer.due - 1) == NothingUntil(answer.due)
        at = answer.due
    assert desk.dial(at) == "ana"
    desk.history.add(attempt("011987654321", at, contact="ana"))
    assert isinstance(desk.queue.end("ana", ana.numbers), NoRecall)
    assert desk.queue.next(at) == NothingUntil(None)


def test_an_unknown_call_is_not_recalled() -> None:
    """Whatever the rules say, nobody is rung again after an unknown outcome."""
    desk = Desk()
    ana = contact("ana", "011987654321")
    odd = attempt("011987654321", NOON, contact="ana", outcome=Outcome.UNKNOWN)
    desk.history.add(odd)

    assert isinstance(desk.queue.end("ana", ana.numbers), NoRecall)
    assert len(desk.queue) == 0


def test_priorities_and_mix() -> None:
    """Among contacts of one kind the priority decides, and kinds take turns."""
    desk = Desk(mix=ContactMix(fresh=2, recalls=1))
    for place in range(4):
        desk.queue.put(contact(f"fresh {place}", priority=place))
        desk.queue.put(contact(f"recall {place}", kind=ContactKind.RECALL))
    dialled = [desk.dial(NOON) for _ in range(8)]

    assert [one[0] for one in dialled] == [*"ffrffrrr"]
    assert [one for one in dialled if one[0] == "f"] == [
        f"fresh {place}" for place in (3, 2, 1, 0)
    ]


def test_callbacks_come_first() -> None:
    """A callback that is due is dialled before all others, by the number agreed on."""
    desk = Desk()
    numbers = (called_number("011987654321"), called_number("011912345678"))
    desk.queue.put(contact("ana", priority=9))
    callback = Callback(contact="rui", at=NOON + 60, number=numbers[1].key)
    desk.queue.call_back(callback, numbers)

    assert desk.dial(NOON) == "ana"
    assert desk.queue.next(NOON) == NothingUntil(NOON + 60)
    desk.queue.put(contact("ana", priority=9))
    step = desk.queue.next(NOON + 60)
    assert isinstance(step, DialNow)
    assert (step.call.contact, step.call.number) == ("rui", numbers[1])


def test_a_callback_takes_the_number_of_the_last_call() -> None:
    """Without a number of its own a callback goes where the last call went."""
    desk = Desk()
    numbers = (called_number("011987654321"), called_number("011912345678"))
    desk.history.add(attempt("011912345678", NOON - 7200, contact="rui"))
    desk.queue.call_back(Callback(contact="rui", at=NOON), numbers)

    step = desk.queue.next(NOON)
    assert isinstance(step, DialNow)
    assert step.call.number == numbers[1]


def test_a_missed_callback_moves() -> None:
    """A callback at closed hours moves to the same time of a day that is open."""
    desk = Desk()
    number = called_number("011987654321")
    friday = moment("2026-12-04 19:55")
    desk.queue.call_back(Callback(contact="rui", at=friday), [number])
    step = desk.queue.next(moment("2026-12-04 21:00"))

    while isinstance(step, NothingUntil) and step.until is not None:
        when = step.until
        step = desk.queue.next(when)
    assert isinstance(step, DialNow)
    assert wall(when) == "2026-12-07 19:55:00"


def test_a_blocked_contact_is_closed() -> None:
    """A contact all of whose numbers are blocked is closed, with the reason."""
    desk = Desk()
    desk.queue.put(contact("ana", "011987654321", "011912345678"))
    desk.blocks.add(called_number("011987654321"), BlockTerms())

    step = desk.queue.next(NOON)
    assert isinstance(step, DialNow)
    assert step.call.number == called_number("011912345678")

    desk.queue.put(contact("ana", "011987654321", "011912345678"))
    desk.queue.call_back(
        Callback(contact="rui", at=NOON), [called_number("011987654321")]
    )
    desk.blocks.add(called_number("011912345678"), BlockTerms())
    closed = {desk.queue.next(NOON) for _ in range(2)}
    assert closed == {
        ContactClosed("ana", "blocked"),
        ContactClosed("rui", "blocked"),
    }
    assert desk.queue.next(NOON) == NothingUntil(None)


def test_removed_while_it_waits() -> None:
    """A contact that is taken out is not dialled, and one put in anew waits once."""
    desk = Desk()
    desk.queue.put(contact("ana", due=NOON + 60))
    desk.queue.put(contact("ana", due=NOON))
    desk.queue.put(contact("rui", due=NOON + 30))

    assert len(desk.queue) == 2
    assert desk.queue.remove("rui")
    assert not desk.queue.remove("rui")
    assert desk.dial(NOON) == "ana"
    assert desk.queue.next(NOON) == NothingUntil(None)
