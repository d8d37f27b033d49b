"""A PABX that aioresponses stands in for, and a client of it."""

from typing import Any

from aioresponses import aioresponses
from helpers import make_pabx

from digitro_async import DigitroClient, RetrySettings

URL_OF_CALLS = "http://pabx.test/requests/1/chamada-preditiva"
ONCE = RetrySettings(max_attempts=1)


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


def make_client(**settings: Any) -> DigitroClient:
    """Return a client of the mocked PABX."""
    options = {"retry": settings.pop("retry", ONCE)}
    return DigitroClient(make_pabx("one", "http://pabx.test", **settings), **options)
