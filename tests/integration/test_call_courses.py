import asyncio

import aiohttp
import pytest
from simulated_events import (
    ANSWERED,
    DIALECT,
    ENDED,
    QUICK,
    RINGING,
    STARTED,
    ChannelReader,
    all_become,
    dialect,
)
from virtual_time import virtual_time

from digitro_async.call_events import CallPhase, Disposition
from digitro_async.testing import (
    CallScript,
    EventDelivery,
    FakePABX,
    Fault,
    FaultPlan,
)

D = Disposition
EXPECTED = {
    D.ANSWERED: [STARTED, RINGING, ANSWERED, ENDED],
    D.BUSY: [STARTED, ENDED],
    D.NO_ANSWER: [STARTED, RINGING, ENDED],
    D.MACHINE: [STARTED, RINGING, ENDED],
    D.FAX: [STARTED, RINGING, ENDED],
    D.INVALID_NUMBER: [STARTED, ENDED],
    D.CONGESTION: [STARTED, ENDED],
    D.BLOCKED: [STARTED, ENDED],
    D.ABANDONED: [STARTED, RINGING, ENDED],
    D.ENDED: [STARTED, RINGING, ENDED],
    D.OTHER: [STARTED, RINGING, ENDED],
    D.NONE_SEEN: [STARTED, RINGING],
}
WORDS = {meaning: word for word, meaning in DIALECT.dispositions.items()}


class TestCourses:
    """What becomes of calls, and what is told and recorded of it."""

    @pytest.mark.parametrize("fate", Disposition)
    @virtual_time
    async def test_every_disposition_has_its_events(self, fate: Disposition) -> None:
        """Each disposition has its sequence of events, with its word in one of them."""
        async with (
            FakePABX(events=DIALECT, call_script=all_become(fate)) as pabx,
            ChannelReader(pabx) as channel,
        ):
            await channel.event()
            _, answer = await channel.call(1)
            events = await channel.events(len(EXPECTED[fate]))
            await asyncio.sleep(100)
            (course,) = pabx.event_side.courses

        assert [name for name, _ in events] == EXPECTED[fate]
        assert {data["DESTINO"] for _, data in events} == {"04832817000"}
        assert {data["CHAMADA"]["ID"] for _, data in events} == set(answer.values())
        words = [data["CAUSA"] for _, data in events if "CAUSA" in data]
        if fate in WORDS:
            assert words == [WORDS[fate]]
        else:
            assert len(words) == (fate is D.OTHER)
            assert not {word.casefold() for word in words} & set(WORDS.values())
        assert (course.disposition, course.told) == (fate, fate)
        assert course.ended_at is not None
        assert (course.answered_at is not None) is (fate is D.ANSWERED)

    @virtual_time
    async def test_seconds_of_the_script(self) -> None:
        """The steps of a call come after the seconds of the script."""
        script = all_become(D.ANSWERED)
        async with (
            FakePABX(events=DIALECT, call_script=script) as pabx,
            ChannelReader(pabx) as channel,
        ):
            await channel.event()
            await channel.call(1)
            await channel.events(4)
            (course,) = pabx.event_side.courses

        assert course.answered_at == pytest.approx(course.taken_at + 13)
        assert course.ended_at == pytest.approx(course.taken_at + 73)

    @virtual_time
    async def test_calls_in_progress_are_counted(self) -> None:
        """A call is in progress until it ends, and the most at once are recorded."""
        async with (
            FakePABX(events=DIALECT, call_script=all_become(D.ANSWERED)) as pabx,
            ChannelReader(pabx) as channel,
        ):
            await channel.event()
            for _ in range(3):
                await channel.call(1)
            assert pabx.event_side.in_progress == 3
            await asyncio.sleep(100)
            await channel.call(1)

            assert pabx.event_side.in_progress == 1
            assert pabx.event_side.max_in_progress == 3
            assert pabx.event_side.by_disposition == {D.ANSWERED: 4}

    @virtual_time
    async def test_lost_answers_have_courses(self) -> None:
        """A call whose answer is lost goes on, and one that was refused does not."""
        faults = FaultPlan([Fault("lose_answer", at=3), Fault("error_503", at=4)])
        async with (
            FakePABX(events=DIALECT, faults=faults) as pabx,
            ChannelReader(pabx) as channel,
        ):
            await channel.event()
            await channel.call(1)
            with pytest.raises(aiohttp.ServerDisconnectedError):
                await channel.call(1)
            assert (await channel.call(1))[0] == 503

            assert [course.call_id for course in pabx.event_side.courses] == [
                call.call_id for call in pabx.calls[:2]
            ]

    @virtual_time
    async def test_events_before_the_answer(self) -> None:
        """An event may come before the answer to its call."""
        script = all_become(D.BUSY, setup=0, dial=0)
        async with (
            FakePABX(events=DIALECT, call_script=script, latency=5) as pabx,
            ChannelReader(pabx) as channel,
        ):
            await channel.event()
            answering = asyncio.ensure_future(channel.call(1))
            await channel.events(2)

            assert not answering.done()
            assert (await answering)[0] == 200

    @virtual_time
    async def test_only_the_channel_of_the_command(self) -> None:
        """Events go to every channel, or to the one that the command came over."""
        for to_all, expected in ((True, 2), (False, 1)):
            delivery = EventDelivery(
                max_channels=2, to_all_channels=to_all, heartbeat=None
            )
            script = all_become(D.NONE_SEEN, setup=0, dial=1000)
            async with (
                FakePABX(
                    events=DIALECT, call_script=script, event_delivery=delivery
                ) as pabx,
                ChannelReader(pabx) as one,
                ChannelReader(pabx) as other,
            ):
                await one.event()
                await other.event()
                await other.call(2)
                told = 0
                for channel in (one, other):
                    try:
                        async with asyncio.timeout(1):
                            await channel.event()
                    except TimeoutError:
                        continue
                    told += 1

                assert told == expected

    async def test_a_poor_dialect(self) -> None:
        """The record says what the events can tell where the settings lack words."""
        fates = {
            D.ANSWERED: D.ANSWERED,
            D.BUSY: D.ENDED,
            D.OTHER: D.ENDED,
            D.NONE_SEEN: D.NONE_SEEN,
        }
        numbers = {str(n): fate for n, fate in enumerate(fates)}
        script = CallScript(numbers=numbers, **QUICK)
        settings = dialect(disposition_fields=(), dispositions={})
        async with (
            FakePABX(events=settings, call_script=script) as pabx,
            ChannelReader(pabx) as channel,
        ):
            await channel.event()
            for number in numbers:
                await channel.call(1, IDENTIDADE_DESTINO=number)

            assert [one.told for one in pabx.event_side.courses] == [*fates.values()]

    async def test_without_an_end(self) -> None:
        """Where no event is named for the end of a call, none can tell of it."""
        settings = dialect(call_phases={"X": CallPhase.STARTED})
        async with (
            FakePABX(events=settings, call_script=all_become(D.BUSY)) as pabx,
            ChannelReader(pabx) as channel,
        ):
            await channel.event()
            await channel.call(1)

            assert [one.told for one in pabx.event_side.courses] == [D.NONE_SEEN]

    @virtual_time
    async def test_same_seed_same_courses(self) -> None:
        """The same script draws the same for the same order of calls."""
        drawn = []
        for seed in (1, 1, 2):
            async with (
                FakePABX(events=DIALECT, call_script=CallScript(seed=seed)) as pabx,
                ChannelReader(pabx) as channel,
            ):
                await channel.event()
                for _ in range(20):
                    await channel.call(1)
                await asyncio.sleep(100)
                courses = pabx.event_side.courses
                drawn.append(
                    [
                        (one.disposition, round((one.ended_at or 0) - one.taken_at, 6))
                        for one in courses
                    ]
                )

        assert drawn[0] == drawn[1] != drawn[2]

    @virtual_time
    async def test_no_record(self) -> None:
        """Without a record the calls that ended are counted, and not kept."""
        script = all_become(D.BUSY)
        async with (
            FakePABX(events=DIALECT, call_script=script, keep_record=False) as pabx,
            ChannelReader(pabx) as channel,
        ):
            await channel.event()
            await channel.call(1)
            assert len(pabx.event_side.courses) == 1
            await asyncio.sleep(100)

            assert pabx.event_side.courses == []
            assert pabx.event_side.by_disposition == {D.BUSY: 1}
            assert pabx.event_side.in_progress == 0

    @virtual_time
    async def test_nothing_is_told_after_the_end(self) -> None:
        """A simulator that is closed leaves calls in progress as they are."""
        async with (
            FakePABX(events=DIALECT, call_script=all_become(D.ANSWERED)) as pabx,
            ChannelReader(pabx) as channel,
        ):
            await channel.event()
            await channel.call(1)
            await pabx.aclose()
            await asyncio.sleep(1000)

            assert [one.ended_at for one in pabx.event_side.courses] == [None]
