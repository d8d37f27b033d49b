"""CommandSettings, and what answers mean by them."""

import asyncio
from typing import Any

import pytest
from helpers import (
    PREDICTIVE_CALL,
    answered,
    make_call,
    make_pabx,
)
from virtual_time import virtual_time

from digitro_async import (
    PABX,
    AnswerBody,
    CommandSettings,
    ConfigurationError,
    DigitroClient,
    DTMFDetection,
    OtherCommand,
    Outcome,
    RateLimit,
)
from digitro_async.models import CommandAnswer
from digitro_async.protocol import (
    COMMANDS,
    AttemptResult,
    Evidence,
    Failure,
    Observation,
    Request,
    classify,
    command_of,
)

DETECTION = DTMFDetection(device="1", device_password="2", call_id="3")
BY_STATUS = CommandSettings(
    "dtmf_detection",
    success_field="response.status",
    success_values=["OK", 0],
    rejected_values=["error", False],
)


class PlainTransport:
    """Accepts every request, and remembers when each came."""

    def __init__(self) -> None:
        self.times: list[float] = []

    async def exchange(self, _: PABX, __: Request, evidence: Evidence) -> Observation:
        """Observe an acceptance."""
        evidence.request_started = True
        self.times.append(asyncio.get_running_loop().time())
        body = b'{"ID_CHAMADA": "%d"}' % len(self.times)
        return Observation(request_started=True, status=200, body=body)


def result_of(
    body: bytes,
    settings: CommandSettings | None,
    status: int = 200,
    command: str = "dtmf_detection",
) -> AttemptResult:
    """Return the result of an attempt that was answered with that body."""
    seen = Observation(request_started=True, status=status, body=body)
    return classify(seen, COMMANDS[command], settings=settings)


@pytest.mark.parametrize(
    ("body", "outcome", "reason"),
    [
        (b'{"response": {"status": "ok"}}', Outcome.ACCEPTED, ""),
        (b'{"response": {"status": " Ok "}}', Outcome.ACCEPTED, ""),
        (b'{"response": {"status": 0}}', Outcome.ACCEPTED, ""),
        (b'{"response": {"status": "ERROR"}}', Outcome.REJECTED, "rejected_in_answer"),
        (b'{"response": {"status": false}}', Outcome.REJECTED, "rejected_in_answer"),
        (b'{"response": {"status": "wait"}}', Outcome.UNKNOWN, "unexpected_answer"),
        (b'{"response": {"status": null}}', Outcome.UNKNOWN, "unexpected_answer"),
        (b'{"response": {"status": {}}}', Outcome.UNKNOWN, "unexpected_answer"),
        (b'{"response": "ok"}', Outcome.UNKNOWN, "unexpected_answer"),
        (b"{}", Outcome.UNKNOWN, "unexpected_answer"),
        (b"[]", Outcome.UNKNOWN, "unexpected_answer"),
        (b"", Outcome.UNKNOWN, "empty_answer"),
        (b"ok", Outcome.UNKNOWN, "not_json"),
        (
            b'{"response": {"status": "error"}, "ID_CHAMADA": "1"}',
            Outcome.UNKNOWN,
            "unexpected_answer",
        ),
    ],
)
def test_failures_hidden_in_a_200(body: bytes, outcome: Outcome, reason: str) -> None:
    """A member of the answer decides, and a value without a meaning decides nothing."""
    result = result_of(body, BY_STATUS)

    assert result.classification.outcome is outcome
    assert result.classification.reason == reason
    assert (result.accepted is None) is (outcome is not Outcome.ACCEPTED)


def test_a_call_needs_its_call_id() -> None:
    """A predictive call that is a success by its settings still needs a call id."""
    settings = CommandSettings("*", success_field="ok", success_values=True)

    def outcome_of(body: bytes) -> tuple[Outcome, str]:
        found = result_of(body, settings, command="predictive_call").classification
        return found.outcome, found.reason

    assert outcome_of(b'{"ok": true}') == (Outcome.UNKNOWN, "no_call_id")
    assert outcome_of(b'{"ID_CHAMADA": "1", "ok": true}') == (Outcome.ACCEPTED, "")


@pytest.mark.parametrize(
    ("statuses", "status", "outcome", "reason"),
    [
        ([200, 202], 202, Outcome.ACCEPTED, ""),
        (202, 202, Outcome.ACCEPTED, ""),
        (202, 200, Outcome.UNKNOWN, "unexpected_answer"),
        (200, 202, Outcome.UNKNOWN, "undocumented_success"),
        (202, 400, Outcome.REJECTED, "status_400"),
        (202, 500, Outcome.UNKNOWN, "server_fault"),
    ],
)
def test_statuses(statuses: Any, status: int, outcome: Outcome, reason: str) -> None:
    """The statuses of a success are those of the settings, among the 2xx alone."""
    settings = CommandSettings("dtmf_detection", success_statuses=statuses)
    found = result_of(b"{}", settings, status).classification

    assert (found.outcome, found.reason) == (outcome, reason)


@pytest.mark.parametrize("failure", [Failure.TRUNCATED, Failure.LOST])
def test_half_an_answer_is_none(failure: Failure) -> None:
    """An answer that did not come whole, or to nothing that was sent, is no success."""
    settings = CommandSettings("dtmf_detection", success_statuses=[200, 202])
    for started, why in ((True, failure), (False, None)):
        seen = Observation(started, status=202, body=b"{}", failure=why)
        found = classify(seen, COMMANDS["dtmf_detection"], settings=settings)
        assert found.classification.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("kind", "body", "value"),
    [
        ("object", b"{}", {}),
        ("object", b"[1]", None),
        ("json", b"[1]", [1]),
        ("json", b"done", None),
        ("any", b"done", None),
        ("any", b"", None),
        ("any", b'{"a": 1}', {"a": 1}),
    ],
)
def test_bodies(kind: str, body: bytes, value: Any) -> None:
    """A body that is not of the kind that counts leaves the outcome unknown."""
    result = result_of(body, CommandSettings("dtmf_detection", body=kind))

    is_fit = kind == "any" or value is not None
    assert (result.classification.outcome is Outcome.ACCEPTED) is is_fit
    if is_fit:
        assert isinstance(result.accepted, CommandAnswer)
        assert result.accepted.value == value
        assert result.accepted.text.reveal() == body.decode()


def test_an_answer_that_is_too_large() -> None:
    """A body that is too large is no answer, whatever counts as one."""
    result = result_of(b"x" * 100_000, CommandSettings("*", body="any"))

    assert result.classification.reason == "oversized_answer"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"command": "dtmf_detectoin"}, "did you mean dtmf_detection"),
        ({"command": "a b"}, "command is neither"),
        ({"command": 7}, "command is neither"),
        ({"success_statuses": []}, "success_statuses"),
        ({"success_statuses": 404}, "success_statuses"),
        ({"success_statuses": [200, "x"]}, "success_statuses"),
        ({"success_statuses": True}, "success_statuses"),
        ({"success_field": "a..b", "success_values": "x"}, "success_field"),
        ({"success_field": 7, "success_values": "x"}, "success_field"),
        ({"success_field": "a"}, "success_values is missing"),
        ({"success_values": "x"}, "success_field is missing"),
        ({"success_field": "a", "success_values": [" "]}, "values must be"),
        ({"success_field": "a", "success_values": [None]}, "values must be"),
        (
            {"success_field": "a", "success_values": "X", "rejected_values": "x"},
            "rejected_values",
        ),
        ({"body": "xml"}, "body must be one of object, json, any"),
        ({"body": "any", "success_field": "a", "success_values": "x"}, "body must not"),
        ({"counts_as_call": 1}, "counts_as_call"),
        ({"command": "predictive_call", "counts_as_call": False}, "counts_as_call"),
        ({"command": "predictive_call", "body": "json"}, "body can't"),
    ],
)
def test_settings_are_checked(given: dict[str, Any], problem: str) -> None:
    """A setting that can't be used is refused, and the text names it."""
    with pytest.raises(ConfigurationError, match=problem):
        CommandSettings(**{"command": "dtmf_detection", **given})


@pytest.mark.parametrize("name", [*COMMANDS, "*", "encerra-algo", "/x/{channel_id}/y"])
def test_names_of_commands(name: str) -> None:
    """Settings are of a documented command, of every one or of a path."""
    settings = CommandSettings(name, success_statuses={200, 201})
    pabx = make_pabx(commands=settings)

    assert pabx.commands == (settings,)
    assert hash(pabx) == hash(make_pabx(commands=[settings]))
    assert settings.body is None
    assert AnswerBody("any") in AnswerBody


@pytest.mark.parametrize("commands", [7, ["x"], [None], "x"])
def test_a_pabx_takes_settings_alone(commands: Any) -> None:
    """Anything else than settings of commands is refused."""
    with pytest.raises(ConfigurationError, match="commands"):
        make_pabx(commands=commands)


def test_two_settings_of_one_command() -> None:
    """A command has one settings in a PABX."""
    with pytest.raises(ConfigurationError, match="two settings"):
        make_pabx(commands=[BY_STATUS, CommandSettings("dtmf_detection")])


async def test_a_client_takes_the_settings_of_the_command() -> None:
    """A command's own settings go before those of every command."""
    own = CommandSettings("dtmf_detection")
    every = CommandSettings("*", success_field="x", success_values="y")
    transport = PlainTransport()
    by_command = {}
    for commands in ((), (own,), (every,), (own, every)):
        pabx = make_pabx(commands=commands)
        async with DigitroClient(pabx, transport=transport) as client:
            result = await client.dispatcher.submit(DETECTION)
        by_command[commands] = result.outcome

    assert by_command == {
        (): Outcome.ACCEPTED,
        (own,): Outcome.ACCEPTED,
        (every,): Outcome.UNKNOWN,
        (own, every): Outcome.ACCEPTED,
    }


@virtual_time
async def test_rate_slots() -> None:
    """A command takes a rate slot unless its settings say that it is no call."""
    free = CommandSettings("*", counts_as_call=False)
    for commands, times in (((), [0.0, 1.0, 2.0]), ((free,), [0.0, 0.0, 1.0])):
        transport = PlainTransport()
        pabx = make_pabx(rate=RateLimit(1), commands=commands)
        async with DigitroClient(pabx, transport=transport) as client:
            await client.send(make_call())
            await client.send(DETECTION)
            await client.send(make_call())

        start = transport.times[0]
        assert [at - start for at in transport.times] == pytest.approx(times)


@virtual_time
async def test_no_slot_does_not_wait_behind_calls() -> None:
    """A command that needs no rate slot overtakes calls that wait for one."""
    free = CommandSettings("dtmf_detection", counts_as_call=False)
    transport = PlainTransport()
    pabx = make_pabx(rate=RateLimit(1), commands=free)
    async with DigitroClient(pabx, transport=transport) as client:
        client.dispatcher.pause()
        with pytest.raises(Exception, match="paused"):
            await client.send(DETECTION)
        client.resume()
        async with client.dispatch([make_call(), make_call()]) as results:
            taken = [await anext(results)]
            await client.send(DETECTION)
            taken += [result async for result in results]
        # The slots that were not taken are not given back either.
        await client.send(make_call())

    assert [result.outcome for result in taken] == [Outcome.ACCEPTED] * 2
    start = transport.times[0]
    assert [at - start for at in transport.times] == pytest.approx([0.0, 0.0, 1.0, 2.0])


@pytest.mark.parametrize("status", [404, 405])
def test_paths_that_no_page_shows(status: int) -> None:
    """A 404 or 405 speaks of the path where no page shows that, else of the channel."""
    other = command_of(OtherCommand("nada", {}))
    assert other is not None

    guessed = classify(answered(status), other).classification
    known = classify(answered(status), PREDICTIVE_CALL).classification

    assert (guessed.outcome, guessed.reason) == (Outcome.REJECTED, "no_such_command")
    assert not guessed.needs_operator
    assert known.needs_operator
