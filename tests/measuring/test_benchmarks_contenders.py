import json
import re
import sys
import time

import pytest
from benchmark_modules import ROOT, module

SVG = "{http://www.w3.org/2000/svg}"

pytestmark = [
    pytest.mark.usefixtures("checkout"),
    pytest.mark.skipif(sys.platform == "win32", reason="needs resource usage"),
]


MACHINE = {
    "taken_at": "2026-01-02T03:04:05Z",
    "commit": "abc",
    "python": "3.11.7",
    "python_pgo": False,
    "processor": "A <fast> & good one",
    "cores": 2,
    "system": "Linux",
    "pinning_note": "",
    "packages": {"aiohttp": "3.14.5"},
    "programs": {"nginx": None},
}


class TestSelection:
    """Who runs where."""

    @pytest.mark.parametrize(
        ("name", "scenario", "problem"),
        [
            ("httpx", "latency", "not run with 1,000 in flight"),
            ("httpx", "open-3000", "not run with 3,000 calls due a second"),
            ("campaign", "open-1000", "it can't wait for each call's time"),
            ("wrk", "nginx-tls", "it does not check certificates"),
        ],
    )
    def test_unable(self, name: str, scenario: str, problem: str) -> None:
        """Who can't run in a scenario is left out, and it is said why."""
        contender = module("harness.contender_table").find(name)
        where = module("harness.scenarios").SCENARIOS[scenario]

        running, notes = module("harness.selection").line_up(
            [contender], where, asked=True
        )

        assert running == []
        assert notes == [f"{name} left out: {problem}"]

    def test_asked(self) -> None:
        """Who was asked for by name runs wherever it can."""
        by_hand = module("harness.contender_table").find("aiohttp-by-hand")
        instant = module("harness.scenarios").SCENARIOS["instant"]
        line_up = module("harness.selection").line_up

        assert line_up([by_hand], instant, asked=True) == ([by_hand], [])
        assert line_up([by_hand], instant, asked=False) == ([], [])

    def test_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A package or program that is not installed is named, and nothing fails."""
        selection = module("harness.selection")
        monkeypatch.setattr(selection.importlib.util, "find_spec", lambda name: None)
        monkeypatch.setattr(selection.shutil, "which", lambda name: None)

        chosen, notes = selection.choose(["aiosonic", "wrk"])

        assert chosen == []
        assert "aiosonic left out: no aiosonic installed" in notes

    @pytest.mark.parametrize("scenario", ["nginx", "nginx-tls"])
    def test_no_nginx(
        self,
        scenario: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """Without nginx its scenarios are left out with a note."""
        monkeypatch.setattr(module("servers.nginx"), "find_nginx", lambda: None)
        where = module("harness.scenarios").SCENARIOS[scenario]

        assert module("__main__").run_scenario(where, None, [], asked=False) is None
        assert capsys.readouterr().out == f"{scenario} left out: no nginx installed\n"

    def test_tables_agree(self) -> None:
        """Only contenders and scenarios that there are stand in the tables."""
        contenders = module("harness.contender_table")
        names = [one.name for one in contenders.CONTENDERS]
        scenarios = set(module("harness.scenarios").SCENARIOS)

        assert len(set(names)) == len(names)
        for one in module("harness.comparisons").COMPARISONS:
            assert {one.ours, one.other} <= set(names)
        assert set(contenders.EVERYWHERE) == scenarios
        for one in contenders.CONTENDERS:
            assert callable(module("harness.contender_process").load(one))
            kind = module("reporting.plot").Bar(one.name, 1, 1, 1).kind
            assert (kind == "limit") == one.limit
            if one.code.startswith("digitro:"):
                assert kind == "ours"
        told = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
        for name in scenarios:
            assert f"| `{name}` |" in told

    def test_four_forms_run_together(self) -> None:
        """One call at a time, dispatch, with a cap, durable: none runs without all."""
        find = module("harness.contender_table").find
        forms = ("digitro-one", "digitro", "digitro-capped", "campaign")

        for scenario in ("instant", "latency", "nginx"):
            assert all(scenario in find(f"{form}+tuned").runs_in for form in forms)

    def test_https_is_compared_with_http(self) -> None:
        """Over https each is compared with itself over http, and with its like."""
        names = ["gather", "gather+tls", "digitro", "digitro+tls"]
        found = [
            (one.ours, one.other)
            for one in module("harness.comparisons").comparisons(names)
        ]

        assert found == [
            ("gather+tls", "gather"),
            ("digitro+tls", "digitro"),
            ("digitro+tls", "gather+tls"),
        ]


class TestSchedule:
    """When calls are due."""

    def test_due(self) -> None:
        """Calls are due evenly, from the schedule's own beginning."""
        schedule = module("harness.schedule").Schedule(50)

        assert schedule.due(0) <= time.perf_counter()
        assert schedule.due(100) - schedule.due(0) == pytest.approx(2)

    async def test_overdue(self) -> None:
        """An overdue call does not wait, and says when it was due."""
        schedule = module("harness.schedule").Schedule(1e9)

        waiting = schedule.until(3)

        with pytest.raises(StopIteration) as ended:
            waiting.send(None)
        assert ended.value.value == schedule.due(3)

    async def test_early(self) -> None:
        """An early one waits until it is due."""
        schedule = module("harness.schedule").Schedule(50)

        due = await schedule.until(2)

        assert time.perf_counter() >= due - 0.001


class TestFloor:
    """Answers, read by hand."""

    ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y\r\n\r\n{}"

    def test_split(self) -> None:
        """An answer counts when it is whole."""
        take = module("contenders.raw_protocol").take_answer

        for size in range(len(self.ANSWER)):
            assert take(self.ANSWER[:size]) is None
        assert take(self.ANSWER) == b"{}"

    @pytest.mark.parametrize(
        "answer",
        [
            ANSWER.replace(b"200", b"401"),
            ANSWER.replace(b"Content-Length: 2", b"Transfer-Encoding: chunked"),
            ANSWER + b"H",
        ],
    )
    def test_another(self, answer: bytes) -> None:
        """Whatever it does not know ends the run."""
        with pytest.raises(module("harness.work").WrongRunError):
            module("contenders.raw_protocol").take_answer(answer)


class TestWrk:
    """The options of wrk, and its report."""

    def test_it_sends_the_same(self) -> None:
        """Its script makes the very body that all others send."""
        work = module("harness.work")
        (text,) = re.findall(
            r"string\.format\((\".*\"), number", module("contenders.wrk").script()
        )
        body = json.loads(text).replace("%08d", "00000007")

        assert json.loads(body) == work.make_body(7)

    def test_figures(self) -> None:
        """Its figures stand behind a mark."""
        said = '{"calls": 7, "us": 10, "failed": 0, "p50": 1, "p99": 2, "p999": 3}'

        found = module("contenders.wrk").read_figures(
            f"Running 1s test\nfigures: {said}\nend"
        )

        assert (found["calls"], found["p999"]) == (7, 3)

    @pytest.mark.parametrize(
        "said",
        [
            "unable to connect",
            'figures: {"calls": 7, "failed": 1}',
            'figures: {"calls": 0, "failed": 0}',
        ],
    )
    def test_no_figures(self, said: str) -> None:
        """Failed calls, or none, are no figure."""
        with pytest.raises(module("harness.work").WrongRunError):
            module("contenders.wrk").read_figures(said)
