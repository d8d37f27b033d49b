"""The public API as a user types it: read by the type checker, never run."""

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, assert_type

from digitro_async import (
    PABX,
    AnswerBody,
    CallAccepted,
    CallEnd,
    CallEndSettings,
    CallEvent,
    CallResult,
    ClientEvent,
    CommandAccepted,
    CommandAnswer,
    CommandSettings,
    ConfigurationError,
    DigitroClient,
    DigitroError,
    Dispatcher,
    DispatchItem,
    DispatchResults,
    Disposition,
    DTMFDetection,
    EventChannelSettings,
    EventKind,
    Gap,
    HealthStatus,
    InvalidCallError,
    NotSentError,
    OtherCommand,
    Outcome,
    OutcomeUnknownError,
    PABXPausedError,
    PABXStatistics,
    PasswordChange,
    PauseSettings,
    Personal,
    PoolSettings,
    PredictiveCall,
    QueueRedirect,
    RateLimit,
    RefusedError,
    RejectedError,
    RetrySettings,
    Secret,
    SessionManager,
    Statistics,
    ThrottledError,
    TimeoutSettings,
    Timings,
    TLSSettings,
    UnsetFields,
    tune_process,
)
from digitro_async.blocking import BlockingClient
from digitro_async.calls import Call

# Secrets and personal data are given as plain text or wrapped; text is wrapped at once.
matriz = PABX("matriz", "https://pabx.example", 12345, "key")
filial = PABX(
    name="filial",
    base_url="http://127.0.0.1:8089",
    channel_id=None,
    api_key=Secret("key"),
    rate=RateLimit(50, per=1.0),
    max_in_flight=100,
    pool=PoolSettings(reuse=False, idle_seconds=5, max_connections=None),
    timeouts=TimeoutSettings(total=30, connect=10, sock_connect=5, sock_read=30),
    tls=TLSSettings(ca_file=Path("ca.pem"), fingerprint=None),
    unset_fields=UnsetFields.OMIT,
    commands=[
        CommandSettings("queue_redirect", body="any"),
        CommandSettings("*", success_field="ok", success_values=[True, "yes", 1]),
    ],
)
assert_type(matriz.api_key, Secret)
assert_type(matriz.channel_id, int | None)
assert_type(filial.rate, RateLimit | None)
TLSSettings(ca_file="ca.pem")
TLSSettings(fingerprint="ab" * 32)
TLSSettings(fingerprint=b"x" * 32)

call = PredictiveCall(
    device="1125000", device_password="4567", destination="04832817000"
)
full = PredictiveCall(
    device="1125000",
    device_password=Secret("4567"),
    route="0",
    account="1114000",
    account_password="1234",
    destination=Personal("04832817000"),
    predictive_mode="0",
    user_data="111222333-44;Fulano",
    caller_id="1112000",
    call_progress_detection="1",
    reanswer_time="10",
    destination_detection="1",
    telemarketing_block="NAO",
)
assert_type(call.destination, Personal)
assert_type(call.destination.reveal(), str)
assert_type(full.account_password, Secret | None)
assert_type(full.user_data, Personal | None)

# What can't work is not accepted.
PredictiveCall(device="1", destination="2")  # type: ignore[call-arg]
PredictiveCall(device=1, device_password="2", destination="3")  # type: ignore[arg-type]
PredictiveCall(device="1", device_password=2, destination="3")  # type: ignore[arg-type]
PABX("matriz", "https://pabx.example", "1", "key")  # type: ignore[arg-type]
PABX("matriz", "https://pabx.example", 1, "key", RateLimit(1))  # type: ignore[call-arg]
PoolSettings(True)  # type: ignore[call-arg]
call.route = "1"  # type: ignore[misc]


async def make_one_call() -> CallAccepted:
    """Make one call inside a request handler."""
    async with DigitroClient(matriz) as client:
        assert_type(client, DigitroClient)
        accepted = await client.make_predictive_call(
            call, pabx="matriz", max_wait=2.0, deadline=5
        )
        assert_type(accepted, CallAccepted)
        assert_type(accepted.call_id, str)
        assert_type(accepted.raw, Mapping[str, Any])
        return accepted


async def send_commands(client: DigitroClient, any_of_them: Call) -> CommandAnswer:
    """Send a command of each kind."""
    redirect = QueueRedirect(
        device="1",
        device_password="2",
        destination_device="3",
        call_id="4",
        priority="0",
        user_data=Personal("5"),
    )
    assert_type(redirect.user_data, Personal | None)
    change = PasswordChange(device="1", device_password=Secret("2"), new_password="3")
    assert_type(change.new_password, Secret)
    assert_type(await client.send(call, pabx="matriz", deadline=5), CallAccepted)
    assert_type(await client.send(redirect), CommandAnswer)
    assert_type(await client.send(change, max_wait=1), CommandAnswer)
    assert_type(await client.send(any_of_them), CommandAccepted)
    await client.send(OtherCommand("a-path", {"A": "1"}, repeatable=True, plain=["A"]))
    answer = await client.command(
        "a-path", {"A": Secret("1"), "B": None}, pabx="matriz"
    )
    assert_type(answer.raw, Mapping[str, Any])
    assert_type(answer.text, Personal)
    assert_type(AnswerBody.ANY in AnswerBody, bool)
    await client.command("a-path", {"A": 1})  # type: ignore[dict-item]
    await client.send("a-path")  # type: ignore[call-overload]
    await client.send(redirect, max_wiat=1)  # type: ignore[call-overload]
    DTMFDetection(device="1", device_password="2")  # type: ignore[call-arg]
    DTMFDetection(device="1", device_password="2", call_id="3")
    return answer


def call_from_a_thread() -> int:
    """Make calls in a program without an event loop."""
    with BlockingClient(matriz, pause=PauseSettings()) as client:
        assert_type(client, BlockingClient)
        assert_type(client.make_predictive_call(call, deadline=5), CallAccepted)
        redirect = OtherCommand("a-path", {})
        assert_type(client.send(redirect), CommandAnswer)
        with client.dispatch([call, DispatchItem(call=call)]) as results:
            for result in results:
                look_at(result)
            assert_type(results.unread(), list[CallResult])
        assert_type(client.health().status, HealthStatus)
        client.make_predictive_call(redirect)  # type: ignore[arg-type]

        async def count(own: DigitroClient) -> int:
            return own.statistics().in_flight

        return client.run(count)


async def tell_failures_apart(client: DigitroClient) -> float | None:
    """Branch on what may already have happened."""
    try:
        await client.make_predictive_call(call)
    except (InvalidCallError, ConfigurationError) as error:
        assert_type(error.reason, str)
    except PABXPausedError as error:
        return error.retry_after
    except NotSentError as error:
        assert_type(error.attempts, int)
    except RejectedError as error:
        assert_type(error.status, int | None)
    except ThrottledError as error:
        return error.retry_after
    except RefusedError as error:
        assert_type(error.pabx, str | None)
    except OutcomeUnknownError as error:
        assert_type(error.may_have_dialed, bool)
    except DigitroError as error:
        assert_type(error.outcome, Outcome | None)
        assert_type(error.detail, Personal | None)
    return None


def read_calls() -> Iterator[PredictiveCall]:
    """Yield calls."""
    yield call


async def read_items() -> AsyncIterator[DispatchItem]:
    """Yield calls that know where they go and what they are."""
    yield DispatchItem(call=call, pabx="filial", key=("row", 7))


def hear(event: ClientEvent) -> None:
    """Take an event."""
    assert_type(event.kind, EventKind)
    assert_type(event.pabx, str | None)
    assert_type(event.retry_after, float | None)


async def dial_a_list() -> None:
    """Dial many calls over several PABX that share their connections."""
    undo = tune_process()
    async with (
        SessionManager() as sessions,
        DigitroClient(
            [matriz, filial],
            retry=RetrySettings(max_attempts=5, max_delay=20),
            pause=PauseSettings(wait_for_resume=True),
            sessions=sessions,
            on_event=hear,
        ) as client,
    ):
        assert_type(client.dispatch(read_calls()), DispatchResults)
        client.dispatch([call, DispatchItem(call=call)])
        async with client.dispatch(read_items()) as results:
            async for result in results:
                look_at(result)
            assert_type(results.exhausted, bool)
        look_at_statistics(client.statistics())
        assert_type(client.dispatcher, Dispatcher)
        client.dispatcher.pause("matriz", reason="lunch")
        client.dispatcher.resume()
        client.resume("matriz")
        assert_type(client.health().status, HealthStatus)
        assert_type(client.health().pabx["matriz"].retry_after, float | None)
        await client.dispatcher.drain()
        await client.aclose()
    undo()


def look_at(result: CallResult) -> None:
    """Read everything in a result."""
    assert_type(result.call, Any)
    assert_type(result.outcome, Outcome)
    assert_type(result.call_id, str | None)
    assert_type(result.error, DigitroError | None)
    assert_type(result.pabx, str | None)
    assert_type(result.attempts, int)
    assert_type(result.timings, Timings)
    assert_type(result.timings.sent_at, float | None)
    assert_type(result.timings.latency, float)
    if result.error is not None:
        raise result.error


def look_at_statistics(statistics: Statistics) -> None:
    """Read everything in a snapshot."""
    assert_type(statistics.in_flight, int)
    assert_type(statistics.rate, float)
    assert_type(statistics.outcomes, Mapping[Outcome, int])
    one = statistics.pabx["matriz"]
    assert_type(one, PABXStatistics)
    assert_type(one.paused, str)
    assert_type(one.resumes_in, float | None)


async def ends(client: DigitroClient, settings: EventChannelSettings) -> None:
    """What became of calls has a type of its own, at every way to it."""
    heard = PABX(
        *("matriz", "https://pabx.example", None, "key"),
        max_in_progress=30,
        call_ends=CallEndSettings(gap_timeout=60, match_window=None),
        events=settings,
    )
    assert_type(heard.max_in_progress, int | None)
    assert_type(await client.call_end("id"), CallEnd)
    async with client.dispatch([call], wait_for_end=True) as results:
        async for result in results:
            assert_type(result.disposition, Disposition | None)
            assert_type(result.end, CallEnd | None)
    async for event in client.call_events(queue_size=10):
        assert_type(event, CallEvent | Gap)
