"""Each panel of the dashboard for Grafana, over a client that dials."""

import asyncio
import contextlib
import json
import math
import shutil
import socket
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dashboard import DASHBOARD, Query, Selector, dialling, queries
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from virtual_time import virtual_time

from digitro_async import DigitroClient
from digitro_async.exporters import MetricsServer, PrometheusExporter

STILL = {"What should stay at zero"}
"""Panels of what does not grow while all is well."""


def scrape(exporter: PrometheusExporter) -> list[Sample]:
    """Return what is exported now."""
    text = exporter.exposition()[0].decode()
    families = text_string_to_metric_families(text)
    return [sample for family in families for sample in family.samples]


def values_of(selector: Selector, samples: list[Sample]) -> list[float]:
    """Return the values that a query takes."""
    return [
        sample.value
        for sample in samples
        if sample.name == selector.name
        and selector.labels.items() <= sample.labels.items()
    ]


@virtual_time
async def test_each_query_takes_values() -> None:
    """Whatever a query takes is there, and what it takes the growth of grows."""
    async with dialling() as (client, exporter):
        await asyncio.sleep(10)
        client.activity.flush()
        before = scrape(exporter)
        await asyncio.sleep(20)
        client.dispatcher.pause()
        await asyncio.sleep(0.1)  # calls are on the wire, others wait
        client.activity.flush()
        after = scrape(exporter)
        client.resume()

    for query in queries():
        for selector in query.selectors():
            now, then = values_of(selector, after), values_of(selector, before)
            assert now, f"{query.panel}: no {selector}"
            assert all(map(math.isfinite, now))
            if selector.is_range and query.panel not in STILL:
                assert sum(now) > sum(then), f"{query.panel}: {selector} does not grow"
            if "== 1" in query.text:
                assert 1 in now, f"{query.panel}: no {selector} is 1"


class PrometheusServer:
    """A Prometheus that scrapes one address each second.

    Args:
        port: Its own port.
    """

    def __init__(self, port: int) -> None:
        self._port = port

    async def values(self, query: str) -> list[float]:
        """Return the values of a query now; none while it can't be asked."""
        asked = urllib.parse.urlencode({"query": query})
        url = f"http://127.0.0.1:{self._port}/api/v1/query?{asked}"
        try:
            answer = await asyncio.to_thread(_read, url)
        except OSError:
            return []
        return [float(one["value"][1]) for one in json.loads(answer)["data"]["result"]]


def _read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        found: bytes = answer.read()
    return found


@contextlib.asynccontextmanager
async def prometheus(
    program: str, target: int, folder: Path
) -> AsyncIterator[PrometheusServer]:
    """Run Prometheus, and have it scrape a port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = folder / "prometheus.yml"
    settings.write_text(
        "scrape_configs:\n"
        "- job_name: digitro\n"
        "  scrape_interval: 1s\n"
        f"  static_configs: [{{targets: ['127.0.0.1:{target}']}}]\n"
    )
    process = await asyncio.create_subprocess_exec(
        program,
        f"--config.file={settings}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield PrometheusServer(port)
    finally:
        process.terminate()
        await process.wait()


async def test_each_panel_shows_values(tmp_path: Path) -> None:
    """Prometheus itself has values for every query, and they are numbers."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("there is no prometheus here")
    empty = queries()
    async with (
        dialling() as (client, exporter),
        MetricsServer(exporter.exposition, 0) as metrics,
        prometheus(program, metrics.port, tmp_path) as server,
        asyncio.timeout(120),
    ):
        pausing = asyncio.create_task(_pause_now_and_then(client))
        # Nothing tells when Prometheus has scraped: it has to be asked.
        while empty := [  # noqa: ASYNC110
            one for one in empty if not await _is_shown(server, one)
        ]:
            await asyncio.sleep(0.5)
        pausing.cancel()

    assert {one.panel for one in queries()} == {
        panel["title"] for panel in DASHBOARD["panels"]
    }


async def _is_shown(server: PrometheusServer, query: Query) -> bool:
    values = await server.values(query.text)
    return any(map(math.isfinite, values))


async def _pause_now_and_then(client: DigitroClient) -> None:
    while True:
        await asyncio.sleep(4)
        client.dispatcher.pause()
        await asyncio.sleep(2)
        client.resume()
