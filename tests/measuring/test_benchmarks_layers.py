"""The cost of the layers of a call, and the memory of a list."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmark_modules import ROOT, module

from digitro_async.contacts import ContactRow, open_contacts

SHORT_GROWTH = 8.0
"""MiB: SQLite's cache takes 3 for 6,000 contacts; their results, kept, take 7 more."""

pytestmark = [
    pytest.mark.usefixtures("checkout"),
    pytest.mark.skipif(sys.platform == "win32", reason="needs resource usage"),
]


class TestLayers:
    """CPU of a call with one layer more each time."""

    def figures(self, *cpu: float) -> dict[str, float]:
        """Return the figures of one round, a layer each."""
        return dict(zip(module("questions.layers").LAYERS, cpu, strict=True))

    def steps(self, each: float) -> dict[str, float]:
        """Return what single steps cost, each the same."""
        return dict.fromkeys(module("questions.micro").PARTS, each)

    def test_adding_up(self) -> None:
        """The layers above the transport count, and the evidence inside it."""
        layers = module("questions.layers")
        rounds = [self.figures(140, 90, 100, 105, 120)]
        cost = layers.add_up(rounds, self.steps(2.0))

        assert cost.layers == 32.0
        assert cost.scaled == 32.0
        assert cost.parts == 2.0 * len(module("questions.micro").PARTS)
        assert "+15.0" in layers.report(cost)
        assert "within 45 us" in layers.report(cost)

    def test_slow_machine(self) -> None:
        """A machine on which all takes twice the time costs nothing more."""
        layers = module("questions.layers")
        rounds = [self.figures(280, 180, 200, 210, 240)] * 3
        cost = layers.add_up(rounds, self.steps(4.0))

        assert cost.layers == 64.0
        assert (cost.lowest, cost.scaled, cost.highest) == (32.0, 32.0, 32.0)

    def test_too_much(self) -> None:
        """It is said where the layers cost more than wanted."""
        layers = module("questions.layers")
        cost = layers.add_up([self.figures(140, 90, 100, 105, 140)], self.steps(2.0))

        assert "52.0 us" in layers.report(cost)
        assert "MORE THAN 45 us" in layers.report(cost)

    @pytest.mark.parametrize("layer", ["+ pacing", "+ ledger"])
    async def test_layers_make_their_calls(self, port: int, layer: str) -> None:
        """A layer makes every call of its job, each with an answer of its own."""
        work = module("harness.work")
        job = work.Job(contender=layer, port=port, calls=150, in_flight=20)
        watch, tally = work.Stopwatch(), work.RunCounts()
        contender = module("harness.contender_table").find(
            module("questions.layers").LAYERS[layer]
        )
        await module("harness.contender_process").load(contender)(job, watch, tally)

        tally.check(150)
        assert watch.cpu > 0


class TestMicro:
    """Single steps of a call."""

    def test_every_part_is_measured(self) -> None:
        """Every layer of the sum is measured."""
        micro = module("questions.micro")
        timed = {f"{micro.LEDGER}, {kind}" for kind in ("CPU", "wall")}

        assert set(micro.PARTS) <= micro.steps().keys() | timed

    def test_steps(self) -> None:
        """Every step can be taken again and again."""
        for step in module("questions.micro").steps().values():
            step()
            step()

    def test_evidence_is_asked(self) -> None:
        """A lost answer after the flag was raised is an unknown call."""
        settled = module("questions.micro").evidence_step(b"{}")()

        assert settled.classification.outcome == "unknown"

    async def test_ledger(self) -> None:
        """Every contact goes from claim to outcome in a real ledger."""
        found = await module("questions.micro").time_ledger(250)

        assert len(found) == 3
        assert all(us > 0 for us in found.values())


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Run a server and return its port."""
    sys.path.insert(0, str(ROOT))
    with module("harness.processes").serving(0.0, None) as port:
        yield port
    sys.path.remove(str(ROOT))


class TestMemory:
    """The memory of a list that is read, imported and dialled."""

    def test_contact_file(self, tmp_path: Path) -> None:
        """The file that is read has all contacts asked for, no two the same."""
        memory = module("questions.memory")
        path = tmp_path / "contacts.csv"
        memory.write_csv(path, 2_000)
        with open_contacts(path, defaults=memory.call_defaults()) as rows:
            contacts = list(rows)

        assert len(contacts) == 2_000
        assert all(isinstance(one, ContactRow) for one in contacts)

    async def test_steps_count_every_contact(self) -> None:
        """A step that loses a contact has no figure."""
        memory = module("questions.memory")
        gauge = memory.Gauge(3)

        async def act() -> None:
            gauge.count()

        with pytest.raises(module("harness.work").WrongRunError):
            await gauge.watch("read", act)

    def test_report(self) -> None:
        """More than is allowed is said, form by form."""
        memory = module("questions.memory")
        runs = [
            {
                "form": "dispatch",
                "contacts": 5,
                "seconds": {"dial": 1.0},
                "peak_mib": 40.0,
                "along": [("dial", 0, 39.0), ("dial", 5, 40.0)],
            }
        ]
        growth = {"dispatch": 17.0, "campaign": 17.0}
        text = memory.memory_report({"runs": runs, "growth_mib": growth})

        assert "dispatch: the longest took +17.0 MiB" in text
        assert "MORE THAN the 16 MiB" in text
        assert "within the 48 MiB" in text

    def test_flat(self) -> None:
        """Four times the contacts take no more memory, ledger and all."""
        record = module("questions.memory").run_memory(
            [2_000, 8_000], None, None, ("campaign",)
        )

        assert [run["contacts"] for run in record["runs"]] == [2_000, 8_000]
        assert all(len(run["along"]) == 33 for run in record["runs"])
        assert record["growth_mib"]["campaign"] < SHORT_GROWTH

    @pytest.mark.long
    @pytest.mark.timeout(3000)
    def test_a_million(self) -> None:
        """A million contacts take what ten thousand do, and SQLite's cache."""
        memory = module("questions.memory")
        record = memory.run_memory([10_000, 1_000_000], None, None)
        print(memory.memory_report(record))  # noqa: T201 - seen with -s

        assert record["within"]
        for run in record["runs"][1::2]:
            dialled = [rss for step, _, rss in run["along"] if step == "dial"]
            assert dialled[-1] - dialled[4] < 4  # flat, once every cache is full

    @pytest.mark.long
    @pytest.mark.timeout(20_000)
    @pytest.mark.parametrize(
        ("form", "contacts"), [("dispatch", 10_000_000), ("campaign", 3_000_000)]
    )
    def test_millions(self, form: str, contacts: int) -> None:
        """Ten million calls streamed, or three million dialled, take no memory more."""
        memory = module("questions.memory")
        record = memory.run_memory([10_000, contacts], None, None, (form,))
        print(memory.memory_report(record))  # noqa: T201 - seen with -s

        assert record["within"]
        dialled = [rss for step, _, rss in record["runs"][1]["along"] if step == "dial"]
        assert dialled[-1] - dialled[4] < 4  # flat, once every cache is full
