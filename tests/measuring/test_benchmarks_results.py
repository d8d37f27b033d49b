import re
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import attrs
import pytest
from benchmark_modules import figures, module

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
        "scenario": attrs.asdict(module("harness.scenarios").SCENARIOS[scenario]),
        "plan": {"calls": calls},
        **module("reporting.summary").as_record(rounds),
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
        "instant", [[figures("gather", a), figures("digitro", b)] for a, b in ROUNDS]
    )


class TestResults:
    """The results that are kept, and compared with the next run."""

    def test_next_run(self, instant: dict[str, Any], tmp_path: Path) -> None:
        """A run finds what the one before saved, the parts of an earlier one too."""
        results = module("reporting.results")
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

        assert module("reporting.results").read_last(path) == {}

    def test_same_plan(self, instant: dict[str, Any]) -> None:
        """A run with the same plan is compared, and other versions are told."""
        now = {**instant, "machine": {**MACHINE, "python": "3.13.0"}}

        said = module("reporting.results").compare(
            "instant", record(instant=instant), now, asked=False
        )

        assert re.search(r"digitro / gather +1\.50 +1\.50 +\+0%", said)
        assert "DIFFERS python: 3.11.7 -> 3.13.0" in said
        assert said.count("DIFFERS") == 1

    def test_another_plan(self, instant: dict[str, Any]) -> None:
        """With another plan it is compared only if that is asked for."""
        compare = module("reporting.results").compare
        now = {**instant, "plan": {"calls": 7}}

        silent = compare("instant", record(instant=instant), now, asked=False)
        asked = compare("instant", record(instant=instant), now, asked=True)

        assert silent == "instant: the last run had another plan, so it is not compared"
        assert "WITH ANOTHER PLAN" in asked

    def test_older_files(self, instant: dict[str, Any]) -> None:
        """A file from before parts had their machine, scenario names and so on."""
        then = {key: one for key, one in instant.items() if key != "machine"}
        then["scenario"] = {"name": "instant"}

        said = module("reporting.results").compare(
            "instant", record(instant=then), instant, asked=True
        )

        assert "digitro / gather" in said

    def test_nothing_to_say(self, instant: dict[str, Any]) -> None:
        """Without an earlier part there is nothing to compare."""
        assert (
            module("reporting.results").compare("instant", {}, instant, asked=True)
            == ""
        )

    def test_quick_runs_do_not_count(self) -> None:
        """A quick run does not take the place of the last one."""
        default_path = module("reporting.results").default_path

        assert default_path(quick=True) != default_path(quick=False)


class TestPlot:
    """The picture of a run."""

    def drawn(self, **parts: dict[str, Any]) -> ET.Element:
        """Return the picture as XML."""
        return ET.fromstring(module("reporting.plot").draw(record(**parts)))

    def test_it_can_be_read_aloud(self, instant: dict[str, Any]) -> None:
        """Title and description say all that is drawn; nothing is loaded."""
        picture = self.drawn(instant=instant)
        ids = [one.get("id") for one in picture[:2]]

        assert picture.get("role") == "img"
        assert (picture.get("aria-labelledby") or "").split() == ids
        assert picture[0].tag == f"{SVG}title"
        told = picture[1].text or ""
        assert "digitro 1.50 (1.20 to 2.00)" in told
        assert "A <fast> & good one" in told
        text = ET.tostring(picture, encoding="unicode")
        assert "href" not in text
        assert "url(" not in text

    def test_bars(self, instant: dict[str, Any]) -> None:
        """A bar is as long as its ratio, its line goes from lowest to highest."""
        picture = self.drawn(instant=instant)
        plot = module("reporting.plot")
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
        late = {"gather": 6.0, "digitro": 5.0, "workers": 7.0, "httpx": 4000.0}
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
        assert widths[2] == module("reporting.plot").BARS
        assert (
            module("reporting.plot").BARS
            < max(widths)
            < module("reporting.plot").BARS * 1.1
        )

    def test_limits(self) -> None:
        """A limit is cut rather than that it makes the clients' bars too short."""
        speeds = {"gather": 1000, "digitro": 1500, "workers": 1200, "wrk": 9000}
        rounds = [[figures(name, speed) for name, speed in speeds.items()]]
        picture = self.drawn(instant=part("instant", rounds))
        (bar,) = picture.findall(f"{SVG}rect[@class='ours']")
        texts = [text.text for text in picture.iter(f"{SVG}text")]

        assert float(bar.get("width") or 0) == module("reporting.plot").BARS
        assert "9.00 (9.00 to 9.00) (bar cut)" in texts

    def test_all_slower(self) -> None:
        """Where all are slower than gather, its line is still inside."""
        rounds = [[figures("gather", 1000), figures("httpx", 50)]]
        picture = self.drawn(instant=part("instant", rounds))
        (one,) = picture.findall(f"{SVG}path[@class='one']")

        at = float(re.findall(r"M([\d.]+)", one.get("d") or "")[0])
        assert at == module("reporting.plot").LABELS + module("reporting.plot").BARS

    def test_without_figures(self) -> None:
        """A run of other parts has a picture without bars."""
        assert self.drawn(micro={"us": {}}).findall(f"{SVG}path") == []
