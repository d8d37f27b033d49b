"""ServiceManager: tells systemd how the process is, by its socket."""

import contextlib
import os
import socket
from collections.abc import Mapping

__all__ = ["ServiceManager"]


class ServiceManager:
    """Tells the service manager how the process is: one datagram each time.

    See sd_notify(3). Without a service manager, and on any failure, nothing is told.

    Args:
        environment: Where the address of its socket and the watchdog's time stand.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        found = os.environ if environment is None else environment
        address = found.get("NOTIFY_SOCKET", "")
        is_abstract = address.startswith("@")
        self._address = f"\0{address[1:]}" if is_abstract else address
        self._watchdog = found.get("WATCHDOG_USEC", "")
        self._watched = found.get("WATCHDOG_PID", "")

    @property
    def watchdog(self) -> float | None:
        """Seconds without a sign of life after which the process is ended, if it is."""
        is_me = not self._watched or self._watched == str(os.getpid())
        if not self._address or not is_me or not self._watchdog.isdecimal():
            return None
        return int(self._watchdog) / 1_000_000 or None

    def tell_ready(self) -> None:
        """Tell that the process does its work from now on."""
        self._tell("READY=1")

    def tell_stopping(self) -> None:
        """Tell that the process is about to end by itself."""
        self._tell("STOPPING=1")

    def feed_watchdog(self) -> None:
        """Give the sign of life without which the process is ended."""
        self._tell("WATCHDOG=1")

    def _tell(self, text: str) -> None:
        if not self._address or not hasattr(socket, "AF_UNIX"):
            return
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending,
        ):
            sending.settimeout(0.0)  # nobody waits for the service manager
            sending.sendto(text.encode(), self._address)
