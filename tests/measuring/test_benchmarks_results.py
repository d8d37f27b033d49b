import json
import re
import sys
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import attrs
import pytest
from benchmark_modules import ROOT, figures, module

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


def part(scenario: str, rounds: list[list[Any]], calls: int = 100) -> dict[str, Any]:
    """Return the record of a scenario."""
    return {
        "scenario": attrs.asdict(module("scenarios").SCENARIOS[scenario]),
        "plan": {"calls": calls},
        **module("summary").as_record(rounds),
        "machine": MACHINE,
    }


def record(**parts: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a run."""
    return {
        "machine": MACHINE,
        "quick": False,
        "parts": {name.replace("_", "-"): one for name, one in parts.items()},
    }


ROUNDS = [(1000.0, 1500.0), (1000.0, 1200.0), (1000.0, 2000.0)]


@pytest.fixture
def instant() -> dict[str, Any]:
    """Return the record of three rounds of ``instant``."""
    return part(
        "instant", [[figures("gather", a), figures("ours", b)] for a, b in ROUNDS]
    )


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
        contender = module("contenders").find(name)
        where = module("scenarios").SCENARIOS[scenario]

        running, notes = module("selection").line_up([contender], where, asked=True)

        assert running == []
        assert notes == [f"{name} left out: {problem}"]

    def test_asked(self) -> None:
        """Who was asked for by name runs wherever it can."""
        lean = module("contenders").find("lean")
        instant = module("scenarios").SCENARIOS["instant"]
        line_up = module("selection").line_up

        assert line_up([lean], instant, asked=True) == ([lean], [])
        assert line_up([lean], instant, asked=False) == ([], [])

    def test_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A package or program that is not installed is named, and nothing fails."""
        selection = module("selection")
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
        monkeypatch.setattr(module("nginx"), "find_nginx", lambda: None)
        where = module("scenarios").SCENARIOS[scenario]

        assert module("__main__").run_scenario(where, None, [], asked=False) is None
        assert capsys.readouterr().out == f"{scenario} left out: no nginx installed\n"

    def test_tables_agree(self) -> None:
        """Only contenders and scenarios that there are stand in the tables."""
        contenders = module("contenders")
        names = [one.name for one in contenders.CONTENDERS]
        scenarios = set(module("scenarios").SCENARIOS)

        assert len(set(names)) == len(names)
        for one in module("comparisons").COMPARISONS:
            assert {one.ours, one.other} <= set(names)
        assert set(contenders.EVERYWHERE) == scenarios
        for one in contenders.CONTENDERS:
            assert callable(module("client").load(one))
            kind = module("plot").Bar(one.name, 1, 1, 1).kind
            assert (kind == "limit") == one.limit
            if one.code.startswith("own:"):
                assert kind == "ours"
        told = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
        for name in scenarios:
            assert f"| `{name}` |" in told

    def test_four_forms_run_together(self) -> None:
        """One call at a time, dispatch, with a cap, durable: none runs without all."""
        find = module("contenders").find
        forms = ("ours_one", "ours", "ours-capped", "campaign")

        for scenario in ("instant", "latency", "nginx"):
            assert all(scenario in find(f"{form}+tuned").runs_in for form in forms)

    def test_https_is_compared_with_http(self) -> None:
        """Over https each is compared with itself over http, and with its like."""
        names = ["gather", "gather+tls", "ours", "ours+tls"]
        found = [
            (one.ours, one.other) for one in module("comparisons").comparisons(names)
        ]

        assert found == [
            ("gather+tls", "gather"),
            ("ours+tls", "ours"),
            ("ours+tls", "gather+tls"),
        ]


class TestSchedule:
    """When calls are due."""

    def test_due(self) -> None:
        """Calls are due evenly, from the schedule's own beginning."""
        schedule = module("schedule").Schedule(50)

        assert schedule.due(0) <= time.perf_counter()
        assert schedule.due(100) - schedule.due(0) == pytest.approx(2)

    async def test_overdue(self) -> None:
        """An overdue call does not wait, and says when it was due."""
        schedule = module("schedule").Schedule(1e9)

        waiting = schedule.until(3)

        with pytest.raises(StopIteration) as ended:
            waiting.send(None)
        assert ended.value.value == schedule.due(3)

    async def test_early(self) -> None:
        """An early one waits until it is due."""
        schedule = module("schedule").Schedule(50)

        due = await schedule.until(2)

        assert time.perf_counter() >= due - 0.001


class TestFloor:
    """Answers, read by hand."""

    ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y\r\n\r\n{}"

    def test_split(self) -> None:
        """An answer counts when it is whole."""
        take = module("floor").take_answer

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
        with pytest.raises(module("work").WrongRunError):
            module("floor").take_answer(answer)


class TestWrk:
    """What wrk is told, and what it says."""

    def test_it_sends_the_same(self) -> None:
        """Its script makes the very body that all others send."""
        work = module("work")
        (text,) = re.findall(
            r"string\.format\((\".*\"), number", module("wrk").script()
        )
        body = json.loads(text).replace("%08d", "00000007")

        assert json.loads(body) == work.make_body(7)

    def test_figures(self) -> None:
        """Its figures stand behind a mark."""
        said = '{"calls": 7, "us": 10, "failed": 0, "p50": 1, "p99": 2, "p999": 3}'

        found = module("wrk").read_figures(f"Running 1s test\nfigures: {said}\nend")

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
        with pytest.raises(module("work").WrongRunError):
            module("wrk").read_figures(said)


class TestResults:
    """What is kept, and compared with the next run."""

    def test_next_run(self, instant: dict[str, Any], tmp_path: Path) -> None:
        """A run finds what the one before saved, the parts of an earlier one too."""
        results = module("results")
        path, plot = tmp_path / "new" / "last.json", tmp_path / "new" / "last.svg"

        results.save(record(instant=instant), {}, path, plot)
        last = results.read_last(path)
        results.save(record(latency=instant), last, path, plot)

        assert results.read(path)["parts"].keys() == {"instant", "latency"}
        assert "latency:" in plot.read_text(encoding="utf-8")
        assert "instant:" not in plot.read_text(encoding="utf-8")
        assert sorted(one.name for one in path.parent.iterdir()) == [
            "last.json",
            "last.svg",
        ]

    @pytest.mark.parametrize("text", [None, "", '{"parts": '])
    def test_no_last_run(self, tmp_path: Path, text: str | None) -> None:
        """No file, or one that was cut off, is no last run."""
        path = tmp_path / "last.json"
        if text is not None:
            path.write_text(text)

        assert module("results").read_last(path) == {}

    def test_same_plan(self, instant: dict[str, Any]) -> None:
        """A run with the same plan is compared, and other versions are told."""
        now = {**instant, "machine": {**MACHINE, "python": "3.13.0"}}

        said = module("results").compare(
            "instant", record(instant=instant), now, asked=False
        )

        assert re.search(r"ours / gather +1\.50 +1\.50 +\+0%", said)
        assert "DIFFERS python: 3.11.7 -> 3.13.0" in said
        assert said.count("DIFFERS") == 1

    def test_another_plan(self, instant: dict[str, Any]) -> None:
        """With another plan it is compared only if that is asked for."""
        compare = module("results").compare
        now = {**instant, "plan": {"calls": 7}}

        silent = compare("instant", record(instant=instant), now, asked=False)
        asked = compare("instant", record(instant=instant), now, asked=True)

        assert silent == "instant: the last run had another plan, so it is not compared"
        assert "WITH ANOTHER PLAN" in asked

    def test_older_files(self, instant: dict[str, Any]) -> None:
        """A file from before parts had their machine, scenario names and so on."""
        then = {key: one for key, one in instant.items() if key != "machine"}
        then["scenario"] = {"name": "instant"}

        said = module("results").compare(
            "instant", record(instant=then), instant, asked=True
        )

        assert "ours / gather" in said

    def test_nothing_to_say(self, instant: dict[str, Any]) -> None:
        """Without an earlier part there is nothing to compare."""
        assert module("results").compare("instant", {}, instant, asked=True) == ""

    def test_quick_runs_do_not_count(self) -> None:
        """A quick run does not take the place of the last one."""
        default_path = module("results").default_path

        assert default_path(quick=True) != default_path(quick=False)


class TestPlot:
    """The picture of a run."""

    def drawn(self, **parts: dict[str, Any]) -> ET.Element:
        """Return the picture as XML."""
        return ET.fromstring(module("plot").draw(record(**parts)))

    def test_it_can_be_read_aloud(self, instant: dict[str, Any]) -> None:
        """Title and description say all that is drawn; nothing is loaded."""
        picture = self.drawn(instant=instant)
        ids = [one.get("id") for one in picture[:2]]

        assert picture.get("role") == "img"
        assert (picture.get("aria-labelledby") or "").split() == ids
        assert picture[0].tag == f"{SVG}title"
        told = picture[1].text or ""
        assert "ours 1.50 (1.20 to 2.00)" in told
        assert "A <fast> & good one" in told
        text = ET.tostring(picture, encoding="unicode")
        assert "href" not in text
        assert "url(" not in text

    def test_bars(self, instant: dict[str, Any]) -> None:
        """A bar is as long as its ratio, its line goes from lowest to highest."""
        picture = self.drawn(instant=instant)
        plot = module("plot")
        (bar,) = picture.findall(f"{SVG}rect[@class='ours']")
        (line,) = picture.findall(f"{SVG}path[@class='mark']")
        (one,) = picture.findall(f"{SVG}path[@class='one']")

        assert float(bar.get("width") or 0) == pytest.approx(plot.BARS * 1.5 / 2, abs=1)
        ends = re.findall(r"[MH]([\d.]+)", line.get("d") or "")
        assert float(ends[0]) == pytest.approx(plot.LABELS + plot.BARS * 1.2 / 2, abs=1)
        assert float(ends[1]) == pytest.approx(plot.LABELS + plot.BARS, abs=1)
        at = re.findall(r"M([\d.]+)", one.get("d") or "")
        assert float(at[0]) == pytest.approx(plot.LABELS + plot.BARS / 2, abs=1)

    def test_all_inside(self, instant: dict[str, Any]) -> None:
        """Nothing is drawn outside of the picture."""
        picture = self.drawn(instant=instant, nginx=instant)
        height = float(picture.get("height") or 0)

        for bar in picture.iter(f"{SVG}rect"):
            assert float(bar.get("y") or 0) + float(bar.get("height") or 0) <= height
        for text in picture.iter(f"{SVG}text"):
            assert 0 < float(text.get("y") or 0) < height

    def test_open(self) -> None:
        """Where calls are due, p99 latency is drawn, and who is far behind is cut."""
        late = {"gather": 6.0, "ours": 5.0, "workers": 7.0, "httpx": 4000.0}
        rounds = [[figures(name, 1000, p99_ms=ms) for name, ms in late.items()]]
        picture = self.drawn(open_1000=part("open-1000", rounds))
        texts = [text.text for text in picture.iter(f"{SVG}text")]
        widths = [
            float(bar.get("width") or 0)
            for bar in picture.iter(f"{SVG}rect")
            if bar.get("class") != "back"
        ]

        assert "5.00 ms (5.00 to 5.00)" in texts
        assert "4000 ms (4000 to 4000) (bar cut)" in texts
        assert widths[2] == module("plot").BARS
        assert module("plot").BARS < max(widths) < module("plot").BARS * 1.1

    def test_limits(self) -> None:
        """A limit is cut rather than that it makes the clients' bars too short."""
        speeds = {"gather": 1000, "ours": 1500, "workers": 1200, "wrk": 9000}
        rounds = [[figures(name, speed) for name, speed in speeds.items()]]
        picture = self.drawn(instant=part("instant", rounds))
        (bar,) = picture.findall(f"{SVG}rect[@class='ours']")
        texts = [text.text for text in picture.iter(f"{SVG}text")]

        assert float(bar.get("width") or 0) == module("plot").BARS
        assert "9.00 (9.00 to 9.00) (bar cut)" in texts

    def test_all_slower(self) -> None:
        """Where all are slower than gather, its line is still inside."""
        rounds = [[figures("gather", 1000), figures("httpx", 50)]]
        picture = self.drawn(instant=part("instant", rounds))
        (one,) = picture.findall(f"{SVG}path[@class='one']")

        at = float(re.findall(r"M([\d.]+)", one.get("d") or "")[0])
        assert at == module("plot").LABELS + module("plot").BARS

    def test_without_figures(self) -> None:
        """A run of other parts has a picture without bars."""
        assert self.drawn(micro={"us": {}}).findall(f"{SVG}path") == []
