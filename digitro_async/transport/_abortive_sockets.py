"""Makes sockets that drop unsent data when they are closed."""

import socket
from typing import Any, Final

from digitro_async._common.sockets import reset_on_close

__all__ = ["abortive_sockets"]

_LONGEST_USER_TIMEOUT: Final = 2**31 - 1
"""Most milliseconds that ``setsockopt`` takes, 24 days."""


def abortive_sockets(total: float) -> Any:
    """Return a socket factory whose sockets are closed with RST.

    Args:
        total: Seconds of one whole attempt.
    """
    # A closed socket normally goes on delivering what the kernel still holds: a POST
    # that timed out here could ring a phone many seconds later, even after the process
    # was killed. RST instead of FIN drops that data; TCP_USER_TIMEOUT (RFC 5482;
    # Linux) bounds how long sent data may stay unacknowledged.
    user_timeout = getattr(socket, "TCP_USER_TIMEOUT", None)
    milliseconds = int(min(max(1.0, total * 1000), _LONGEST_USER_TIMEOUT))

    def make_socket(address: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol = address[:3]
        made = socket.socket(family, kind, protocol)
        try:
            reset_on_close(made)
            if user_timeout is not None:
                made.setsockopt(socket.IPPROTO_TCP, user_timeout, milliseconds)
        except BaseException:
            made.close()
            raise
        return made

    return make_socket
