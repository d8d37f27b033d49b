import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest
from benchmark_modules import ROOT, figures, module

from digitro_async.protocol import unstructure_call

MEASURES = (
    "calls_per_second",
    "cpu_us",
    "cpu_share",
    "p50_ms",
    "p99_ms",
    "p999_ms",
    "peak_mib",
)

pytestmark = [
    pytest.mark.usefixtures("checkout"),
    pytest.mark.skipif(sys.platform == "win32", reason="needs resource usage"),
]


@pytest.mark.timeout(600)
def test_quick_run(tmp_path: Path) -> None:
    """One command measures contenders in processes of their own and saves it all."""
    path = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--calls", "1000"]
    command += ["--scenario", "instant", "micro", "--only", "gather", "digitro"]
    command += ["--json", str(path)]

    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=590, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "to gather, process untouched" in done.stdout
    record = json.loads(path.read_text(encoding="utf-8"))
    instant = record["parts"]["instant"]
    assert {one["contender"] for one in instant["rounds"][0]} == {"gather", "digitro"}
    for one in instant["rounds"][0]:
        assert one["calls"] == 1000
        assert all(one[measure] > 0 for measure in MEASURES)
    assert instant["medians"].keys() == {"gather", "digitro"}
    assert [one["speed"] > 0 for one in instant["ratios"]] == [True]
    assert all(us > 0 for us in record["parts"]["micro"]["us"].values())
    assert record["machine"]["python"]
    assert record["machine"]["packages"]["aiohttp"]
    assert "<svg" in path.with_suffix(".svg").read_text(encoding="utf-8")


def test_contenders_send_the_same() -> None:
    """Our call is on the wire what the plain loops send, all 13 fields of it."""
    body = module("harness.work").make_body(7)

    assert unstructure_call(module("contenders.digitro").make_call(7)) == body
    assert len(body) == 13
    assert all(body.values())


@pytest.mark.parametrize("answers", [["a", "b"], ["a", "b", "b"], ["a", "b", "c", "d"]])
def test_wrong_runs_have_no_figure(answers: list[str]) -> None:
    """A lost answer, one that came twice and one too many make a contender fail."""
    work = module("harness.work")
    tally = work.RunCounts()
    for answer in answers:
        tally.add(answer, 0.001)

    with pytest.raises(work.WrongRunError):
        tally.check(3)


@pytest.mark.parametrize("answer", [None, "", 7])
def test_an_answer_needs_a_call_id(answer: object) -> None:
    """An answer without a call id makes a contender fail at once."""
    work = module("harness.work")

    with pytest.raises(work.WrongRunError):
        work.RunCounts().add(answer, 0.001)


def test_percentiles_are_calls() -> None:
    """A percentile is the latency of a call, the last one not being lost."""
    tally = module("harness.work").RunCounts()
    for number in range(1, 101):
        tally.add(str(number), number / 1000)

    assert tally.latency_ms(0.50) == 50.0
    assert tally.latency_ms(0.99) == 99.0
    assert tally.latency_ms(1.0) == 100.0


def test_ratios_are_taken_within_a_round() -> None:
    """A slow hour cancels out: only figures of the same round are divided."""
    rounds = [
        [figures("gather", 1000), figures("digitro", 1500)],
        [figures("gather", 100), figures("digitro", 150)],
        [figures("gather", 10), figures("digitro", 15)],
    ]

    (ratio,) = module("reporting.summary").ratios(rounds)

    assert (ratio.speed, ratio.lowest, ratio.highest) == (1.5, 1.5, 1.5)
    assert ratio.cpu == pytest.approx(1 / 1.5)


def test_noisy_rounds_are_set_apart() -> None:
    """Disturbed rounds don't count where there are others, and are shown."""
    rounds = [
        [figures("gather", 100), figures("digitro", 150)],
        [figures("gather", 10, noisy=True), figures("digitro", 150)],
    ]
    summary = module("reporting.summary")

    (ratio,) = summary.ratios(rounds)
    gather, ours = summary.medians(rounds)

    assert (ratio.speed, ratio.clean, ratio.rounds) == (1.5, 1, 2)
    assert (gather.values["calls_per_second"], gather.clean) == (100, 1)
    assert (ours.clean, ours.rounds) == (2, 2)


@pytest.mark.parametrize(
    ("scenario", "contender", "seen", "kept"),
    [
        # kept busy: its share of the core tells, and the third go is the best one
        ("instant", "gather", [(0.5, 0), (0.6, 0), (0.8, 0)], (0.8, True, 2)),
        ("instant", "gather", [(0.5, 0), (0.9, 0)], (0.9, False, 1)),
        ("instant", "gather", [(0.9, 0.3)], (0.9, False, 0)),
        # it may rest: only waiting for a core tells
        ("open-1000", "gather", [(0.3, 0.01)], (0.3, False, 0)),
        ("open-1000", "gather", [(0.3, 0.2), (0.2, 0.02)], (0.2, False, 1)),
        ("open-1000", "gather", [(0.3, 0.1), (0.2, 0.3), (0.1, 0.2)], (0.3, True, 2)),
        # nothing can be told of what keeps its own threads or the server waiting
        ("open-1000", "pyreqwest", [(0.3, 0.2)], (0.3, False, 0)),
        ("instant", "raw-protocol", [(0.3, 0.2)], (0.3, False, 0)),
    ],
)
def test_disturbed_runs_are_repeated(
    scenario: str,
    contender: str,
    seen: list[tuple[float, float]],
    kept: tuple[float, bool, int],
) -> None:
    """The least disturbed of three goes is kept, though it be the slowest."""
    rounds = module("harness.rounds")
    goes = iter(seen)
    plan = rounds.Plan(
        calls=100, rounds=1, repeats=2, client_core=None, server_core=None
    )

    def run() -> Any:
        cpu, delay = next(goes)
        measured = figures(contender, 100 / cpu)
        return attrs.evolve(measured, cpu_share=cpu, delay_share=delay)

    judged = module("harness.contender_table").find(contender)
    found = rounds._run_quietly(
        module("harness.scenarios").SCENARIOS[scenario], plan, judged, run
    )

    assert (found.cpu_share, found.noisy, found.repeats) == kept
    assert next(goes, None) is None


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        """Keep what is written."""
        self.written += data

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True

    def is_closing(self) -> bool:
        """Return whether it was closed."""
        return self.closed


def request(number: int, key: str = "benchmark-key") -> bytes:
    """Return the ``number``-th call as it stands on the wire."""
    body = json.dumps(module("harness.work").make_body(number)).encode()
    head = f"POST {module('harness.work').PATH} HTTP/1.1\r\nX-API-Key: {key}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.fixture
def wire() -> Wire:
    """Return what the server writes to."""
    return Wire()


@pytest.fixture
def connection(wire: Wire) -> Any:
    """Return the server's end of a new connection."""
    made = module("servers.pabx_server").Connection(iter(range(1, 100)), 0.0)
    made.connection_made(wire)
    return made


@pytest.mark.parametrize("size", [1, 7, 500, 10_000])
def test_server_reads_whole_requests(connection: Any, wire: Wire, size: int) -> None:
    """Split and pipelined requests get an answer each, with ids of their own."""
    sent = b"".join(request(number) for number in range(3))

    for start in range(0, len(sent), size):
        connection.data_received(sent[start : start + size])

    answers = wire.written.split(b"HTTP/1.1 200 OK")[1:]
    bodies = [answer.partition(b"\r\n\r\n")[2] for answer in answers]
    assert len({json.loads(body)["ID_CHAMADA"] for body in bodies}) == 3
    assert {len(body) for body in bodies} == {48}


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_server_refuses_other_requests(
    connection: Any, wire: Wire, sent: bytes
) -> None:
    """A contender that sends something else gets no acceptance."""
    connection.data_received(sent)

    assert wire.written.startswith(b"HTTP/1.1 400 ")
    assert wire.closed


def test_server_wants_the_key(connection: Any, wire: Wire) -> None:
    """A contender without the key gets no acceptance."""
    connection.data_received(request(1, key="another"))

    assert wire.written.startswith(b"HTTP/1.1 400 ")


class TestInstructions:
    """The limits that instructions are held against."""

    def test_within(self) -> None:
        """A ratio up to its limit is fine, and what was not counted is not judged."""
        exceeded_limits = module("questions.instructions").exceeded_limits

        assert exceeded_limits({"digitro": 34.0, "aiohttp-by-hand+hooks": 100.0}) == []
        assert exceeded_limits({"digitro": 900.0}) == []

    def test_too_many(self) -> None:
        """A larger ratio is told with its limit."""
        exceeded_limits = module("questions.instructions").exceeded_limits

        assert exceeded_limits({"digitro": 35.0, "aiohttp-by-hand+hooks": 100.0}) == [
            "digitro / aiohttp-by-hand+hooks is 0.350, allowed are 0.34"
        ]

    def test_limits_are_of_contenders(self) -> None:
        """Every limit names contenders that there are."""
        names = {one.name for one in module("harness.contender_table").CONTENDERS}

        for limit in module("questions.instructions").LIMITS:
            assert {limit.ours, limit.other} <= names
        assert set(module("questions.instructions").layered()) <= names

    def test_layers(self) -> None:
        """A layer costs what the whole costs more than what is under it."""
        instructions = module("questions.instructions")
        found = dict.fromkeys(instructions.layered(), 1000.0)
        found |= {"digitro": 300_000.0, "transport": 200_000.0}
        found |= {"campaign": 500_000.0, "campaign-import": 50_000.0}

        rows = [
            line.split("  ") for line in instructions.layer_table(found).split("\n")
        ]
        costs = {row[0]: [cell.strip() for cell in row[1:] if cell] for row in rows}

        assert costs["transport alone"] == ["200.0k", "1.0k"]
        assert costs["+ client, dispatch, codec"] == ["100.0k", "0.0k"]
        assert costs["+ ledger"][0] == "150.0k"
        assert costs["durable campaign, whole"][0] == "450.0k"


class TestPacing:
    """The figures from the times at which calls came."""

    def test_even(self) -> None:
        """Calls at the cap use it whole, are never late and fill no window more."""
        found = module("questions.pacing").evenness(
            [turn / 100 for turn in range(1001)], 100
        )

        assert found.used == pytest.approx(1)
        assert found.line_p99_ms == pytest.approx(0, abs=1e-6)
        assert found.gap_p99_ms == pytest.approx(0, abs=1e-6)
        assert found.most[1.0] in {100, 101}  # a window's end is a rounded sum

    def test_late(self) -> None:
        """A call that comes late is late by that much; a burst shows in a window."""
        times = [turn / 10 for turn in range(101)]
        times[50:54] = [5.3, 5.3, 5.3, 5.3]
        found = module("questions.pacing").evenness(times, 10)

        assert found.line_p99_ms == pytest.approx(200, abs=1)
        assert found.most[0.1] >= 4

    def test_standing_still(self) -> None:
        """A gap that is longer than the others is told by that much."""
        gaps = [0.1] * 98 + [0.3] * 2
        found = module("questions.pacing").evenness(
            [0.0, *itertools.accumulate(gaps)], 10
        )

        assert found.gap_p99_ms == pytest.approx(196)

    def test_typical(self) -> None:
        """Of several runs the medians count, and the most calls of any."""
        evenness, typical = (
            module("questions.pacing").evenness,
            module("questions.pacing").typical,
        )
        runs = [evenness([turn / rate for turn in range(99)], 10) for rate in (9, 8, 5)]
        found = typical(runs)

        assert found.used == pytest.approx(0.8)
        assert found.most[1.0] == runs[0].most[1.0]

    def test_run(self) -> None:
        """The server sees every call, and no second holds more than the cap."""
        found = module("questions.pacing").run(50, 1.2)

        assert found.most[1.0] <= 50
        assert found.turn_p99_ms >= 0
        assert 0 < found.used <= 1.05
