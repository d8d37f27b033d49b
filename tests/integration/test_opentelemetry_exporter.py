"""Spans and metrics by OpenTelemetry's SDK, against the record of the simulator."""

import asyncio
from collections import Counter
from typing import Any

import attrs
from helpers import make_call
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from virtual_time import virtual_time

from digitro_async import (
    DigitroClient,
    OtherCommand,
    PauseSettings,
    RateLimit,
    RetrySettings,
)
from digitro_async.exporters import OpenTelemetryExporter
from digitro_async.testing import FakePABX, Fault, FaultPlan

NEVER = PauseSettings(unknown_run=10**6, not_sent_run=10**6, rejected_run=10**6)
ROUTE = "/requests/{channel_id}/chamada-preditiva"


class Scene:
    """Providers that keep all that is made of a client."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader])

    def watch(self, client: DigitroClient, **options: Any) -> OpenTelemetryExporter:
        """Have a client watched."""
        return OpenTelemetryExporter(
            client, tracer_provider=self.tracers, meter_provider=self.meters, **options
        )

    def spans(self) -> list[ReadableSpan]:
        """Return the spans that ended so far."""
        return list(self.exporter.get_finished_spans())

    def points(self, name: str) -> list[Any]:
        """Return the points of a metric."""
        data = self.reader.get_metrics_data()
        return [
            point
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]

    def count(self, name: str) -> Counter[str]:
        """Return the values of a counter, by the values of its attributes."""
        return Counter(
            {
                "/".join(str(value) for _, value in sorted(point.attributes.items())): (
                    point.value
                )
                for point in self.points(name)
            }
        )


async def test_the_span_of_an_accepted_call() -> None:
    """An attempt is a client span by the conventions, with its true times."""
    scene = Scene()
    async with FakePABX() as fake, DigitroClient(fake.settings()) as client:
        with scene.watch(client):
            result = await client.dispatcher.submit(make_call())
    (span,) = scene.spans()

    assert span.name == f"POST {ROUTE}"
    assert span.kind is SpanKind.CLIENT
    assert span.status.status_code is StatusCode.UNSET
    assert dict(span.attributes or {}) == {
        "http.request.method": "POST",
        "digitro.pabx.name": "simulator",
        "server.address": "127.0.0.1",
        "server.port": fake.port,
        "url.scheme": "http",
        "url.template": ROUTE,
        "http.response.status_code": 200,
    }
    assert span.start_time is not None
    assert span.end_time is not None
    sent_at = result.timings.sent_at
    assert sent_at is not None
    assert abs(span.start_time / 1e9 - sent_at) < 0.001
    seconds = (span.end_time - span.start_time) / 1e9
    assert abs(seconds - result.timings.latency) < 0.001


async def test_each_attempt_has_a_span() -> None:
    """An attempt that is made again has spans of its own, the later with its number."""
    scene = Scene()
    faults = FaultPlan([Fault("status", status=429, at=1)])
    async with (
        FakePABX(faults=faults) as fake,
        DigitroClient(fake.settings(), pause=NEVER, retry=RetrySettings()) as client,
    ):
        with scene.watch(client):
            await client.make_predictive_call(make_call())
    first, second = (dict(span.attributes or {}) for span in scene.spans())

    assert first["error.type"] == "throttled"
    assert first["http.response.status_code"] == 429
    assert scene.spans()[0].status.status_code is StatusCode.ERROR
    assert "http.request.resend_count" not in first
    assert second["http.request.resend_count"] == 1
    assert second["http.response.status_code"] == 200
    counted = scene.count("digitro.client.calls")
    assert counted == {"predictive_call/accepted/simulator": 1}


async def test_whose_child_a_span_is() -> None:
    """A single call belongs to the span it was made in, a call of a list to none."""
    scene = Scene()
    tracer = trace.get_tracer("program", tracer_provider=scene.tracers)
    async with FakePABX() as fake, DigitroClient(fake.settings()) as client:
        with (
            scene.watch(client),
            tracer.start_as_current_span("request") as request,
        ):
            await asyncio.gather(
                *(client.make_predictive_call(make_call(n)) for n in range(3))
            )
            async with client.dispatch([make_call(4)]) as results:
                assert len([result async for result in results]) == 1
    parent = request.get_span_context()
    made = [span for span in scene.spans() if span.name != "request"]
    parents = Counter(
        span.parent.span_id if span.parent is not None else None for span in made
    )

    assert parents == {parent.span_id: 3, None: 1}


async def test_a_client_that_is_opened_within_a_span() -> None:
    """A call of a list is a root though its client was opened, or is closed, in a span.

    Nor do the metrics point to that span by their exemplars.
    """
    scene = Scene()
    tracer = trace.get_tracer("program", tracer_provider=scene.tracers)
    with tracer.start_as_current_span("program"):
        async with FakePABX() as fake, DigitroClient(fake.settings()) as client:
            with scene.watch(client):
                async with client.dispatch([make_call(4)]) as results:
                    assert len([result async for result in results]) == 1
                await asyncio.sleep(0.2)  # a batch comes by itself meanwhile
                async with client.dispatch([make_call(5)]) as results:
                    assert len([result async for result in results]) == 1
                durations = scene.points("http.client.request.duration")
    made = [span for span in scene.spans() if span.name != "program"]

    assert [span.parent for span in made] == [None, None]
    assert [point.exemplars for point in durations] == [[]]


async def test_metrics_by_the_conventions() -> None:
    """The duration has the status or the error, and gauges are read when collected."""
    scene = Scene()
    faults = FaultPlan([Fault("status", status=503, at=2)])
    async with (
        FakePABX(faults=faults) as fake,
        DigitroClient(fake.settings(rate=RateLimit(50)), pause=NEVER) as client,
    ):
        with scene.watch(client, spans=False):
            async with client.dispatch([make_call(n) for n in range(3)]) as results:
                taken = [result async for result in results]
            client.dispatcher.pause()
            client.activity.flush()
            durations = scene.points("http.client.request.duration")
            paused = scene.count("digitro.client.pabx.paused")
            cap = scene.count("digitro.client.rate.cap")
            failures = scene.count("digitro.client.call.failures")
            active = scene.points("http.client.active_requests")
        assert scene.points("digitro.client.rate.cap") == []

    by_status = {
        point.attributes["http.response.status_code"]: point for point in durations
    }
    assert {status: point.count for status, point in by_status.items()} == {
        200: 2,
        503: 1,
    }
    assert by_status[503].attributes["error.type"] == "server_fault"
    total = sum(point.sum for point in durations)
    assert abs(total - sum(result.timings.latency for result in taken)) < 1e-6
    assert by_status[200].explicit_bounds[0] == 0.005
    assert paused == {"simulator": 1}
    assert cap == {"simulator": 50}
    assert failures == {"simulator/server_fault": 1}
    assert [point.value for point in active] == [0]
    assert active[0].attributes["server.port"] == fake.port
    assert scene.spans() == []


@virtual_time
async def test_no_route_shows_a_channel_or_a_path_of_the_program() -> None:
    """The route of a command that is known by its path alone is a template, too."""
    scene = Scene()
    async with (
        FakePABX(channel_id=987654321) as fake,
        DigitroClient(fake.settings()) as client,
    ):
        with scene.watch(client):
            command = OtherCommand("canary-path", {"A": "canary-value"})
            await client.dispatcher.submit(command)
            await client.dispatcher.submit(make_call())
    shown = "".join(span.to_json() for span in scene.spans())
    templates = {(span.attributes or {})["url.template"] for span in scene.spans()}

    assert templates == {ROUTE, "/requests/{channel_id}/{command}"}
    assert "987654321" not in shown
    assert "canary" not in shown


async def test_a_base_url_with_a_prefix() -> None:
    """The prefix of the base URL stands before the route."""
    scene = Scene()
    async with FakePABX() as fake:
        pabx = attrs.evolve(fake.settings(), base_url=f"{fake.base_url}/behind")
        async with DigitroClient(pabx) as client:
            with scene.watch(client):
                await client.dispatcher.submit(make_call())

    (span,) = scene.spans()
    assert span.name == f"POST /behind{ROUTE}"


async def test_a_closed_exporter() -> None:
    """After its end no span is made, and nothing is asked of calls any more."""
    scene = Scene()
    async with FakePABX() as fake, DigitroClient(fake.settings()) as client:
        with scene.watch(client):
            pass
        await client.make_predictive_call(make_call())
        assert client.activity.wanted == frozenset()
        assert client.activity.origin_of is None

    assert scene.spans() == []
