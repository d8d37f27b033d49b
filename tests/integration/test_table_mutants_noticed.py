import subprocess
import sys

import pytest
from places import TESTS


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_tests_notice_every_change_of_a_table() -> None:
    """Of the tables that decide about calls nothing can be changed unnoticed."""
    program = TESTS / "unit" / "table_mutants.py"
    ended = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
