"""Nothing private in what observers, exporters and logs of activities show."""

import asyncio
import contextlib

from leak_places import Watch
from leaks import API_KEY, CANARIES, call_with_canaries
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from digitro_async import (
    Activity,
    DigitroClient,
    DigitroError,
    OtherCommand,
    PauseSettings,
    RetrySettings,
)
from digitro_async.exporters import (
    MetricsServer,
    OpenTelemetryExporter,
    PrometheusExporter,
    log_activities,
)
from digitro_async.testing import FakePABX, Fault, FaultPlan

SOON = PauseSettings(unknown_run=1, not_sent_run=1, rejected_run=1, first_pause=0.01)
ONCE = RetrySettings(max_attempts=1)
FAULTS = (
    *(Fault("status", status=status) for status in (400, 401, 404, 429, 500)),
    *(Fault("lose_answer"), Fault("reset_on_connect"), Fault("garbage_200")),
)
CHANNEL = 908_172_635


async def provoke(client: DigitroClient, fake: FakePABX) -> None:
    """Make calls that fail in many ways, from within a span of the program."""
    for fault in FAULTS:
        fake.set_faults(FaultPlan([fault]))
        with contextlib.suppress(DigitroError):
            await client.make_predictive_call(call_with_canaries())
        async with client.dispatch([call_with_canaries()]) as results:
            with contextlib.suppress(DigitroError):
                assert len([result async for result in results]) <= 1
        client.resume()
    fake.set_faults(FaultPlan())
    await client.make_predictive_call(call_with_canaries())
    number = CANARIES["destination"].text
    with contextlib.suppress(DigitroError):
        await client.send(OtherCommand(f"path-{number}", {"A": number}))
    with contextlib.suppress(DigitroError):
        await client.make_predictive_call(call_with_canaries(), pabx=number)


async def scrape(port: int) -> bytes:
    """Return what a server of metrics answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer


async def test_telemetry_shows_nothing_private() -> None:
    """No span, metric, record or activity shows a key, a number or a channel id."""
    told: list[Activity] = []
    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    with Watch() as watch:
        async with (
            FakePABX(api_key=API_KEY, channel_id=CHANNEL) as fake,
            DigitroClient(fake.settings(), pause=SOON, retry=ONCE) as client,
        ):
            client.activity.observe(told.extend)
            log_activities(client)
            exporter = OpenTelemetryExporter(
                client, tracer_provider=tracers, meter_provider=MeterProvider([reader])
            )
            tracer = trace.get_tracer("program", tracer_provider=tracers)
            with exporter, PrometheusExporter(client) as counted:
                async with MetricsServer(counted.exposition, 0) as server:
                    with tracer.start_as_current_span("request"):
                        await provoke(client, fake)
                    client.activity.flush()
                    watch.see("scraped", await scrape(server.port))
                data = reader.get_metrics_data()
                watch.see("metrics", data.to_json() if data else "")
                watch.see("exporter", repr(exporter), repr(counted))
        for span in spans.get_finished_spans():
            watch.see("span", span.to_json())
        for one in told:
            watch.take("activity", one)

    seen = [place for place, _ in watch.seen]
    assert {"scraped", "metrics", "span"} <= set(seen)
    assert any(place.startswith("activity") for place in seen)
    assert "call_settled" in watch.text_of("log digitro_async.activity")
    assert watch.leaks() == []
    texts = [str(text) for place, text in watch.seen if place in {"scraped", "span"}]
    assert not any(str(CHANNEL) in text for text in texts)
