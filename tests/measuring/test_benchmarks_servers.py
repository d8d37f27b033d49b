import contextlib
import http.client
import importlib
import importlib.util
import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from benchmark_modules import ROOT, module

pytestmark = [
    pytest.mark.usefixtures("checkout"),
    pytest.mark.skipif(sys.platform == "win32", reason="needs resource usage"),
]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Serve calls with our own server."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        with module("harness.processes").serving(0.001, None) as port:
            yield port


@pytest.fixture(scope="module")
def nginx() -> Iterator[Any]:
    """Serve calls with nginx, over http and https."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        if missing := module("servers.nginx").missing(tls=True):
            pytest.skip(f"there is no {missing} here")
        with module("servers.nginx").nginx_serving(None, tls=True) as address:
            yield address


def job_of(contender: str, port: int, **settings: Any) -> Any:
    """Return a small job for a contender."""
    small = {"calls": 60, "in_flight": 10, **settings}
    return module("harness.work").Job(contender=contender, port=port, **small)


SCHEDULED = [
    "gather",
    "workers",
    "aiohttp-by-hand",
    "digitro",
    "digitro-public",
    "digitro-one",
]
UNSCHEDULED = [
    "raw-protocol",
    "digitro-capped",
    "digitro-public-capped",
    "digitro-public-one",
    "campaign-public",
    "codec",
    "transport-public",
    "campaign-import",
]


@pytest.mark.parametrize("contender", [*SCHEDULED, *UNSCHEDULED])
def test_contenders_work(contender: str, port: int) -> None:
    """Every call of every contender has an answer of its own."""
    found = module("harness.contender_process").measure(job_of(contender, port))

    assert found.calls == 60
    assert found.p50_ms <= found.p99_ms <= found.p999_ms


@pytest.mark.parametrize("contender", SCHEDULED)
def test_calls_are_not_early(contender: str, port: int) -> None:
    """With a schedule the last call starts when it is due, however quick the others."""
    found = module("harness.contender_process").measure(
        job_of(contender, port, rate=200)
    )

    assert found.seconds > 59 / 200


@pytest.mark.parametrize("contender", SCHEDULED)
def test_latency_counts_from_when_calls_are_due(contender: str, port: int) -> None:
    """A client that is behind has the delay in its latency: nothing is omitted.

    All calls are due at nearly once, the server takes a millisecond for each, and two
    are in flight, so half of them can't be answered before their 15th turn is over.
    """
    found = module("harness.contender_process").measure(
        job_of(contender, port, rate=1e6, in_flight=2)
    )

    assert found.p50_ms > 14
    assert found.p999_ms > 28


@pytest.mark.parametrize(
    "peer", ["httpx", "aiosonic", "pyreqwest", "pyreqwest-workers"]
)
def test_peers_work(peer: str, port: int) -> None:
    """Every peer that is installed gets an answer to every call, when it is due."""
    package, _, _ = peer.partition("-")
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"there is no {package} here")
    found = module("harness.processes").run_module(
        "harness.contender_process", job_of(peer, port, rate=1000)
    )

    assert found["calls"] == 60
    assert found["seconds"] > 59 / 1000


class TestNginx:
    """The server that nobody here wrote."""

    def test_every_answer_has_its_own_id(self, nginx: Any) -> None:
        """Connections are kept, and no call id comes twice."""
        work = module("harness.work")
        seen = []
        for _ in range(2):
            line = http.client.HTTPConnection("127.0.0.1", nginx.port)
            for number in range(3):
                body = json.dumps(work.make_body(number))
                line.request("POST", work.PATH, body, {"x-api-key": work.API_KEY})
                seen.append(json.loads(line.getresponse().read())["ID_CHAMADA"])
            line.close()

        assert len(set(seen)) == 6
        connections = [one.partition("-")[0] for one in seen]
        assert connections[:3] == connections[:1] * 3
        assert connections[3:] == connections[3:4] * 3

    def test_a_late_body_does_not_end_the_connection(self, nginx: Any) -> None:
        """A body that comes after the answer is read, and the next call is answered."""
        work = module("harness.work")
        head = f"POST {work.PATH} HTTP/1.1\r\nHost: a\r\nx-api-key: {work.API_KEY}\r\n"
        with socket.create_connection(("127.0.0.1", nginx.port), timeout=60) as line:
            for _ in range(3):
                line.sendall(f"{head}Content-Length: 4\r\n\r\n".encode())
                answer = line.recv(4096)
                line.sendall(b"body")

                assert answer.startswith(b"HTTP/1.1 200 ")

    @pytest.mark.parametrize(
        ("method", "path", "key", "status"),
        [
            ("POST", "/", "benchmark-key", 404),
            ("PUT", None, "benchmark-key", 405),
            ("POST", None, "another", 401),
            ("POST", None, "benchmark-key", 200),
        ],
    )
    def test_only_the_call_is_answered(
        self, nginx: Any, method: str, path: str | None, key: str, status: int
    ) -> None:
        """Any request but the POST that is measured gets no acceptance."""
        line = http.client.HTTPConnection("127.0.0.1", nginx.port)
        line.request(
            method, path or module("harness.work").PATH, b"{}", {"x-api-key": key}
        )

        assert line.getresponse().status == status
        line.close()

    def test_https_is_verified(self, nginx: Any) -> None:
        """It speaks TLS 1.3, and only who trusts its authority talks to it."""
        context = job_of("digitro", nginx.tls_port, ca_file=nginx.ca_file).tls()
        address = ("127.0.0.1", nginx.tls_port)
        with (
            socket.create_connection(address) as raw,
            context.wrap_socket(raw, server_hostname="127.0.0.1") as line,
        ):
            assert line.version() == "TLSv1.3"
        with (
            socket.create_connection(address) as raw,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            ssl.create_default_context().wrap_socket(raw, server_hostname="127.0.0.1")

    @pytest.mark.parametrize("contender", ["aiohttp-by-hand", "digitro-public"])
    def test_contenders_over_https(self, nginx: Any, contender: str) -> None:
        """Contenders keep their connections over https too."""
        job = job_of(contender, nginx.tls_port, ca_file=nginx.ca_file)

        assert (
            module("harness.processes").run_module("harness.contender_process", job)[
                "calls"
            ]
            == 60
        )

    @pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0, reason="only root loses rights"
    )
    def test_it_is_not_root(self) -> None:
        """Started by root, it runs with nobody's rights, and ends with the block."""
        with module("servers.nginx").nginx_serving(None) as address:
            seen = subprocess.run(
                ["ps", "-eo", "euid,ppid,args"],
                capture_output=True,
                text=True,
                check=True,
            )
            mine = [
                line.split()
                for line in seen.stdout.splitlines()
                if line.split()[1] == str(os.getpid()) and "nginx" in line
            ]
            assert mine
            assert all(line[0] != "0" for line in mine)
        with contextlib.closing(socket.socket()) as line:
            assert line.connect_ex(("127.0.0.1", address.port)) != 0


@pytest.mark.timeout(600)
def test_a_run_over_all(tmp_path: Path) -> None:
    """One command runs https beside http and calls that are due, and saves it all."""
    if missing := module("servers.nginx").missing(tls=True):
        pytest.skip(f"there is no {missing} here")
    path = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--calls", "100"]
    command += ["--scenario", "nginx-tls", "open-1000", "--json", str(path)]
    command += ["--only", "gather", "digitro"]

    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=590, check=False
    )

    assert done.returncode == 0, done.stderr
    parts = json.loads(path.read_text(encoding="utf-8"))["parts"]
    names = {"gather", "gather+tls", "digitro", "digitro+tls"}
    assert parts["nginx-tls"]["medians"].keys() == names
    assert parts["open-1000"]["medians"].keys() == {"gather", "digitro"}
    claims = [(one["ours"], one["other"]) for one in parts["nginx-tls"]["ratios"]]
    assert ("digitro+tls", "digitro") in claims
    assert ("digitro+tls", "gather+tls") in claims


def test_wrk_runs(port: int) -> None:
    """Wrk makes the calls that our server wants, and its figures can be read."""
    if module("contenders.wrk").version() is None:
        pytest.skip("there is no wrk here")
    found = module("harness.processes").run_module(
        "contenders.wrk", job_of("wrk", port)
    )

    assert found["calls"] > 60
    assert 0 < found["p50_ms"] <= found["p99_ms"] <= found["p999_ms"]
    assert (
        attrs.fields_dict(module("harness.contender_process").Figures).keys()
        == found.keys()
    )
