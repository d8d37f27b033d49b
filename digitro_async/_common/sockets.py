"""Ways to end a TCP connection that asyncio has no method for."""

import asyncio
import os
import socket
import struct

__all__ = ["reset_on_close", "reset_transport"]

# l_onoff and l_linger: two ints, and on Windows two unsigned shorts.
_LINGER_ZERO = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


def reset_on_close(sock: socket.socket) -> None:
    """Let a socket send RST when it is closed, and drop its undelivered data."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)


def reset_transport(transport: asyncio.Transport) -> None:
    """Close a connection with RST at once, and drop its undelivered data."""
    sock = transport.get_extra_info("socket")
    if sock.fileno() >= 0 and not transport.is_closing():
        # uvloop's socket objects take no options, but those of the standard library do.
        with socket.socket(fileno=socket.dup(sock.fileno())) as same:
            reset_on_close(same)
    transport.abort()
