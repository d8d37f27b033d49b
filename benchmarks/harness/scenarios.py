"""The scenarios as a table: the server's behaviour, and the order of calls."""

from typing import Literal

import attrs

Server = Literal["own", "nginx"]


@attrs.frozen
class Scenario:
    """A server's behaviour, and the number of calls on the wire.

    Attributes:
        name: Its name.
        in_flight: Most calls on the wire at once.
        delay: Seconds from a whole request to its answer; only our own server waits.
        saturated: Whether a client is kept busy all the time, so that idle CPU
            betrays foreign load.
        server: Our own server, or nginx.
        tls: Whether each contender runs over https too, right after http.
        rate: Calls that are due a second, None where all may begin at once.
    """

    name: str
    in_flight: int
    delay: float
    saturated: bool
    server: Server = "own"
    tls: bool = False
    rate: int | None = None

    @property
    def title(self) -> str:
        """The scenario in a line, for a reader of figures."""
        answers = "answers at once"
        if self.delay:
            answers = f"answers after {1000 * self.delay:g} ms"
        server = "nginx" if self.server == "nginx" else "the server"
        parts = [f"{self.name}: {self.in_flight:,} in flight, {server} {answers}"]
        if self.tls:
            parts.append("https beside http")
        if self.rate:
            parts.append(f"{self.rate:,} calls due a second, latency from then")
        return "; ".join(parts)


_ALL = (
    Scenario("instant", in_flight=100, delay=0.0, saturated=True),
    Scenario("latency", in_flight=1000, delay=0.02, saturated=False),
    Scenario("nginx", in_flight=100, delay=0.0, saturated=True, server="nginx"),
    Scenario(
        "nginx-tls",
        in_flight=100,
        delay=0.0,
        saturated=True,
        server="nginx",
        tls=True,
    ),
    Scenario("open-1000", in_flight=100, delay=0.005, saturated=False, rate=1000),
    Scenario("open-3000", in_flight=100, delay=0.005, saturated=False, rate=3000),
)

SCENARIOS = {scenario.name: scenario for scenario in _ALL}
