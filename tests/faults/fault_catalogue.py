"""Every fault that is known of a PABX and the way to it, and what must come of it.

``CATALOGUE`` holds the cases, ``play`` plays one in the running loop. The first letter
of an id says where it strikes: a before a connection, b to d while the request is
read, e to h in the answer, i on a connection that is used again, k in what is asked,
x where the caller gives up.

What no client can tell is not claimed: a 200 before the request was read (d3) counts
as accepted, because the request had begun to leave and the answer keeps the contract.
Where an idle connection ended or spoke (i1 to i3, i6 to i9) the pool sees it before
the next call leaves, which so goes out on another connection and is accepted there.
"""

import fault_cases_answers
import fault_cases_calls
import fault_cases_connecting
import fault_cases_ends
import fault_cases_reuse
from fault_scene import FaultCase, Played, play

__all__ = ["CATALOGUE", "FaultCase", "Played", "play"]

CATALOGUE: tuple[FaultCase, ...] = (
    *fault_cases_connecting.CASES,
    *fault_cases_ends.CASES,
    *fault_cases_answers.CASES,
    *fault_cases_reuse.CASES,
    *fault_cases_calls.CASES,
)
