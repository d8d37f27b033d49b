import asyncio
import gc
import json
import logging
import subprocess
import sys
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import anyio
import pytest
from aioresponses import CallbackResult, aioresponses
from helpers import (
    API_KEY,
    Line,
    RawServer,
    ScriptedTransport,
    answer,
    calls_to,
    everything_of,
    make_call,
    make_pabx,
    quiet_loop,
    take_into,
    within,
)
from yarl import URL

import digitro_async
from digitro_async import (
    AnswerTimeoutError,
    AuthenticationError,
    CallResult,
    ChannelNotFoundError,
    ClientClosedError,
    ConfigurationError,
    ConnectionLostError,
    DigitroClient,
    DigitroError,
    DispatchItem,
    DrainedError,
    InvalidCallError,
    NotSentError,
    Outcome,
    OutcomeUnknownError,
    PABXPausedError,
    PermissionDeniedError,
    PredictiveCall,
    RateWaitTimeoutError,
    RefusedError,
    RejectedError,
    RetrySettings,
    ServerFaultError,
    SessionManager,
    ThrottledError,
    TimeoutSettings,
    UnexpectedRedirectError,
    UnreadableAnswerError,
    UnsetFields,
)
from digitro_async.protocol._names import DOCUMENTED_ACCEPTANCE, DOCUMENTED_CALL
from digitro_async.testing import FakePABX, Fault, FaultKind, FaultPlan

URL_OF_CALLS = "http://pabx.test/requests/1/chamada-preditiva"
ONCE = RetrySettings(max_attempts=1)
DOCUMENTED = PredictiveCall(
    device="1125000",
    device_password="4567",
    route="0",
    account="1114000",
    account_password="1234",
    destination="04832817000",
    predictive_mode="0",
    user_data="111222333-44;Fulano",
    caller_id="1112000",
    call_progress_detection="1",
    reanswer_time="10",
    destination_detection="1",
    telemarketing_block="NAO",
)


@pytest.fixture(autouse=True)
async def _quiet() -> AsyncIterator[None]:
    async with quiet_loop():
        yield


class ReadingMock(aioresponses):
    """Asks for a request's body before it answers, as sending it does."""

    unread = False

    async def _request_mock(self, *args: Any, **kwargs: Any) -> Any:
        body = kwargs["data"]
        if not self.unread:
            await body.write(Bin())
        return await super()._request_mock(*args, **kwargs)


class Bin:
    """Takes bytes and forgets them."""

    async def write(self, data: bytes) -> None:
        """Forget them."""


@pytest.fixture
def mocked() -> Iterator[ReadingMock]:
    """Answer instead of a PABX."""
    mock = ReadingMock()
    with mock:
        yield mock


def make_client(**settings: Any) -> DigitroClient:
    """Return a client of the mocked PABX."""
    options = {"retry": settings.pop("retry", ONCE)}
    return DigitroClient(make_pabx("one", "http://pabx.test", **settings), **options)


class TestRequest:
    """What is sent."""

    async def test_documented_call(self, mocked: ReadingMock) -> None:
        """The documented example goes out as documented, and is understood."""
        mocked.post(URL_OF_CALLS, payload=DOCUMENTED_ACCEPTANCE)
        async with make_client() as client:
            accepted = await client.make_predictive_call(DOCUMENTED)
        [(method, url)] = mocked.requests
        [request] = mocked.requests[method, url]
        body = request.kwargs["data"].decode()

        assert (method, url) == ("POST", URL(URL_OF_CALLS))
        assert json.loads(body) == DOCUMENTED_CALL
        assert list(json.loads(body)) == list(DOCUMENTED_CALL)
        assert request.kwargs["allow_redirects"] is False
        assert request.kwargs.keys().isdisjoint({"ssl", "verify_ssl"})
        assert accepted.call_id == "08/07/24 10:46:19 010A 0974/00"
        assert accepted.raw == DOCUMENTED_ACCEPTANCE

    async def test_headers(self, mocked: ReadingMock) -> None:
        """The key stands in its header, and answers are asked for uncompressed."""
        seen: dict[str, str] = {}

        def take(_: URL, **kwargs: Any) -> CallbackResult:
            seen.update(kwargs["headers"])
            return CallbackResult(payload={"ID_CHAMADA": "x"})

        mocked.post(URL_OF_CALLS, callback=take)
        async with make_client() as client:
            await client.make_predictive_call(make_call())
        if not seen:  # where the mock shows only what was given with the request
            async with SessionManager() as sessions:
                line = sessions._open(make_pabx("one", "http://pabx.test"))
                seen.update(line.session.headers)

        assert seen["x-api-key"] == API_KEY
        assert seen["Accept-Encoding"] == "identity"
        assert seen["Content-Type"] == "application/json"

    async def test_key_is_in_no_address(self, mocked: ReadingMock) -> None:
        """The address holds the channel and nothing else."""
        mocked.post(
            "http://pabx.test/prefix/requests/42/chamada-preditiva",
            payload={"ID_CHAMADA": "x"},
        )
        pabx = digitro_async.PABX("one", "http://pabx.test/prefix/", 42, API_KEY)
        async with DigitroClient(pabx) as client:
            await client.make_predictive_call(make_call())
        [(_, url)] = mocked.requests

        assert API_KEY not in str(url)

    @pytest.mark.parametrize("unset", UnsetFields)
    async def test_unset_fields(self, mocked: ReadingMock, unset: UnsetFields) -> None:
        """Fields that are not set are null, or left out where that was asked for."""
        mocked.post(URL_OF_CALLS, payload={"ID_CHAMADA": "x"})
        async with make_client(unset_fields=unset) as client:
            await client.make_predictive_call(make_call())
        [[request]] = mocked.requests.values()
        sent = json.loads(request.kwargs["data"].decode())

        assert len(sent) == (13 if unset is UnsetFields.NULL else 4)

    async def test_on_the_wire(self) -> None:
        """The bytes that a server reads are those of one plain request."""
        async with RawServer() as server:
            pabx = make_pabx(base_url=server.base_url)
            async with DigitroClient(pabx) as client:
                await client.make_predictive_call(DOCUMENTED)
        head, _, body = server.received.partition(b"\r\n\r\n")
        first, *rest = head.decode("ascii").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in rest)

        assert first == "POST /requests/1/chamada-preditiva HTTP/1.1"
        assert json.loads(body) == DOCUMENTED_CALL
        assert headers == {
            "host": f"127.0.0.1:{server.port}",
            "x-api-key": API_KEY,
            "content-type": "application/json",
            "accept": "application/json",
            "accept-encoding": "identity",
            "user-agent": "digitro-async",
            "content-length": str(len(body)),
        }


class TestAnswers:
    """What becomes of each answer."""

    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (201, UnreadableAnswerError),
            (204, UnreadableAnswerError),
            (301, UnexpectedRedirectError),
            (302, UnexpectedRedirectError),
            (303, UnexpectedRedirectError),
            (307, UnexpectedRedirectError),
            (308, UnexpectedRedirectError),
            (400, RejectedError),
            (402, RejectedError),
            (409, RejectedError),
            (410, RejectedError),
            (413, RejectedError),
            (414, RejectedError),
            (422, RejectedError),
            (451, RejectedError),
            (401, AuthenticationError),
            (403, PermissionDeniedError),
            (404, ChannelNotFoundError),
            (405, RefusedError),
            (415, RefusedError),
            (425, ThrottledError),
            (429, ThrottledError),
            (408, UnreadableAnswerError),
            (418, UnreadableAnswerError),
            (500, ServerFaultError),
            (502, ServerFaultError),
            (503, ServerFaultError),
            (599, ServerFaultError),
            (999, UnreadableAnswerError),
        ],
    )
    async def test_status(
        self, mocked: ReadingMock, status: int, error: type[DigitroError]
    ) -> None:
        """Each status has its error, and a repeated request is never made."""
        mocked.post(
            URL_OF_CALLS, status=status, payload={"ID_CHAMADA": "x"}, repeat=True
        )
        async with make_client() as client:
            with pytest.raises(error) as caught:
                await client.make_predictive_call(make_call())
        [requests] = mocked.requests.values()

        assert len(requests) == 1
        assert type(caught.value) is error
        assert caught.value.status == status
        assert caught.value.pabx == "one"
        assert caught.value.attempts == 1
        assert caught.value.__cause__ is caught.value.__context__ is None

    @pytest.mark.parametrize(
        "body",
        ["", "null", "[]", "{}", '{"ID_CHAMADA": ""}', '{"ID_CHAMADA": 1}', "<html>"],
    )
    async def test_unreadable_200(self, mocked: ReadingMock, body: str) -> None:
        """A 200 that does not keep the contract leaves the call unknown."""
        mocked.post(URL_OF_CALLS, body=body)
        async with make_client() as client:
            with pytest.raises(UnreadableAnswerError) as caught:
                await client.make_predictive_call(make_call())

        assert caught.value.may_have_dialed

    async def test_retry_after(self, mocked: ReadingMock) -> None:
        """The time that a throttle asks for is in the error."""
        mocked.post(URL_OF_CALLS, status=429, headers={"Retry-After": "17"})
        async with make_client() as client:
            with pytest.raises(ThrottledError) as caught:
                await client.make_predictive_call(make_call())

        assert caught.value.retry_after == 17

    async def test_detail_is_masked(self, mocked: ReadingMock) -> None:
        """What the PABX wrote can be opened and does not show itself."""
        mocked.post(URL_OF_CALLS, status=400, body="number 04832817000 is bad")
        async with make_client() as client:
            with pytest.raises(RejectedError) as caught:
                await client.make_predictive_call(make_call())

        assert caught.value.detail is not None
        assert caught.value.detail.reveal() == "number 04832817000 is bad"
        assert "04832817000" not in str(caught.value) + repr(caught.value)

    @pytest.mark.parametrize(
        "foreign",
        [
            aiohttp.ClientError("x"),
            aiohttp.ServerDisconnectedError(),
            aiohttp.InvalidURL("x"),
            RuntimeError("x"),
            ValueError("x"),
        ],
    )
    @pytest.mark.parametrize(
        ("unread", "own"), [(True, NotSentError), (False, OutcomeUnknownError)]
    )
    async def test_foreign_errors_do_not_come_through(
        self,
        mocked: ReadingMock,
        foreign: Exception,
        unread: bool,
        own: type[DigitroError],
    ) -> None:
        """Whatever aiohttp raises, the library raises what the evidence says."""
        mocked.unread = unread
        mocked.post(URL_OF_CALLS, exception=foreign)
        async with make_client() as client:
            with pytest.raises(own) as caught:
                await client.make_predictive_call(make_call())

        assert caught.value.__cause__ is caught.value.__context__ is None

    async def test_answer_to_nothing(self, mocked: ReadingMock) -> None:
        """An acceptance of a call that was never written is not believed."""
        mocked.unread = True
        mocked.post(URL_OF_CALLS, payload={"ID_CHAMADA": "x"})
        async with make_client() as client:
            with pytest.raises(UnreadableAnswerError) as caught:
                await client.make_predictive_call(make_call())

            assert client.statistics().pabx["one"].alarms == 1
        assert caught.value.reason == "answer_before_request"


class TestUse:
    """How a client is used."""

    async def test_closed(self) -> None:
        """A closed client takes nothing, and says what it is."""
        client = make_client()
        assert repr(client) == "<DigitroClient one>"
        await client.aclose()
        with pytest.raises(ClientClosedError):
            await client.make_predictive_call(make_call())
        with pytest.raises(ClientClosedError):
            client.dispatch([])
        with pytest.raises(ClientClosedError):
            async with client:
                pass

        assert repr(client) == "<DigitroClient closed one>"

    def test_pabx_are_checked(self) -> None:
        """A client needs at least one PABX, each with a name of its own."""
        for wrong in ([], [make_pabx(), make_pabx()]):
            with pytest.raises(ConfigurationError):
                DigitroClient(wrong)

    async def test_unknown_pabx(self) -> None:
        """A call for a PABX that is not there is invalid."""
        async with make_client() as client:
            with pytest.raises(InvalidCallError):
                await client.make_predictive_call(make_call(), pabx="other")

    async def test_paused(self, mocked: ReadingMock) -> None:
        """One call alone does not wait for a pause."""
        mocked.post(URL_OF_CALLS, status=401)
        async with make_client() as client:
            with pytest.raises(AuthenticationError):
                await client.make_predictive_call(make_call())
            with pytest.raises(PABXPausedError) as caught:
                await client.make_predictive_call(make_call())

            assert caught.value.reason == "status_401"
            assert client.statistics().pabx["one"].paused == "status_401"

            client.dispatcher.resume()
            mocked.post(URL_OF_CALLS, payload={"ID_CHAMADA": "x"})
            await client.make_predictive_call(make_call())

    async def test_max_wait(self, mocked: ReadingMock) -> None:
        """The wait for a rate slot can be bounded."""
        mocked.post(URL_OF_CALLS, payload={"ID_CHAMADA": "x"}, repeat=True)
        async with make_client(rate=digitro_async.RateLimit(1, 60)) as client:
            await client.make_predictive_call(make_call())
            with pytest.raises(RateWaitTimeoutError):
                await client.make_predictive_call(make_call(), max_wait=0.01)

    async def test_dispatch(self) -> None:
        """Many calls at once reach the PABX once each."""
        async with FakePABX(latency=0.001) as pabx:
            async with DigitroClient(pabx.settings()) as client:
                items = [
                    DispatchItem(call=call, key=number)
                    for number, call in enumerate(calls_to(range(500)))
                ]
                async with client.dispatch(items) as results:
                    taken = [result async for result in results]

            assert {result.key for result in taken} == set(range(500))
            assert sorted(call.destination or "" for call in pabx.calls) == sorted(
                map(str, range(500))
            )
            assert (
                pabx.accepted == client.statistics().outcomes[Outcome.ACCEPTED] == 500
            )

    async def test_cap_at_the_pabx(self) -> None:
        """The simulator never sees more than its cap in any window."""
        rate = digitro_async.RateLimit(20, 0.2)
        async with FakePABX(
            rate=rate, latency=lambda chance: chance.random() / 50
        ) as pabx:
            async with (
                DigitroClient(pabx.settings()) as client,
                client.dispatch(calls_to(range(80))) as results,
            ):
                async for _ in results:
                    pass

            assert pabx.over_cap == []
            assert pabx.accepted == 80

    async def test_close_during_dispatch(self) -> None:
        """Closing lets the wire finish, and iteration ends with DrainedError."""
        async with FakePABX(latency=0.05) as pabx:
            client = DigitroClient(pabx.settings(max_in_flight=5))
            taken: list[CallResult] = []
            async with client.dispatch(calls_to(range(10_000))) as results:
                await anext(results)
                closing = asyncio.create_task(client.aclose())
                with pytest.raises(DrainedError):
                    await take_into(taken, results)
                await closing
            accepted = sum(one.outcome is Outcome.ACCEPTED for one in taken)

            assert pabx.accepted == accepted + 1
            assert client.statistics().in_flight == 0

    @pytest.mark.parametrize("scope", [asyncio.timeout, anyio.fail_after])
    async def test_leaving_a_cancelled_scope_lets_the_wire_finish(
        self, scope: Any
    ) -> None:
        """A client that is left because of a time-out waits for its calls' answers."""
        taken: list[CallResult] = []

        async def work() -> None:
            async with DigitroClient(pabx.settings(max_in_flight=3)) as client:
                results = client.dispatch(calls_to(range(1000)))
                try:
                    async with results:
                        await take_into(taken, results)
                finally:
                    taken.extend(results.unread())

        async with FakePABX(latency=0.2) as pabx:
            with pytest.raises(TimeoutError):
                async with within(scope(0.1)):
                    await work()

            assert [one.outcome for one in taken] == [Outcome.ACCEPTED] * 3
            assert pabx.accepted == 3

    def test_interrupted_run(self) -> None:
        """Where the main task of a run is cancelled, as Ctrl-C does, all is settled."""
        taken: list[CallResult] = []
        posts = 0

        async def main() -> None:
            nonlocal posts
            async with (
                FakePABX(latency=0.1) as pabx,
                DigitroClient(pabx.settings(max_in_flight=4)) as client,
            ):
                task = asyncio.current_task()
                assert task is not None
                asyncio.get_running_loop().call_later(0.15, task.cancel)
                results = client.dispatch(calls_to(range(1000)))
                try:
                    async with results:
                        await take_into(taken, results)
                finally:
                    taken.extend(results.unread())
                    posts = pabx.posts

        with pytest.raises(asyncio.CancelledError):
            asyncio.run(main())

        assert [one.outcome for one in taken] == [Outcome.ACCEPTED] * posts
        assert posts >= 4


CANARIES = {
    "device_password": "canary-device-password",
    "account_password": "canary-account-password",
    "destination": "canary-5548999990000",
    "user_data": "canary-user-data",
    "caller_id": "canary-caller-id",
}


HARMLESS = {
    FaultKind.SLOW_ANSWER,
    FaultKind.ANSWER_TWICE,
    FaultKind.DUPLICATE_ANSWER,
    FaultKind.STRAY_ANSWER,
    FaultKind.ANSWER_BEFORE_READING,
}
"""They end in a true acceptance."""


def assert_private(text: str) -> None:
    """Check that no secret and no person is in a text."""
    for canary in (API_KEY, *CANARIES.values()):
        assert canary not in text
        assert canary.encode().hex() not in text


class TestPrivacy:
    """What never shows itself."""

    @pytest.mark.parametrize(
        "kind",
        [
            *FaultKind,
            "refuse",
            "echo",
            "raw",
        ],
    )
    async def test_errors_and_logs(
        self, kind: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """No error and no log shows a secret or a person, not even by locals."""
        caplog.set_level(logging.DEBUG)
        loop = asyncio.get_running_loop()
        loop.set_debug(True)
        loop.slow_callback_duration = 0.0
        call = PredictiveCall(device="1", account="2", **CANARIES)

        async def echo(line: Line) -> None:
            request = await line.read_request()
            if kind == "raw":
                line.send(b"HTTP/1.1 " + request.replace(b"\r\n", b" ") + b"\r\n\r\n")
                return
            body = request.partition(b"\r\n\r\n")[2]
            line.send(
                b"HTTP/1.1 400 %b\r\nContent-Length: %d\r\nX-Echo: %b\r\n\r\n%b"
                % (body, len(body), body, body)
            )

        plan = FaultPlan()
        if kind in set(FaultKind):
            details = {"status": 418} if kind == FaultKind.STATUS else {}
            plan = FaultPlan([Fault(FaultKind(kind), **details)])  # type: ignore[arg-type]  # it is one
        error: DigitroError | None = None
        async with (
            FakePABX(api_key=API_KEY, faults=plan) as fake,
            RawServer(echo) as raw,
        ):
            base_url = raw.base_url if kind in {"echo", "raw"} else fake.base_url
            if kind == "refuse":
                await fake.stop_listening()
            pabx = fake.settings(base_url=base_url, timeouts=TimeoutSettings(total=0.2))
            async with DigitroClient(pabx, retry=ONCE) as client:
                try:
                    for _ in range(2):  # the second may repeat a call id
                        await client.make_predictive_call(call)
                except DigitroError as caught:
                    error = caught
                    shown = everything_of(error)
                    assert_private(shown)
        if kind not in HARMLESS:
            assert error is not None
        assert_private(caplog.text)
        assert caplog.records  # asyncio's own debug lines were seen

    async def test_error_is_freed_without_the_collector(
        self, mocked: ReadingMock
    ) -> None:
        """An error that was caught and dropped leaves no cycle that holds the call."""
        mocked.post(URL_OF_CALLS, status=400, repeat=True)
        async with make_client() as client:
            call = make_call()
            gone = weakref.ref(call)
            gc.collect()
            gc.disable()
            try:
                try:
                    await client.make_predictive_call(call)
                except RejectedError as caught:
                    error_type = type(caught)
                mocked.requests.clear()
                del call

                assert error_type is RejectedError
                assert gone() is None
            finally:
                gc.enable()

    async def test_lost_calls(self) -> None:
        """A call that is lost on the wire raises an error without aiohttp's frames."""

        async def lose(line: Line) -> None:
            await line.read_request()

        async with RawServer(lose) as server:
            pabx = make_pabx(base_url=server.base_url)
            async with DigitroClient(pabx) as client:
                with pytest.raises(ConnectionLostError) as caught:
                    await client.make_predictive_call(make_call())
        shown = everything_of(caught.value)

        assert "aiohttp" not in shown
        assert "_sessions" not in shown

    async def test_stalled_calls(self) -> None:
        """A call that is cut off by the caller raises no frame of the attempt."""

        async def stall(line: Line) -> None:
            await line.read_request()
            await asyncio.sleep(5)

        async with RawServer(stall) as server:
            pabx = make_pabx(base_url=server.base_url)
            async with DigitroClient(pabx) as client:
                call = PredictiveCall(device="1", **CANARIES)
                with pytest.raises(TimeoutError) as caught:
                    async with asyncio.timeout(0.1):
                        await client.make_predictive_call(call)
        shown = everything_of(caught.value)

        assert_private(shown)
        assert "exchange" not in shown
        assert not isinstance(caught.value, AnswerTimeoutError)
        assert answer("x")


def test_backend_is_loaded_when_a_client_opens() -> None:
    """Anyio's backend takes 20 ms to load; that is over before the first call."""
    program = """
import asyncio, sys
from digitro_async import PABX, DigitroClient
BACKEND = "anyio._backends._asyncio"

async def main():
    pabx = PABX("one", "http://127.0.0.1:9", channel_id=1, api_key="key")
    before = BACKEND in sys.modules
    async with DigitroClient(pabx):
        print(before, BACKEND in sys.modules)

asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == ["False", "True"]


async def test_a_transport_of_ones_own() -> None:
    """A client makes its calls through any transport, which its maker closes."""
    transport = ScriptedTransport()
    async with DigitroClient(make_pabx(), transport=transport) as client:
        accepted = await client.make_predictive_call(make_call("04811112222"))

    assert accepted.call_id == "one 1"
    assert transport.destinations == ["04811112222"]


async def test_sessions_beside_a_transport() -> None:
    """Sessions and a transport together are refused: only one could be used."""
    with pytest.raises(ConfigurationError, match="give sessions or transport"):
        DigitroClient(
            make_pabx(), sessions=SessionManager(), transport=ScriptedTransport()
        )
