import asyncio
import gc
import logging
import weakref
from collections.abc import AsyncIterator

import pytest
from helpers import (
    API_KEY,
    Line,
    RawServer,
    answer,
    everything_of,
    make_call,
    make_pabx,
    quiet_loop,
)
from mocked_pabx import ONCE, URL_OF_CALLS, ReadingMock, make_client

from digitro_async import (
    AnswerTimeoutError,
    AnyDestination,
    ConnectionLostError,
    DigitroClient,
    DigitroError,
    PredictiveCall,
    RejectedError,
    TimeoutSettings,
)
from digitro_async.testing import FakePABX, Fault, FaultKind, FaultPlan


@pytest.fixture(autouse=True)
async def _quiet() -> AsyncIterator[None]:
    async with quiet_loop():
        yield


CANARIES = {
    "device_password": "canary-device-password",
    "account_password": "canary-account-password",
    "destination": AnyDestination("canary-5548999990000"),
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
    """Values that never show themselves."""

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
            limits = TimeoutSettings(sock_read=0.2)
            pabx = fake.settings(base_url=base_url, timeouts=limits)
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
