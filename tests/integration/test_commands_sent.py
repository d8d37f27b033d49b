"""Commands beside the predictive call, sent to a simulator that checks what it gets."""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers import make_call
from ways import WAYS

from digitro_async import (
    AuthenticationError,
    CallAccepted,
    CommandAnswer,
    DigitroClient,
    DispatchItem,
    DTMFDetection,
    InvalidCallError,
    OtherCommand,
    Outcome,
    OutcomeUnknownError,
    PasswordChange,
    QueueRedirect,
    RejectedError,
    RetrySettings,
    Secret,
)
from digitro_async.calls import Call
from digitro_async.protocol import path_of
from digitro_async.testing import FakePABX, Fault, FaultPlan

DEVICE: dict[str, Any] = {"device": "1125000", "device_password": "canary-4567"}
CALL_ID = "08/07/24 10:46:19 010A 0974/00"
REDIRECT = QueueRedirect(
    **DEVICE, destination_device="1126000", call_id=CALL_ID, priority="0"
)
DETECTION = DTMFDetection(**DEVICE, call_id=CALL_ID)
CHANGE = PasswordChange(**DEVICE, new_password="canary-2345")
DOCUMENTED = {one.command: one for one in (REDIRECT, DETECTION, CHANGE)}
OTHER = "encerra-algo"

ON_THE_WIRE: dict[str, dict[str, str | None]] = {
    "queue_redirect": {
        "DISPOSITIVO": "1125000",
        "SENHA_DISPOSITIVO": "canary-4567",
        "DISPOSITIVO_DESTINO": "1126000",
        "ID_CHAMADA": CALL_ID,
        "PRIORIDADE": "0",
        "DADOS": None,
    },
    "dtmf_detection": {
        "DISPOSITIVO": "1125000",
        "SENHA_DISPOSITIVO": "canary-4567",
        "ID_CHAMADA": CALL_ID,
    },
    "password_change": {
        "DISPOSITIVO": "1125000",
        "SENHA_DISPOSITIVO": "canary-4567",
        "CONTA": None,
        "SENHA": None,
        "NOVA_SENHA": "canary-2345",
    },
}

every_command = pytest.mark.parametrize("call", DOCUMENTED.values(), ids=[*DOCUMENTED])


@every_command
@pytest.mark.parametrize("way", WAYS)
async def test_documented_commands(call: Any, way: str) -> None:
    """Each documented command arrives with its documented fields, in their order."""
    async with (
        FakePABX() as pabx,
        WAYS[way]() as sessions,
        DigitroClient(pabx.settings(), sessions=sessions) as client,
    ):
        answer = await client.send(call)

    assert isinstance(answer, CommandAnswer)
    assert (answer.raw, answer.value, answer.text.reveal()) == ({}, {}, "{}")
    [received] = pabx.calls
    assert (received.command, received.status, received.call_id) == (
        call.command,
        200,
        None,
    )
    assert [*received.fields.items()] == [*ON_THE_WIRE[call.command].items()]
    assert pabx.accepted == pabx.placed == 1


async def test_commands_and_calls_in_one_dispatch() -> None:
    """Commands of every class go through one dispatch, each with its own answer."""
    other = OtherCommand(OTHER, {"ID_CHAMADA": CALL_ID})
    calls: list[Any] = [make_call(), *DOCUMENTED.values(), other]
    async with (
        FakePABX(answers={OTHER: [1, 2]}) as pabx,
        DigitroClient(pabx.settings()) as client,
        client.dispatch(
            DispatchItem(call=call, key=number) for number, call in enumerate(calls)
        ) as results,
    ):
        by_key = {result.key: result async for result in results}

    assert {result.outcome for result in by_key.values()} == {Outcome.ACCEPTED}
    assert [by_key[number].call for number in range(5)] == calls
    kinds = [type(by_key[number].accepted) for number in range(5)]
    assert kinds == [CallAccepted, *[CommandAnswer] * 4]
    assert by_key[0].call_id == pabx.calls[0].call_id
    assert [by_key[number].call_id for number in range(1, 5)] == [None] * 4
    answer: Any = by_key[4].accepted
    assert (answer.value, answer.raw) == ([1, 2], {})


async def test_send_takes_a_call() -> None:
    """A predictive call can be sent by ``send`` too, and gives its call id."""
    async with FakePABX() as pabx, DigitroClient(pabx.settings()) as client:
        accepted = await client.send(make_call())

    assert accepted.call_id == pabx.calls[0].call_id


@pytest.mark.parametrize("name", DOCUMENTED)
@pytest.mark.parametrize("wrong", ["", 7, "\x00"])
def test_fields_are_checked(name: str, wrong: Any) -> None:
    """A required field that is empty, no text or no printable one is refused."""
    kind, fields = type(DOCUMENTED[name]), {**DEVICE, "call_id": CALL_ID}
    fields |= {"destination_device": "1", "priority": "0", "new_password": "canary-n"}
    given = {one: fields[one] for one in fields if hasattr(DOCUMENTED[name], one)}

    kind(**given)
    for field in given:
        with pytest.raises(InvalidCallError, match=f"^{field} ") as caught:
            kind(**{**given, field: wrong})
        assert "canary" not in str(caught.value)
    assert "canary" not in repr(DOCUMENTED[name])


@pytest.mark.parametrize(
    ("call", "status"),
    [
        (
            QueueRedirect(**DEVICE, destination_device="1", call_id="x", priority="20"),
            400,
        ),
        (DTMFDetection(device="1", device_password="wrong", call_id="x"), 403),
    ],
)
async def test_simulator_refuses(call: Any, status: int) -> None:
    """The simulator refuses a priority that is not documented, and a wrong password."""
    passwords = {"1125000": "canary-4567", "1": "canary"}
    async with (
        FakePABX(device_passwords=passwords) as pabx,
        DigitroClient(pabx.settings()) as client,
    ):
        result = await client.dispatcher.submit(call)

    assert result.error is not None
    assert (result.error.status, pabx.placed) == (status, 0)
    assert pabx.calls[0].command == call.command


@pytest.mark.parametrize(
    ("kind", "outcome", "reason"),
    [
        ("lose_answer", Outcome.UNKNOWN, "connection_lost"),
        ("garbage_200", Outcome.UNKNOWN, "not_json"),
        ("html_200", Outcome.UNKNOWN, "html_answer"),
        ("slow_answer", Outcome.ACCEPTED, None),
    ],
)
@every_command
async def test_faults(call: Any, kind: str, outcome: Outcome, reason: str) -> None:
    """What goes wrong with a command has the outcome that a call would have, once."""
    async with (
        FakePABX(faults=FaultPlan([Fault(kind)])) as pabx,
        DigitroClient(pabx.settings()) as client,
    ):
        result = await client.dispatcher.submit(call)

    assert (result.outcome, result.attempts, pabx.posts) == (outcome, 1, 1)
    assert (result.error and result.error.reason) == reason


class TestOtherCommands:
    """Commands that are known by their path alone."""

    @pytest.mark.parametrize("way", WAYS)
    async def test_answer_as_it_came(self, way: str) -> None:
        """Path and fields go out as given, and the answer comes back as it was."""
        answers = {OTHER: {"response": {"status": "ok"}}}
        async with (
            FakePABX(answers=answers) as pabx,
            WAYS[way]() as sessions,
            DigitroClient(pabx.settings(), sessions=sessions) as client,
        ):
            answer = await client.command(
                OTHER, {"ID_CHAMADA": CALL_ID, "SENHA": Secret("canary"), "X": None}
            )

        assert answer.raw == answers[OTHER]
        [received] = pabx.calls
        assert received.fields == {"ID_CHAMADA": CALL_ID, "SENHA": "canary", "X": None}
        assert received.command == OTHER

    async def test_whole_path(self) -> None:
        """A path that holds ``{channel_id}`` is taken as a whole."""
        path = "/v2/{channel_id}/a/b"
        async with (
            FakePABX(channel_id=77, answers={path: {}}) as pabx,
            DigitroClient(pabx.settings()) as client,
        ):
            await client.command(path, {})

        assert (pabx.calls[0].command, pabx.calls[0].channel) == (path, 77)
        assert path_of(path) == path

    async def test_unknown_path_pauses_nothing(self) -> None:
        """A 404 to a path that no page shows is about the command, and no pause."""
        async with FakePABX() as pabx, DigitroClient(pabx.settings()) as client:
            for _ in range(3):
                with pytest.raises(RejectedError) as caught:
                    await client.command("nada", {})
                assert caught.value.reason == "no_such_command"
            await client.make_predictive_call(make_call())

    async def test_wrong_key_pauses(self) -> None:
        """A key that is refused pauses the PABX, whatever was sent."""
        async with (
            FakePABX(answers={OTHER: {}}) as pabx,
            DigitroClient(pabx.settings(api_key="wrong")) as client,
        ):
            with pytest.raises(AuthenticationError):
                await client.command(OTHER, {})
            assert client.statistics().pabx["simulator"].paused == "status_401"

    @pytest.mark.parametrize("repeatable", [True, False])
    async def test_repeated_where_unknown(self, *, repeatable: bool) -> None:
        """Only a repeatable command is sent again where its outcome is unknown."""
        plan = FaultPlan([Fault("lose_answer", at=[1, 2])])
        retry = RetrySettings(base_delay=0)
        async with (
            FakePABX(answers={OTHER: {}}, faults=plan) as pabx,
            DigitroClient(pabx.settings(), retry=retry) as client,
        ):
            call = OtherCommand(OTHER, {}, repeatable=repeatable)
            result = await client.dispatcher.submit(call)

        assert result.outcome is (Outcome.ACCEPTED if repeatable else Outcome.UNKNOWN)
        assert result.attempts == pabx.posts == (3 if repeatable else 1)

    async def test_no_repeat_of_what_is_recorded(self) -> None:
        """An outcome that a recorder has as unknown is never tried again."""
        recorded: list[str] = []

        class Notes:
            async def record_intent(self, *_: Any) -> None:
                recorded.append("intent")

            def record_outcome(self, key: Any, _: str, result: Any, done: Any) -> None:
                recorded.append(result.classification.outcome)
                done(result)

            def record_doubts(self, *_: Any) -> None: ...

        plan = FaultPlan([Fault("lose_answer", at=1)])
        async with (
            FakePABX(answers={OTHER: {}}, faults=plan) as pabx,
            DigitroClient(pabx.settings()) as client,
            client.dispatch(
                [OtherCommand(OTHER, {}, repeatable=True)], recorder=Notes()
            ) as results,
        ):
            [result] = [result async for result in results]

        assert result.outcome is Outcome.UNKNOWN
        assert recorded == ["intent", Outcome.UNKNOWN]

    @pytest.mark.parametrize(
        "then",
        [
            Fault("status", status=400, at=2),
            Fault("status", status=401, at=2),
            Fault("throttle_429", at=[2, 3]),
            Fault("lose_answer", at=[2, 3]),
        ],
        ids=["rejected", "refused", "throttled", "lost"],
    )
    async def test_unknown_stays_unknown(self, then: Fault) -> None:
        """Once an attempt may have been carried out, no later refusal undoes that."""
        plan = FaultPlan([Fault("lose_answer", at=1), then])
        retry = RetrySettings(base_delay=0)
        async with (
            FakePABX(answers={OTHER: {}}, faults=plan) as pabx,
            DigitroClient(pabx.settings(), retry=retry) as client,
        ):
            with pytest.raises(OutcomeUnknownError) as caught:
                await client.command(OTHER, {}, repeatable=True)
            outcomes = client.statistics().outcomes

        assert caught.value.reason == "connection_lost"
        assert caught.value.attempts == pabx.posts > 1
        assert (outcomes[Outcome.UNKNOWN], sum(outcomes.values())) == (1, 1)

    @pytest.mark.parametrize(
        "path",
        ["", "/", "/x", "x/", "a//b", "..", "a/../b", "a b", "a?b", "a#b", "%2e", "é"],
    )
    async def test_paths_are_checked(self, path: str) -> None:
        """What could leave the place of a command, or is no path, is refused."""
        async with FakePABX() as pabx, DigitroClient(pabx.settings()) as client:
            with pytest.raises(InvalidCallError, match=r"^path "):
                await client.command(path, {})

        assert pabx.posts == 0

    @pytest.mark.parametrize(
        "path",
        [
            "chamada-preditiva",
            "Chamada-Preditiva",
            "/requests/{channel_id}/chamada-preditiva",
        ],
    )
    async def test_no_call_by_its_path(self, path: str) -> None:
        """A predictive call can't be made by its path, repeated or not."""
        async with FakePABX() as pabx, DigitroClient(pabx.settings()) as client:
            with pytest.raises(InvalidCallError):
                await client.command(path, {}, repeatable=True)

        assert pabx.posts == 0

    @pytest.mark.parametrize(
        "fields",
        [
            *([("canary", 1)], "canary", 7, {"048990012345 x": "canary"}),
            *({"X": 7}, {"X": "canary\x00"}, {7: "canary"}, {"X": ["canary"]}),
            {f"F{number}": "canary" for number in range(300)},
        ],
    )
    def test_fields_are_checked(self, fields: Any) -> None:
        """Fields that can't be sent are refused without their values."""
        with pytest.raises(InvalidCallError) as caught:
            OtherCommand(OTHER, fields)

        assert "canary" not in str(caught.value)
        assert "048990" not in str(caught.value)

    def test_masked_unless_told(self) -> None:
        """Every field is masked, but those that are said to be plain."""
        call = OtherCommand(OTHER, {"A": "canary", "ROTA": "0"}, plain="ROTA")

        assert call.fields == {"A": Secret("canary"), "ROTA": "0"}
        assert "canary" not in repr(call)
        assert call == OtherCommand(OTHER, dict(call.fields), plain=["ROTA"])
        assert hash(call)
        for wrong in ("B", 7, [""], [["A"]]):
            with pytest.raises(InvalidCallError, match="plain"):
                OtherCommand(OTHER, {"A": "canary"}, plain=wrong)  # type: ignore[arg-type]
        with pytest.raises(InvalidCallError, match="repeatable"):
            OtherCommand(OTHER, {}, repeatable=1)  # type: ignore[arg-type]

    async def test_without_a_row(self) -> None:
        """Another class of commands without a row is refused, as ever."""

        class Nameless(Call):
            command = "other_command"

        async with FakePABX() as pabx, DigitroClient(pabx.settings()) as client:
            with pytest.raises(InvalidCallError):
                await client.send(Nameless())


async def test_record_masks_what_may_be_secret(tmp_path: Path) -> None:
    """The simulator's file masks passwords, and every field of an unknown command."""
    record = tmp_path / "calls.jsonl"
    async with (
        FakePABX(answers={OTHER: {}}, record_path=record) as pabx,
        DigitroClient(pabx.settings()) as client,
    ):
        await client.send(CHANGE)
        await client.command(OTHER, {"ID_CHAMADA": "canary", "X": ""})

    first, second = map(json.loads, record.read_text().splitlines())
    assert "canary" not in record.read_text()
    assert first["fields"]["DISPOSITIVO"] == "1125000"
    assert (second["command"], second["fields"]) == (
        OTHER,
        {"ID_CHAMADA": "***", "X": ""},
    )
