import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aioresponses import CallbackResult
from helpers import API_KEY, RawServer, make_call, make_pabx, quiet_loop
from mocked_pabx import URL_OF_CALLS, ReadingMock, make_client
from yarl import URL

import digitro_async
from digitro_async import DigitroClient, PredictiveCall, SessionManager, UnsetFields
from digitro_async.protocol._names import DOCUMENTED_ACCEPTANCE, DOCUMENTED_CALL

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


class TestRequest:
    """The requests that are sent."""

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
