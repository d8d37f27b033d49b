"""PURE: the requests of the settings, compared with those that are received."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from digitro_async.event_settings import ChannelRequest
from digitro_async.testing.simulator._request_validator import ReceivedRequest

__all__ = ["MismatchError", "RequestTemplate"]

_ID: Final = "{channel_id}"
_DIGITS: Final = "([0-9]{1,18})"


class MismatchError(ValueError):
    """A request is not what the settings say of it; the text says why."""


class RequestTemplate:
    """A request of the settings, with ``{channel_id}`` in its path or body.

    Args:
        request: The request of the settings.
    """

    def __init__(self, request: ChannelRequest) -> None:
        self._request = request
        self._path = _pattern(request.path)

    def is_meant(self, request: ReceivedRequest) -> bool:
        """Whether method and path of a request are these."""
        is_method = request.method == self._request.method
        return is_method and self._path.fullmatch(request.path) is not None

    def read(self, request: ReceivedRequest) -> tuple[int | None, Mapping[str, Any]]:
        """Return the channel id that a request names, if any, and its body.

        Args:
            request: A request that is meant.

        Raises:
            MismatchError: If headers or body are not what the settings say.
        """
        for name, value in self._request.headers.items():
            if request.headers.get(name) != value.reveal():
                raise MismatchError(f"the header {name} is missing or wrong")
        match = self._path.fullmatch(request.path)
        found = set() if match is None else set(map(int, match.groups()))
        body: Mapping[str, Any] = {}
        if self._request.body is not None:
            body = _read(request.body)
            found |= _ids_in(self._request.body, body)
        if len(found) > 1:
            raise MismatchError("two channel ids are named")
        return next(iter(found), None), body


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(_DIGITS.join(map(re.escape, text.split(_ID))))


def _read(body: bytes) -> Mapping[str, Any]:
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        raise MismatchError("the body is not JSON") from None
    if not isinstance(read, Mapping):
        raise MismatchError("the body is not an object")
    return read


def _ids_in(template: Any, given: Any) -> set[int]:
    """Return the channel ids in a value that has the form of a template."""
    if template == _ID:
        if type(given) is not int:
            raise MismatchError("the channel id is not a number")
        return {given}
    if isinstance(template, str) and isinstance(given, str):
        match = _pattern(template).fullmatch(given)
        if match is not None:
            return set(map(int, match.groups()))
    elif isinstance(template, Mapping) and isinstance(given, Mapping):
        if template.keys() <= given.keys():
            pairs = [(value, given[name]) for name, value in template.items()]
            return set().union(*(_ids_in(*pair) for pair in pairs))
    elif isinstance(template, list | tuple) and isinstance(given, list):
        if len(template) == len(given):
            pairs = list(zip(template, given, strict=True))
            return set().union(*(_ids_in(*pair) for pair in pairs))
    elif template == given:
        return set()
    raise MismatchError("the body is not what the settings say")
