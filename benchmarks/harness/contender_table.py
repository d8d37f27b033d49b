"""The contenders and the scenarios that they run in, as a table."""

import attrs

INSTANT, LATENCY, NGINX, TLS, OPEN = (
    ("instant",),
    ("latency",),
    ("nginx",),
    ("nginx-tls",),
    ("open-1000", "open-3000"),
)
"""Names of scenarios, to be added up."""
CLOSED = INSTANT + LATENCY + NGINX
EVERYWHERE = CLOSED + TLS + OPEN


@attrs.frozen
class Contender:
    """One way of making the same calls.

    Args:
        name: Its name in tables and on the command line.
        code: Module of ``contenders`` and function that make the calls.
        runs_in: Scenarios in which it runs without being asked for by name.
        tuned: Whether ``tune_process()`` is called first.
        uvloop: Whether it runs on uvloop.
        calls_share: Share of the calls it makes; the slow ones make fewer.
        needs: Packages that must be installed for it.
        program: Program that must be installed for it, None for none.
        process: Module of the benchmarks that is its process.
        most_in_flight: Calls in flight beyond which it is not run, None for any.
        most_rate: Calls due a second beyond which it is not run, None for any.
        can_wait: Whether it can make each call when it is due.
        can_tls: Whether it speaks https and checks certificates.
        limit: Whether it shows what can be had at all: it may be quicker than the
            server, so that idle CPU betrays nothing.
        threads: Whether it has threads of its own, which keep each other waiting.
        hard_exit: Whether its process must end without tidying up.
    """

    name: str
    code: str
    runs_in: tuple[str, ...] = attrs.field(default=(), kw_only=True)
    tuned: bool = attrs.field(default=False, kw_only=True)
    uvloop: bool = attrs.field(default=False, kw_only=True)
    calls_share: float = attrs.field(default=1.0, kw_only=True)
    needs: tuple[str, ...] = attrs.field(default=("aiohttp",), kw_only=True)
    program: str | None = attrs.field(default=None, kw_only=True)
    process: str = attrs.field(default="harness.contender_process", kw_only=True)
    most_in_flight: int | None = attrs.field(default=None, kw_only=True)
    most_rate: int | None = attrs.field(default=None, kw_only=True)
    can_wait: bool = attrs.field(default=True, kw_only=True)
    can_tls: bool = attrs.field(default=True, kw_only=True)
    limit: bool = attrs.field(default=False, kw_only=True)
    threads: bool = attrs.field(default=False, kw_only=True)
    hard_exit: bool = attrs.field(default=False, kw_only=True)


def _forms(
    name: str,
    code: str,
    *,
    plain: tuple[str, ...] = (),
    tuned: tuple[str, ...] = (),
    uvloop: tuple[str, ...] = (),
    can_wait: bool = True,
    limit: bool = False,
    threads: bool = False,
    needs: tuple[str, ...] = ("aiohttp",),
    hard_exit: bool = False,
) -> tuple[Contender, ...]:
    """Return a contender as it is, tuned, and tuned on uvloop.

    Args:
        name: Its name.
        code: Module of ``contenders`` and function that make the calls.
        plain: Scenarios in which it runs as it is without being asked for.
        tuned: The same, after ``tune_process()``.
        uvloop: The same, on uvloop too.
        can_wait: Whether it can make each call when it is due.
        limit: Whether it shows what can be had at all.
        threads: Whether it has threads of its own.
        needs: Packages that must be installed for it.
        hard_exit: Whether its process must end without tidying up.
    """
    one = Contender(
        name,
        code,
        can_wait=can_wait,
        limit=limit,
        threads=threads,
        needs=needs,
        hard_exit=hard_exit,
    )
    quick = attrs.evolve(one, name=f"{name}+tuned", tuned=True)
    return (
        attrs.evolve(one, runs_in=plain),
        attrs.evolve(quick, runs_in=tuned),
        attrs.evolve(
            quick,
            name=f"{name}+tuned+uvloop",
            uvloop=True,
            needs=(*needs, "uvloop"),
            runs_in=uvloop,
        ),
    )


_OTEL = ("aiohttp", "opentelemetry.sdk")

_OWN = (
    *_forms(
        "gather", "aiohttp_plain:gather", plain=EVERYWHERE, tuned=INSTANT + LATENCY
    ),
    *_forms(
        "workers",
        "aiohttp_plain:workers",
        plain=EVERYWHERE,
        tuned=CLOSED + TLS,
        uvloop=CLOSED,
    ),
    *_forms(
        "digitro",
        "digitro:dispatch",
        plain=EVERYWHERE,
        tuned=EVERYWHERE,
        uvloop=CLOSED + TLS,
    ),
    *_forms(
        "digitro-public", "digitro:dispatch_public", tuned=EVERYWHERE, uvloop=CLOSED
    ),
    *_forms("digitro-one", "digitro:one_by_one", tuned=CLOSED + OPEN),
    *_forms("digitro-public-one", "digitro:one_by_one_public", tuned=INSTANT),
    *_forms("digitro-capped", "digitro:dispatch_capped", tuned=CLOSED),
    *_forms("digitro-public-capped", "digitro:dispatch_capped_public", tuned=INSTANT),
    *_forms(
        "campaign",
        "digitro:campaign",
        tuned=CLOSED,
        uvloop=CLOSED,
        can_wait=False,
        threads=True,
    ),
    *_forms(
        "campaign-public",
        "digitro:campaign_public",
        tuned=CLOSED,
        uvloop=INSTANT + LATENCY,
        can_wait=False,
        threads=True,
    ),
    *_forms("campaign-capped", "digitro:campaign_capped", can_wait=False, threads=True),
    *_forms("aiohttp-by-hand", "aiohttp_by_hand:plain", tuned=NGINX + TLS),
    *_forms("aiohttp-by-hand+hooks", "aiohttp_by_hand:with_hooks"),
    Contender("digitro+observer", "watched:observed", can_wait=False),
    Contender(
        "digitro+prometheus",
        "watched_prometheus:prometheus",
        can_wait=False,
        needs=("aiohttp", "prometheus_client"),
    ),
    *(
        Contender(
            f"digitro+{name}", f"watched_otel:{code}", can_wait=False, needs=_OTEL
        )
        for name, code in (
            ("otel-api", "api_alone"),
            ("otel", "metrics"),
            ("otel+unsampled", "unsampled_spans"),
            ("otel+sampled", "sampled_spans"),
            ("otel+spans", "spans"),
        )
    ),
    Contender("digitro+log", "watched:logged", can_wait=False),
    Contender("codec", "layer_parts:codec", can_wait=False),
    *_forms("transport", "layer_parts:transport", can_wait=False),
    Contender("transport-public", "layer_parts:transport_public", can_wait=False),
    Contender("campaign-import", "layer_parts:campaign_import", can_wait=False),
)

_PEERS = (
    Contender(  # with 1,000 in flight its pool does 24 calls/s: that compares nothing
        "httpx",
        "other_clients:httpx_gather",
        runs_in=CLOSED + OPEN,
        calls_share=0.05,
        needs=("httpx",),
        most_in_flight=100,
        most_rate=1000,
    ),
    Contender(
        "aiosonic",
        "other_clients:aiosonic_gather",
        runs_in=CLOSED + OPEN,
        needs=("aiosonic",),
    ),
    Contender(  # a thread of its own may outlive the interpreter, which then aborts
        "pyreqwest",
        "other_clients:pyreqwest_gather",
        runs_in=EVERYWHERE,
        needs=("pyreqwest",),
        threads=True,
        hard_exit=True,
    ),
    *_forms(
        "pyreqwest-workers",
        "other_clients:pyreqwest_workers",
        tuned=CLOSED + OPEN,
        uvloop=CLOSED + TLS,
        needs=("pyreqwest",),
        threads=True,
        hard_exit=True,
    ),
    *_forms(
        "raw-protocol",
        "raw_protocol:callbacks",
        tuned=CLOSED,
        can_wait=False,
        limit=True,
    ),
    Contender(
        "wrk",
        "wrk:measure",
        runs_in=CLOSED,
        program="wrk",
        process="contenders.wrk",
        can_wait=False,
        can_tls=False,
        limit=True,
    ),
)

CONTENDERS = (*sorted(_OWN, key=lambda one: (one.uvloop, one.tuned)), *_PEERS)
"""In the order in which a round runs them: those that are compared stand close."""


def find(name: str) -> Contender:
    """Return the contender of that name.

    Raises:
        KeyError: If there is none.
    """
    return {contender.name: contender for contender in CONTENDERS}[name]
