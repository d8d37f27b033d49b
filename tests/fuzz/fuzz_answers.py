"""Answers that look for new paths through the reader, guided by coverage (atheris).

``python tests/fuzz/fuzz_answers.py -runs=1000000`` with the extra ``fuzz``; any option
of libFuzzer may follow, and folders with inputs to begin with. It ends with an input
that makes the package and the judge of the tests disagree, or raises what it must not.
"""

import sys

import atheris

with atheris.instrument_imports(include=["digitro_async.protocol"]):
    from digitro_async import protocol

from answer_judge import check_settled


def try_answer(data: bytes) -> None:
    """Settle one answer; its first byte says how the answer came."""
    how, body = data[:1] or b"\0", data[1:]
    status = 200 if how[0] < 0xF0 else how[0] * 2
    check_settled(protocol, protocol.Observation(True, status, body))


if __name__ == "__main__":
    atheris.Setup(sys.argv, try_answer)
    atheris.Fuzz()
