from pathlib import Path
from typing import Any

import pytest

from digitro_async.errors import ConfigurationError
from digitro_async.testing import Fault, FaultKind, FaultPlan
from digitro_async.testing.simulator._fault_traits import Stage
from digitro_async.testing.simulator._faults import FaultDecisions


class TestDecisions:
    """Which call a rule holds for."""

    @staticmethod
    def chosen(fault: Fault, calls: int = 10) -> list[int]:
        """List the calls that a rule holds for."""
        decisions = FaultPlan([fault]).decisions()
        return [n for n in range(1, calls + 1) if decisions.choose(Stage.CALL, n, "1")]

    @pytest.mark.parametrize(
        ("conditions", "chosen"),
        [
            ({}, [1, 2, 3, 4, 5]),
            ({"at": 3}, [3]),
            ({"at": [2, 4, 9]}, [2, 4]),
            ({"times": 2}, [1, 2]),
            ({"at": (2, 3, 4), "times": 2}, [2, 3]),
            ({"destination": "1", "times": 1}, [1]),
            ({"destination": "2"}, []),
            ({"probability": 0}, []),
            ({"probability": 1}, [1, 2, 3, 4, 5]),
        ],
    )
    def test_conditions(self, conditions: dict[str, Any], chosen: list[int]) -> None:
        """Every condition that is given must hold."""
        assert self.chosen(Fault("stall", **conditions), 5) == chosen

    def test_chance(self) -> None:
        """A probability is kept on the average."""
        count = len(self.chosen(Fault("stall", probability=0.3), 10_000))

        assert 2_800 < count < 3_200

    def test_seed(self) -> None:
        """The same seed decides the same, another one differently."""

        def decide(seed: int) -> list[bool]:
            plan = FaultPlan([Fault("stall", probability=0.5)], seed=seed)
            decisions = plan.decisions()
            return [decisions.choose(Stage.CALL, n) is not None for n in range(64)]

        assert decide(1) == decide(1)
        assert decide(1) != decide(2)

    def test_first_rule_wins(self) -> None:
        """Of several rules that hold the first one decides."""
        first, second = Fault("stall", at=1), Fault("error_503")
        decisions = FaultDecisions([first, second], seed=0)

        assert decisions.choose(Stage.CALL, 1) is first
        assert decisions.choose(Stage.CALL, 2) is second
        assert decisions.choose(Stage.CONNECT, 1) is None

    def test_private(self) -> None:
        """A rule's repr does not show the number it is for."""
        assert "04832817000" not in repr(Fault("stall", destination="04832817000"))


class TestMapping:
    """Plans made of plain values and files."""

    def test_whole(self) -> None:
        """Plain values make the plan that code would make."""
        plan = FaultPlan.from_mapping(
            {
                "seed": 7,
                "fault": [
                    {"kind": "lose_answer", "probability": 0.05},
                    {"kind": "throttle_429", "at": [3, 4], "retry_after": 2},
                ],
            }
        )

        assert plan == FaultPlan(
            [
                Fault(FaultKind.LOSE_ANSWER, probability=0.05),
                Fault(FaultKind.THROTTLE_429, at=[3, 4], retry_after=2),
            ],
            seed=7,
        )

    @pytest.mark.parametrize(
        ("rule", "message"),
        [
            ({"kind": "boom"}, "fault 2: kind is not one of reset_on_connect"),
            ({"kind": []}, "fault 2: kind is not one of"),
            ({}, "fault 2: kind is missing"),
            (3, "fault 2: must be a table"),
            ({"kind": "stall", "when": 1}, "fault 2: unknown field 'when'"),
            ({"kind": "stall", "at": 0}, "fault 2: at must hold whole numbers"),
            ({"kind": "stall", "at": []}, "fault 2: at must hold whole numbers"),
            ({"kind": "stall", "at": True}, "fault 2: at must hold whole numbers"),
            ({"kind": "stall", "at": 1.5}, "fault 2: at must hold whole numbers"),
            ({"kind": "stall", "probability": 2}, "fault 2: probability must be"),
            ({"kind": "stall", "probability": "1"}, "fault 2: probability must be"),
            ({"kind": "stall", "times": 0}, "fault 2: times must be"),
            ({"kind": "stall", "placed": 1}, "fault 2: placed must be true or false"),
            ({"kind": "stall", "destination": 1}, "fault 2: destination must be text"),
            ({"kind": "status"}, "fault 2: status is required"),
            ({"kind": "status", "status": 99}, "fault 2: status must be"),
            ({"kind": "stall", "status": 500}, "fault 2: status means nothing to"),
            ({"kind": "stall", "size": 5}, "fault 2: size means nothing to stall"),
            ({"kind": "slow_answer", "pause": -1}, "fault 2: pause must be"),
            (
                {"kind": "redirect", "location": "/\r\nX: y"},
                "fault 2: location must be printable",
            ),
            (
                {"kind": "reset_on_connect", "destination": "1"},
                "fault 2: destination is not known",
            ),
            (
                {"kind": "reset_before_reading", "placed": True},
                "fault 2: placed can't be true",
            ),
        ],
    )
    def test_wrong_rule(self, rule: Any, message: str) -> None:
        """A wrong rule is named by its number and field."""
        with pytest.raises(ConfigurationError) as caught:
            FaultPlan.from_mapping({"fault": [{"kind": "stall"}, rule]})

        assert str(caught.value).startswith(message)

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            ({"faults": []}, "unknown setting 'faults'"),
            ({"fault": {}}, "fault must be a list"),
            ({"seed": "x"}, "seed must be a whole number"),
        ],
    )
    def test_wrong_plan(self, data: dict[str, Any], message: str) -> None:
        """A plan with settings that are unknown or of a wrong kind is refused."""
        with pytest.raises(ConfigurationError, match=message):
            FaultPlan.from_mapping(data)

    def test_wrong_values(self) -> None:
        """A plan takes faults and nothing else."""
        with pytest.raises(ConfigurationError, match="Fault values"):
            FaultPlan(["stall"])

    def test_load(self, tmp_path: Path) -> None:
        """A TOML file makes a plan."""
        path = tmp_path / "plan.toml"
        path.write_text('seed = 3\n[[fault]]\nkind = "stall"\nat = 2\n')

        assert FaultPlan.load(path) == FaultPlan([Fault("stall", at=2)], seed=3)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b'[[fault]]\nkind = "x"\n', r"plan\.toml: fault 1: kind is not one of"),
            (b"[[fault]", r"plan\.toml: not TOML: "),
            (b"\xff", r"plan\.toml: not TOML: "),
            (None, r"plan\.toml: No such file"),
        ],
    )
    def test_load_wrong(
        self, tmp_path: Path, content: bytes | None, message: str
    ) -> None:
        """A file that can't be used is named together with what is wrong."""
        path = tmp_path / "plan.toml"
        if content is not None:
            path.write_bytes(content)

        with pytest.raises(ConfigurationError, match=message):
            FaultPlan.load(path)
