"""Random lives of a ledger that is copied to another place now and then."""

from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import rule, run_state_machine_as_test
from ledgers import SQLiteShelf
from test_ledger_machine import LedgerMachine

from digitro_async import LedgerError
from digitro_async.ledger.transfer import copy_ledger


class MovingMachine(LedgerMachine):
    """A ledger in a file, which moves to another file."""

    kind = "sqlite"

    def carry(self, source: Path, target: Path) -> None:
        """Copy the ledger from one file to another."""
        copy_ledger(source, target)

    @rule()
    def move(self) -> None:
        """Copy the ledger to another place, and go on there."""
        shelf = self.shelf
        assert isinstance(shelf, SQLiteShelf)
        self.do(self.ledger.__aexit__(None, None, None))
        source, target = shelf.path, shelf.move()
        self.carry(source, target)
        self.close(list(self.model.values()))
        self.recovered = 0
        self.ledger = shelf.ledger()
        self.do(self.ledger.__aenter__())

        with pytest.raises(LedgerError, match="was moved to"):
            self.do(shelf.ledger_at(source).__aenter__())


def test_random_lives_that_move() -> None:
    """Whatever happens to a ledger that is moved, it holds what the model says."""
    run_state_machine_as_test(
        MovingMachine, settings=settings(max_examples=6, stateful_step_count=30)
    )


@pytest.mark.long
@pytest.mark.timeout(900)
def test_many_random_lives_that_move() -> None:
    """Whatever happens in 500 lives with moves, a ledger holds what the model says."""
    run_state_machine_as_test(
        MovingMachine, settings=settings(max_examples=500, stateful_step_count=50)
    )
