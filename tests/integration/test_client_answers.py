from collections.abc import AsyncIterator

import aiohttp
import pytest
from helpers import make_call, quiet_loop
from mocked_pabx import URL_OF_CALLS, ReadingMock, make_client

from digitro_async import (
    AuthenticationError,
    ChannelNotFoundError,
    DigitroError,
    NotSentError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RefusedError,
    RejectedError,
    ServerFaultError,
    ThrottledError,
    UnexpectedRedirectError,
    UnreadableAnswerError,
)


@pytest.fixture(autouse=True)
async def _quiet() -> AsyncIterator[None]:
    async with quiet_loop():
        yield


class TestAnswers:
    """The result of each answer."""

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
        """The text of the PABX can be opened and does not show itself."""
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
